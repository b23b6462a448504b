"""Extracts of market research and of the clearing house for numbers."""

from tenure.simulator.catalogue import OFFERS, OPERATOR, RIVALS
from tenure.simulator.columns import amounts, dates, dates_of, instants, integers, millionths
from tenure.simulator.entities.entity import CURRENCY, LINE, MSISDN, OFFER, REGION, Entity, codes_of, identifiers_of
from tenure.simulator.market import PLAN_TYPES, PORTING_STATES, SERVICE_LINES

_RANGES = {"prepaid": "Go", "postpaid": "Plus", "broadband": "Fibre", "group": "Team"}


def market() -> list[Entity]:
    """The extracts about the market, in delivery order."""
    return [
        Entity(
            "market",
            "rival_offer",
            (
                ("rival_offer_id", identifiers_of("R", 5)),
                ("effective_at", instants),
                ("rival_name", codes_of(RIVALS)),
                ("offer_name", codes_of(tuple(_rival_name(offer.segment, offer.rival_fee) for offer in OFFERS))),
                ("service_line", codes_of(tuple(offer.service_line for offer in OFFERS))),
                ("plan_type", codes_of(tuple(offer.plan_type for offer in OFFERS))),
                ("monthly_fee_amount", amounts),
                ("currency_code", CURRENCY),
                ("data_mb", integers),
                ("voice_minutes", integers),
                ("region_id", REGION),
                ("comparable_offer_id", OFFER),
            ),
            "effective_at",
            "csv",
            "csv",
            "rival_offer_id",
            ("rival_name",),
            ("service_line", "plan_type"),
            ("monthly_fee_amount",),
        ),
        Entity(
            "market",
            "rival_campaign",
            (
                ("rival_campaign_id", identifiers_of("V", 6)),
                ("effective_at", instants),
                ("rival_name", codes_of(RIVALS)),
                ("region_id", REGION),
                ("service_line", codes_of(SERVICE_LINES)),
                ("plan_type", codes_of(PLAN_TYPES)),
                ("discount_percent", integers),
                ("start_date", dates),
                ("end_date", dates),
            ),
            "effective_at",
            "jsonl",
            "jsonl",
            "rival_campaign_id",
            ("rival_name",),
            ("service_line",),
        ),
        Entity(
            "market",
            "porting",
            (
                ("porting_id", identifiers_of("N", 12)),
                ("subscription_id", LINE),
                ("msisdn", MSISDN),
                ("direction", codes_of(("in", "out"))),
                ("rival_name", codes_of(RIVALS)),
                ("requested_at", instants),
                ("completed_at", instants),
                ("status_code", codes_of(PORTING_STATES)),
                ("region_id", REGION),
            ),
            "completed_at",
            "jsonl.gz",
            "jsonl",
            "porting_id",
            ("rival_name",),
            ("direction", "status_code"),
        ),
        Entity(
            "market",
            "market_share",
            (
                ("region_id", REGION),
                ("operator_name", codes_of((OPERATOR, *RIVALS))),
                ("month", dates_of),
                ("service_line", codes_of(SERVICE_LINES)),
                ("subscription_count", integers),
                ("share_ratio", millionths),
            ),
            "month",
            "csv",
            "csv",
            "share_key",
            ("operator_name",),
            ("service_line",),
            ("subscription_count",),
            is_monthly=True,
        ),
    ]


def _rival_name(segment: str, fee: int) -> str:
    return f"{_RANGES.get(segment, 'Extra')} {fee // 100}"
