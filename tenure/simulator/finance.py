"""What things cost, what was planned, and the general ledger: all of it follows from the month's other extracts."""

import numpy as np

from tenure.simulator.catalogue import OFFERS, REGIONS
from tenure.simulator.codes import CHARGE_TYPES
from tenure.simulator.columns import MILLION
from tenure.simulator.journal import Journal
from tenure.simulator.opening import FOUNDED_ON
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Integers, Month, day_number

COST_TYPES = ("commission", "subsidy", "marketing", "interconnect", "care", "network")
_COMMISSION, _SUBSIDY, _MARKETING, _INTERCONNECT, _CARE, _NETWORK = range(len(COST_TYPES))
# Fen for a new line, by channel of the catalogue; half is taken back when the line is lost within 90 days.
COMMISSIONS = (3_000, 1_000, 2_500, 6_000, 8_000)
CLAWBACK_DAYS = 90
HANDSET_SUBSIDY = 30_000
INTERCONNECT_PERCENT = 4  # of what mobile lines are billed for: calls that end with rivals
# (code, service, unit, fen at first, fen from the sixth month on); contacts in the order of care's channels
UNIT_COSTS = (
    ("contact_call", "care", "contact", 900, 950),
    ("contact_app", "care", "contact", 20, 20),
    ("contact_store", "care", "contact", 1_400, 1_500),
    ("contact_chat", "care", "contact", 350, 330),
    ("contact_email", "care", "contact", 300, 300),
    ("contact_social", "care", "contact", 280, 280),
    ("network_mobile_line", "mobile", "line month", 620, 600),
    ("network_broadband_line", "broadband", "line month", 1_500, 1_450),
    ("off_net_minute", "voice", "minute", 6, 6),
    ("data_gigabyte", "data", "gigabyte", 40, 36),
)
REPRICED_IN = 5
_CODES = tuple(entry[0] for entry in UNIT_COSTS)
CURRENCIES = (("USD", 7.12), ("EUR", 8.05), ("HKD", 0.912))
ACCOUNT_CODES = (*(f"revenue_{charge}" for charge in CHARGE_TYPES), "tax_payable", "accounts_receivable")
KPI_CODES = ("closing_base", "net_additions", "churn_rate", "arpu")
TARGETS_SET_ON = 25  # day of the month before
_CLOSED_AT = -1  # the books of a month are dated its last second


# Cost type, region, channel, line, campaign (-1 where there is none) and amount of bookings
_Booking = tuple[int, Integers, Integers | int, Integers | int, int, Integers]


def close_books(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Book the month: call it last, when everything that costs or earns is in the journal."""
    _journal_unit_costs(journal, month)
    _journal_rates(seed, journal, month)
    _journal_costs(world, journal, month)
    _journal_ledger(world, journal, month)
    _journal_targets(world, journal, month)


def unit_costs(month: Month) -> Integers:
    """Fen for a unit in force during the month, in the order of UNIT_COSTS."""
    return np.array([entry[4 if month.index >= REPRICED_IN else 3] for entry in UNIT_COSTS])


def _journal_unit_costs(journal: Journal, month: Month) -> None:
    since = {0: day_number(FOUNDED_ON) * DAY_SECONDS, REPRICED_IN: month.start}.get(month.index)
    if since is None:
        return
    before, now = unit_costs(Month(0, 0, 0)), unit_costs(month)
    rows = np.flatnonzero(now != before) if month.index else np.arange(len(UNIT_COSTS))
    journal.add(
        "finance.unit_cost",
        len(rows),
        unit_cost_code=rows,
        effective_at=since,
        service_type=rows,
        unit_name=rows,
        amount=now[rows],
        currency_code=0,
    )


def _journal_rates(seed: int, journal: Journal, month: Month) -> None:
    """Daily rates that swing slowly around a level, with a little noise."""
    rng, days = child(seed, "exchange rates", month.index), np.arange(month.first_day, month.end_day)
    for position, (_, level) in enumerate(CURRENCIES):
        swing = 0.015 * np.sin(days / 60 + position) + rng.normal(0, 0.001, len(days))
        journal.add(
            "finance.exchange_rate",
            len(days),
            from_currency_code=position,
            to_currency_code=0,
            rate_date=days,
            rate=np.rint(level * np.exp(swing) * MILLION).astype(np.int64),
        )


def _journal_costs(world: World, journal: Journal, month: Month) -> None:
    lines = world.lines
    rows: list[_Booking] = []
    joined = np.flatnonzero((lines.activated_at >= month.start) & (lines.activated_at < month.end))
    commission = np.array(COMMISSIONS)[lines.channel]
    rows.append((_COMMISSION, lines.region[joined], lines.channel[joined], joined, -1, commission[joined]))
    lost = np.flatnonzero(
        (lines.terminated_at >= month.start)
        & (lines.terminated_at < month.end)
        & (lines.terminated_at < lines.activated_at + CLAWBACK_DAYS * DAY_SECONDS)
    )
    rows.append((_COMMISSION, lines.region[lost], lines.channel[lost], lost, -1, -commission[lost] // 2))
    financed = joined[lines.instalment[joined] > 0]
    subsidy = np.full(len(financed), HANDSET_SUBSIDY)
    rows.append((_SUBSIDY, lines.region[financed], lines.channel[financed], financed, -1, subsidy))
    regions = np.arange(len(REGIONS))
    contacts = "marketing.campaign_contact"
    campaign, cost = journal.column(contacts, "campaign_id"), journal.column(contacts, "cost_amount")
    region = lines.region[journal.column(contacts, "subscription_id") - 1]
    for number in np.unique(campaign):
        of_region = _by_region(region, campaign == number, cost)
        rows.append((_MARKETING, regions, -1, -1, int(number), of_region))
    costs, contact = unit_costs(month), "care.interaction"
    channel, line = journal.column(contact, "channel_code"), journal.column(contact, "subscription_id") - 1
    of_care = _by_region(lines.region[line], line >= 0, costs[channel])
    rows.append((_CARE, regions, -1, -1, -1, of_care))
    is_mobile = np.array([offer.service_line == "mobile" for offer in OFFERS])[lines.offer]
    billed = np.maximum(lines.bill_1, 0)
    rows.append(
        (_INTERCONNECT, regions, -1, -1, -1, _by_region(lines.region, is_mobile, billed) * INTERCONNECT_PERCENT // 100)
    )
    there = (lines.terminated_at >= month.end) & (lines.activated_at < month.end)
    per_line = np.where(
        is_mobile, costs[_CODES.index("network_mobile_line")], costs[_CODES.index("network_broadband_line")]
    )
    rows.append((_NETWORK, regions, -1, -1, -1, _by_region(lines.region, there, per_line)))
    _journal_cost_rows(journal, month, rows)


def _by_region(region: Integers, chosen: Flags, amount: Integers) -> Integers:
    """Sum of the chosen amounts in each region."""
    return np.bincount(region[chosen], amount[chosen], len(REGIONS)).astype(np.int64)


def _journal_cost_rows(journal: Journal, month: Month, rows: list[_Booking]) -> None:
    numbered = 0
    for kind, region, channel, line, campaign, amount in rows:
        count = len(amount)
        some = np.flatnonzero(amount)
        places = {"region_id": region, "channel_id": channel, "subscription_id": line}
        whole = {name: np.broadcast_to(np.asarray(place), (count,))[some] for name, place in places.items()}
        whole["subscription_id"] = np.where(whole["subscription_id"] >= 0, whole["subscription_id"] + 1, -1)
        journal.add(
            "finance.cost",
            len(some),
            **whole,
            cost_id=int(month.code) * 10**7 + numbered + np.arange(1, len(some) + 1),
            cost_month=month.first_day,
            cost_type=kind,
            campaign_id=campaign,
            amount=amount[some],
            currency_code=0,
            booked_at=month.end + _CLOSED_AT,
        )
        numbered += len(some)


def _journal_ledger(world: World, journal: Journal, month: Month) -> None:
    """Revenue by kind and tax of all documents of the bill run, and what is owed to us after it."""
    bills = "billing.invoice_line"
    charge, net = journal.column(bills, "charge_type"), journal.column(bills, "net_amount")
    revenue = np.bincount(charge, net, len(CHARGE_TYPES)).astype(np.int64)
    owed = int(world.receivables.open.sum() - world.payers.credit.sum())
    amount = np.array([*revenue, journal.column(bills, "tax_amount").sum(), owed])
    journal.add(
        "finance.gl_total",
        len(amount),
        account_code=np.arange(len(ACCOUNT_CODES)),
        month=month.first_day,
        amount=amount,
        currency_code=0,
        booked_at=month.end + _CLOSED_AT,
    )


def _journal_targets(world: World, journal: Journal, month: Month) -> None:
    """Targets of the next month, set late in this one from what is known; of this one too as the story begins."""
    lines = world.lines
    there = (lines.terminated_at == NEVER) & (lines.is_inactive == 0)
    base = np.bincount(lines.region[there], minlength=len(REGIONS))
    billed = there & (lines.bill_1 > 0)
    revenue = np.bincount(lines.region[billed], lines.bill_1[billed], len(REGIONS))
    arpu = revenue / 100 / np.maximum(base, 1)
    for target_day, set_at, ahead in (
        (month.end_day, month.start + (TARGETS_SET_ON - 1) * DAY_SECONDS + 10 * 3_600, 1),
        (month.first_day, month.start, 0),
    ):
        if ahead or month.index == 0:
            growth = np.rint(base * 0.006)
            values = np.array([base + growth, growth, np.full(len(REGIONS), 0.024), arpu * 1.01])
            total = np.array([values[0].sum(), values[1].sum(), 0.024, revenue.sum() / 100 / max(base.sum(), 1) * 1.01])
            both = np.column_stack([values, total])
            kpi, region = np.divmod(np.arange(both.size), len(REGIONS) + 1)
            journal.add(
                "finance.kpi_target",
                both.size,
                kpi_code=kpi,
                effective_at=set_at,
                month=target_day,
                region_id=region,
                brand_name=0,
                service_line=0,
                plan_type=0,
                target_value=np.rint(both.ravel() * MILLION).astype(np.int64),
            )
