"""What each line earns and costs: documents and bookings shared out, or units at what a unit cost then.

Every amount of the simulated operator is in one currency, which is asserted where costs are read.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.oracle.deliveries import all_rows, deliveries
from tests.oracle.operator import histories
from tests.oracle.revenue import (
    CENT,
    SERVICE,
    UNALLOCATED,
    posted_month,
    state_at_month_end,
)
from tests.oracle.summaries import Opinion, Slice, base_movement
from tests.oracle.usage import UNKNOWN

CURRENCY = "CNY"
KINDS = {
    "care": "service",
    "marketing": "campaign",
    **{name: name for name in ("commission", "subsidy", "interconnect", "network")},
}
LINE_UNITS = {"mobile": "network_mobile_line", "broadband": "network_broadband_line"}
WINNING = ("win_back", None)  # objectives of campaigns, or none, that win customers; the others keep and grow the base
MICRO = Decimal("0.000001")
Weights = dict[str, Decimal]
# (month, line or unallocated, region of an unallocated booking)
Place = tuple[date, str, str]


@dataclass
class Profit:
    """Amounts by place and kind (`revenue`, `service_revenue`, the cost kinds, `retention`), and the months known."""

    amounts: dict[Place, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    booked_months: set[date] = field(default_factory=set)

    def add(self, month: date, line_id: str, region: str, kind: str, amount: Decimal) -> None:
        """Count an amount; the region matters only where no line bears it."""
        self.amounts[month, line_id, region if line_id == UNALLOCATED else ""][kind] += amount

    def margin(self, place: Place) -> Decimal:
        """Revenue less the seven costs."""
        of = self.amounts[place]
        return of["revenue"] - sum((of[kind] for kind in (*KINDS.values(), "bad_debt")), Decimal(0))

    def running_margin(self, place: Place) -> Decimal:
        """Service revenue less what running the line costs."""
        of = self.amounts[place]
        return of["service_revenue"] - sum(of[kind] for kind in ("interconnect", "network", "service", "bad_debt"))


def count_profit(opinion: Opinion) -> Profit:
    """Revenue, bookings and, where a kind has none for a month, units at unit cost; bad debt."""
    profit, operator = Profit(), opinion.operator
    for (line_id, _, posted, charge, *_), (net, _) in opinion.revenue.rows.items():
        profit.add(posted, line_id, UNKNOWN, "revenue", net)
        if charge in SERVICE:
            profit.add(posted, line_id, UNKNOWN, "service_revenue", net)
    objectives = {
        name: history.latest["objective_code"]
        for name, history in histories(operator.folder, "marketing.campaign", "campaign_id", operator.end).items()
    }
    caused = _caused(opinion)
    booked = set()
    pools: dict[tuple[date, date, str, str, str | None], Decimal] = defaultdict(Decimal)
    for delivery in deliveries(operator.folder, "finance.cost"):
        profit.booked_months |= {delivery.period_from.replace(day=1), delivery.period_to.replace(day=1)}
        for row in delivery.rows():
            assert row["currency_code"] == CURRENCY
            month, kind = date.fromisoformat(row["cost_month"]), KINDS[row["cost_type"]]
            posted = posted_month(operator, month, datetime.fromisoformat(row["booked_at"]), delivery.business_date)
            booked.add((month, kind))
            if row["subscription_id"]:
                profit.add(posted, row["subscription_id"], row["region_id"], kind, Decimal(row["amount"]))
            else:
                pools[posted, month, kind, row["region_id"], row["campaign_id"]] += Decimal(row["amount"])
    for (posted, month, kind, region, campaign), amount in pools.items():
        weights = {
            line: weight for line, weight in caused[month, kind, region, campaign].items() if line != UNALLOCATED
        }
        keeps = kind == "campaign" and objectives.get(campaign or "") not in WINNING
        for line_id, part in _split(amount, weights).items():
            profit.add(posted, line_id, region, kind, part)
            if keeps:
                profit.add(posted, line_id, region, "retention", part)
    for (month, kind, region, campaign), weights in caused.items():
        if (month, kind) in booked:
            continue
        for line_id, weight in weights.items():
            amount = weight.quantize(CENT, ROUND_HALF_UP)
            profit.add(month, line_id, region, kind, amount)
            if kind == "campaign" and objectives.get(campaign or "") not in WINNING:
                profit.add(month, line_id, region, "retention", amount)
    _write_off(opinion, profit)
    return profit


def _split(total: Decimal, weights: Weights) -> Weights:
    """Shares to the cent with the rest on the largest; all of it on nobody when there is no weight."""
    whole = sum(weights.values())
    if not whole:
        return {UNALLOCATED: total}
    parts = {name: (total * weight / whole).quantize(CENT, ROUND_HALF_UP) for name, weight in weights.items()}
    parts[min(weights, key=lambda name: (-weights[name], name))] += total - sum(parts.values())
    return parts


def _caused(opinion: Opinion) -> dict[tuple[date, str, str, str | None], Weights]:
    """What each line caused by month, kind, region and campaign, at the unit cost in force."""
    operator = opinion.operator
    prices = histories(operator.folder, "finance.unit_cost", "unit_cost_code", operator.end)
    found: dict[tuple[date, str, str, str | None], Weights] = defaultdict(lambda: defaultdict(Decimal))

    def price(code: str, at: datetime) -> Decimal:
        return Decimal(prices[code].at(at)["amount"]) if code in prices else Decimal(0)

    def region_of(line_id: str | None, at: datetime) -> tuple[str, str]:
        line = operator.lines.get(line_id or "")
        return (line.history.at(at)["region_id"], line.line_id) if line else (UNKNOWN, UNALLOCATED)

    for row in all_rows(operator.folder, "care.interaction"):
        at = datetime.fromisoformat(row["started_at"])
        if at < operator.end:
            region, line_id = region_of(row["subscription_id"], at)
            month = operator.clock.day(at).replace(day=1)
            found[month, "service", region, None][line_id] += price(f"contact_{row['channel_code']}", at)
    for seen in opinion.months:
        if seen.is_closing and seen.closing[2] in LINE_UNITS:
            last = operator.month_end(seen.month) - timedelta(microseconds=1)
            found[seen.month, "network", seen.closing[0], None][seen.line.line_id] += price(
                LINE_UNITS[seen.closing[2]], last
            )
    used: dict[tuple[date, str, str, str], int] = defaultdict(int)
    for (month, line_id, place, service, direction, network, *_), amounts in opinion.usage.monthly.items():
        owner = UNALLOCATED if line_id == UNKNOWN else line_id
        if service == "data":
            used[month, "network", place[0], owner] += amounts.volume
        elif service == "voice" and direction == "outgoing" and network == "off_net":
            used[month, "interconnect", place[0], owner] += amounts.seconds
    for (month, kind, region, line_id), quantity in used.items():
        code, size = ("data_gigabyte", 10**9) if kind == "network" else ("off_net_minute", 60)
        last = operator.month_end(month) - timedelta(microseconds=1)
        cost = (quantity * price(code, last) / size).quantize(MICRO, ROUND_HALF_UP)
        found[month, kind, region, None][line_id] += cost
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        at = datetime.fromisoformat(row["assigned_at"])
        if row["cost_amount"] is not None and at < operator.end:
            region, line_id = region_of(row["subscription_id"], at)
            month = operator.clock.day(at).replace(day=1)
            found[month, "campaign", region, row["campaign_id"]][line_id] += Decimal(row["cost_amount"])
    for weights in found.values():
        for line_id in [line_id for line_id, weight in weights.items() if not weight]:
            del weights[line_id]
    return found


def _write_off(opinion: Opinion, profit: Profit) -> None:
    """Write-offs less recoveries, by what each line was billed on the invoice, tax included."""
    operator = opinion.operator
    billed = opinion.revenue.gross_of_invoice
    for row in all_rows(operator.folder, "billing.collection_event"):
        at = datetime.fromisoformat(row["occurred_at"])
        if row["event_type"] not in ("write_off", "recovery") or at >= operator.end:
            continue
        assert row["currency_code"] == CURRENCY
        sign = -1 if row["event_type"] == "recovery" else 1
        on_invoice = billed[row["invoice_id"]].items()
        weights = {line: weight for line, weight in on_invoice if weight > 0 and line != UNALLOCATED}
        if row["subscription_id"]:
            weights = {row["subscription_id"]: Decimal(1)}
        for line_id, part in _split(sign * Decimal(row["amount"]), weights).items():
            profit.add(operator.clock.day(at).replace(day=1), line_id, UNKNOWN, "bad_debt", part)


def acquisition(opinion: Opinion, profit: Profit) -> dict[tuple[date, Slice], tuple[Decimal, Decimal]]:
    """The two sides of SAC by month and slice, for months whose costs were booked: cost, activations + win-backs."""
    found: dict[tuple[date, Slice], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for (month, line_id, region), of in profit.amounts.items():
        cost = of["commission"] + of["subsidy"] + of["campaign"] - of["retention"]
        found[month, slice_of_place(opinion, month, line_id, region)][0] += cost
    for (month, place), counts in base_movement(opinion).items():
        found[month, place][1] += counts["activation_count"] + counts["win_back_count"]
    return {
        key: (cost, joiners)
        for key, (cost, joiners) in found.items()
        if key[0] in profit.booked_months and (cost or joiners)
    }


def slice_of_place(opinion: Opinion, month: date, line_id: str, region: str) -> Slice:
    """Slice of a line as the month ends or it leaves, its tier that of the month; the region of what no line bears."""
    line = opinion.operator.lines.get(line_id)
    place: Slice = (region or UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    if line:
        place = opinion.operator.slice_of(state_at_month_end(opinion.operator, line, month))
    return (*place, opinion.tiers.get((line_id, month), "standard"))
