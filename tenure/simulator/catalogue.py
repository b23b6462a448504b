"""What the simulated operator sells, where and through whom.

The operator, its rivals and its brands are invented; places are real Chinese cities with rounded public sizes. Money is
in fen (1/100 CNY).
"""

from dataclasses import dataclass

CURRENCY = "CNY"
BRANDS = ("Summit", "Harmony", "Tide", "Homeland", "HomeLink", "WorkLink")
OPERATOR = "Tenure Telecom"
RIVALS = ("Union Mobile", "East Telecom", "Broadnet")


@dataclass(frozen=True)
class Region:
    """A city the operator serves; sizes at the start and their yearly growth, weight = share of the lines."""

    region_id: str
    name: str
    province: str
    population: int
    households: int
    firms: int
    yearly_growth: float
    weight: float


REGIONS = (
    Region("GD-GZ", "Guangzhou", "Guangdong", 18_800_000, 6_900_000, 1_950_000, 0.006, 0.18),
    Region("GD-SZ", "Shenzhen", "Guangdong", 17_800_000, 6_500_000, 2_600_000, 0.008, 0.17),
    Region("GD-FS", "Foshan", "Guangdong", 9_600_000, 3_300_000, 900_000, 0.005, 0.10),
    Region("JS-NJ", "Nanjing", "Jiangsu", 9_500_000, 3_400_000, 1_000_000, 0.005, 0.12),
    Region("JS-SZ", "Suzhou", "Jiangsu", 12_900_000, 4_500_000, 1_300_000, 0.004, 0.13),
    Region("ZJ-HZ", "Hangzhou", "Zhejiang", 12_500_000, 4_600_000, 1_400_000, 0.012, 0.14),
    Region("SC-CD", "Chengdu", "Sichuan", 21_400_000, 7_900_000, 1_600_000, 0.007, 0.11),
    Region("SC-MY", "Mianyang", "Sichuan", 4_900_000, 1_800_000, 180_000, 0.001, 0.05),
)

# (channel_id, name, type, weight among new lines)
CHANNELS = (
    ("CH01", "Own stores", "store", 0.34),
    ("CH02", "App and web shop", "online", 0.27),
    ("CH03", "Telesales centre", "telesales", 0.12),
    ("CH04", "Street agents", "agent", 0.19),
    ("CH05", "Retail partners", "partner", 0.08),
)


@dataclass(frozen=True)
class Offer:
    """A product of the price list.

    segment groups the main offers a line may choose between; allowances are a month's; rival_fee is what the rivals
    ask for the like, known to the simulator only. Fees in fen.
    """

    offer_id: str
    name: str
    offer_type: str
    brand: str
    service_line: str
    plan_type: str
    segment: str
    fee: int
    rival_fee: int
    term_months: int
    voice_minutes: int
    data_mb: int
    sms_count: int


def _main(
    code: str,
    name: str,
    brand: str,
    line: str,
    plan: str,
    segment: str,
    fees: tuple[int, int],
    term: int,
    allowances: tuple[int, int, int],
) -> Offer:
    fee, rival_fee = (yuan * 100 for yuan in fees)
    minutes, megabytes, messages = allowances
    return Offer(code, name, "main", brand, line, plan, segment, fee, rival_fee, term, minutes, megabytes, messages)


def _extra(code: str, name: str, kind: str, brand: str, plan: str, fee: int) -> Offer:
    return Offer(code, name, kind, brand, "mobile", plan, kind, fee * 100, fee * 100, -1, 0, 0, 0)


OFFERS = (
    _main("P008", "Homeland 8", "Homeland", "mobile", "prepaid", "prepaid", (8, 8), -1, (0, 200, 0)),
    _main("P018", "Homeland 18", "Homeland", "mobile", "prepaid", "prepaid", (18, 17), -1, (20, 3_000, 10)),
    _main("P019", "Tide 19", "Tide", "mobile", "prepaid", "prepaid", (19, 21), -1, (10, 5_000, 10)),
    _main("P029", "Homeland 29", "Homeland", "mobile", "prepaid", "prepaid", (29, 25), -1, (60, 8_000, 20)),
    _main("P039", "Tide 39", "Tide", "mobile", "prepaid", "prepaid", (39, 36), -1, (60, 20_000, 20)),
    _main("H059", "Harmony 59", "Harmony", "mobile", "postpaid", "postpaid", (59, 60), 12, (60, 10_000, 30)),
    _main("H079", "Harmony 79", "Harmony", "mobile", "postpaid", "postpaid", (79, 76), 12, (100, 20_000, 30)),
    _main("H099", "Harmony 99", "Harmony", "mobile", "postpaid", "postpaid", (99, 92), 12, (150, 30_000, 50)),
    _main("S128", "Summit 128", "Summit", "mobile", "postpaid", "postpaid", (128, 125), 24, (250, 40_000, 50)),
    _main("S158", "Summit 158", "Summit", "mobile", "postpaid", "postpaid", (158, 142), 24, (400, 60_000, 100)),
    _main("S198", "Summit 198", "Summit", "mobile", "postpaid", "postpaid", (198, 188), 24, (600, 80_000, 100)),
    _main("S298", "Summit 298", "Summit", "mobile", "postpaid", "postpaid", (298, 268), 24, (1_000, 150_000, 100)),
    _main("B300", "HomeLink 300M", "HomeLink", "broadband", "postpaid", "broadband", (60, 58), 12, (0, 0, 0)),
    _main("B500", "HomeLink 500M", "HomeLink", "broadband", "postpaid", "broadband", (80, 84), 24, (0, 0, 0)),
    _main("B999", "HomeLink 1000M", "HomeLink", "broadband", "postpaid", "broadband", (120, 108), 24, (0, 0, 0)),
    _main("W048", "WorkLink 48", "WorkLink", "mobile", "postpaid", "group", (48, 48), 24, (80, 8_000, 20)),
    _main("W068", "WorkLink 68", "WorkLink", "mobile", "postpaid", "group", (68, 66), 24, (150, 20_000, 30)),
    _main("W098", "WorkLink 98", "WorkLink", "mobile", "postpaid", "group", (98, 90), 24, (300, 40_000, 50)),
    _extra("X010", "Data pack 10 GB", "addon", "Harmony", "postpaid", 20),
    _extra("X020", "Video and music", "addon", "Summit", "postpaid", 15),
    _extra("X030", "Family bundle", "bundle", "Harmony", "postpaid", 30),
)
SEGMENTS = ("prepaid", "postpaid", "broadband", "group")
# Share of new lines by main offer within its segment, cheapest first: light users take the cheap end.
SEGMENT_SHARES = {
    "prepaid": (0.16, 0.28, 0.22, 0.18, 0.16),
    "postpaid": (0.27, 0.24, 0.18, 0.14, 0.09, 0.05, 0.03),
    "broadband": (0.45, 0.36, 0.19),
    "group": (0.45, 0.35, 0.20),
}
# (month index of the simulation, offer, new fee in fen): a steep rise of the plan that most postpaid lines hold, to be
# seen in the churn of a small operator too, and a cut of a prepaid plan.
PRICE_CHANGES = ((7, "H059", 7_400), (10, "P029", 2_600))


def offer_position(offer_id: str) -> int:
    """Index of an offer in OFFERS."""
    return next(index for index, offer in enumerate(OFFERS) if offer.offer_id == offer_id)


def segment_offers(segment: str) -> list[int]:
    """Indices of the main offers of a segment, cheapest first."""
    return [index for index, offer in enumerate(OFFERS) if offer.offer_type == "main" and offer.segment == segment]
