"""Points of members, counted from the files: what was earned, spent and lost, and what is owed at each month's end."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from tests.oracle.deliveries import deliveries
from tests.oracle.operator import months_later
from tests.oracle.revenue import posted_month
from tests.oracle.summaries import Opinion

BREAKAGE_MONTHS = 12
KINDS = {"earn": "earned", "redeem": "redeemed", "expire": "expired", "adjust": "adjusted"}
COLUMNS = (
    *("opening", "transfer_in", "earned", "redeemed", "expired", "adjusted", "transfer_out", "closing", "members"),
)
Place = tuple[str, str]  # region, tier
CENT = Decimal("0.01")


def read_movements(opinion: Opinion) -> list[tuple[str, date, str, int, datetime]]:
    """Member, month it counts in, kind, points and instant of every movement up to the end of what is known."""
    operator, found = opinion.operator, []
    for delivery in deliveries(operator.folder, "marketing.loyalty_transaction"):
        for row in delivery.rows():
            at = datetime.fromisoformat(row["occurred_at"])
            if at < operator.end:
                month = posted_month(operator, operator.clock.day(at).replace(day=1), at, delivery.business_date)
                found.append((row["customer_id"], month, row["transaction_type"], int(row["points"]), at))
    return found


def liability(opinion: Opinion) -> dict[tuple[date, Place], dict[str, int]]:
    """The movement of points by month and place. A member who changed place carries the points held at the opening."""
    moved: dict[str, dict[date, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for customer, month, kind, points, _ in read_movements(opinion):
        moved[customer][month][KINDS[kind]] += points
    tiers = _best_tiers(opinion)
    found: dict[tuple[date, Place], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COLUMNS, 0))
    first = opinion.operator.months()[0]
    for customer, by_month in moved.items():
        held = sum(sum(kinds.values()) for month, kinds in by_month.items() if month < first)
        before: Place | None = None
        for month in opinion.operator.months():
            if month < min(by_month):
                continue
            state = opinion.operator.customers[customer].before(opinion.operator.month_end(month))
            place = (state["region_id"], tiers.get((customer, month), "unknown"))
            there, here = found[month, place], found[month, before or place]
            here["opening"] += held
            if before not in (None, place):
                here["transfer_out"] += held
                there["transfer_in"] += held
            for kind, points in by_month[month].items():
                there[kind] += -points if kind in ("redeemed", "expired") else points
                held += points
            there["closing"] += held
            there["members"] += held > 0
            before = place
    return dict(found)


def _best_tiers(opinion: Opinion) -> dict[tuple[str, date], str]:
    """The best tier of the lines that a customer owns as a month ends."""
    order = ("diamond", "gold", "silver", "standard")
    best: dict[tuple[str, date], str] = {}
    for seen in opinion.months:
        if seen.is_closing:
            owner = seen.line.history.before(seen.seen_at)["customer_id"]
            tier = opinion.tiers[seen.line.line_id, seen.month]
            best[owner, seen.month] = min(best.get((owner, seen.month), tier), tier, key=order.index)
    return best


def breakage(movement: dict[tuple[date, Place], dict[str, int]], month: date) -> Decimal | None:
    """Of the points that ended in the twelve months up to this one, the share that expired."""
    since = months_later(month, 1 - BREAKAGE_MONTHS)
    ended = [row for (other, _), row in movement.items() if since <= other <= month]
    expired, redeemed = (sum(row[name] for row in ended) for name in ("expired", "redeemed"))
    if not expired + redeemed:
        return None
    return (Decimal(expired) / (expired + redeemed)).quantize(Decimal("0.000001"), ROUND_HALF_UP)


def owed(points: int, rate: Decimal | None, seed: Path) -> Decimal:
    """Money of the points held less those that nobody is expected to ask for. The seed has one value for all time."""
    with seed.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    return (points * Decimal(row["point_value_amount"]) * (1 - (rate or 0))).quantize(CENT, ROUND_HALF_UP)


def remaining(opinion: Opinion) -> dict[str, int]:
    """Points that each member has left, by walking through the ledger in order of time."""
    left: dict[str, int] = defaultdict(int)
    for customer, _, _, points, _ in read_movements(opinion):
        left[customer] += points
    return left
