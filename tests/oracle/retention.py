"""Who pays (the market), what a line is worth, and how much of the core of a month is still there later.

Written from the definitions of the product. Where these leave a choice: a relation holds from its first day up to, and
without, the day on which it ended; attributes are those just before the month ends or the line leaves.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from tests.oracle.deliveries import Row, all_rows
from tests.oracle.movement import LineMonth
from tests.oracle.operator import Operator, histories, months_later
from tests.oracle.summaries import Opinion

CORE = ("diamond", "gold", "silver")
KEPT = Decimal("0.8")
HORIZON_MONTHS = 12


class Retention:
    """Market and mean revenue of each line and month, and the core followed for a year."""

    def __init__(self, opinion: Opinion) -> None:
        self.opinion = opinion
        self.operator: Operator = opinion.operator
        self.closing = {(seen.line.line_id, seen.month): seen for seen in opinion.months if seen.is_closing}

    def _latest(self, entity: str, key: str) -> list[Row]:
        found = histories(self.operator.folder, entity, key, self.operator.end)
        return [history.latest for history in found.values()]

    @cached_property
    def families(self) -> dict[str, list[Row]]:
        """Family relations by each of the two customers."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self._latest("crm.customer_relation", "relation_id"):
            if row["relation_type"] == "family":
                found[row["from_customer_id"]].append(row)
                found[row["to_customer_id"]].append(row)
        return found

    @cached_property
    def bundles(self) -> dict[str, list[Row]]:
        """Holdings of bundles by line."""
        kinds = {row["offer_id"]: row["offer_type"] for row in all_rows(self.operator.folder, "crm.offer")}
        found: dict[str, list[Row]] = defaultdict(list)
        for row in self._latest("crm.subscribed_offer", "subscribed_offer_id"):
            if kinds[row["offer_id"]] == "bundle":
                found[row["subscription_id"]].append(row)
        return found

    def payer(self, seen: LineMonth) -> str:
        """The customer of the account that a line is billed to."""
        account = seen.line.history.before(seen.seen_at)["account_id"]
        return str(self.operator.accounts[account].before(seen.seen_at)["customer_id"])

    def markets(self) -> dict[tuple[str, date], str]:
        """group, else family, else individual, of each line and month."""
        with_bundle = {
            (seen.month, self.payer(seen))
            for seen in self.opinion.months
            if any(_held(row, seen.seen_at) for row in self.bundles.get(seen.line.line_id, []))
        }
        found = {}
        for seen in self.opinion.months:
            payer, day = self.payer(seen), self.operator.clock.day(seen.seen_at - timedelta(microseconds=1))
            market = "individual"
            if (seen.month, payer) in with_bundle or any(_related(row, day) for row in self.families.get(payer, [])):
                market = "family"
            if self.operator.customers[payer].before(seen.seen_at)["customer_type"] == "group":
                market = "group"
            found[seen.line.line_id, seen.month] = market
        return found

    def means(self) -> dict[tuple[str, date], Decimal]:
        """Mean service revenue of the last three billed months up to each month."""
        by_line, found = self.opinion.revenue.of_line(service_only=True), {}
        for seen in self.opinion.months:
            billed = sorted(month for month in self.opinion.revenue.billed_months if month <= seen.month)[-3:]
            total = sum((by_line.get((seen.line.line_id, month), Decimal(0)) for month in billed), Decimal(0))
            found[seen.line.line_id, seen.month] = total / max(len(billed), 1)
        return found

    def core(self) -> dict[tuple[Any, ...], tuple[int, int, int]]:
        """Frozen core, retained and retained in value by base month, observed month, slice and market."""
        markets, means = self.markets(), self.means()
        found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        for (line_id, base), seen in self.closing.items():
            place = self.opinion.closing_slice(seen)
            if place[4] not in CORE:
                continue
            for later in self.operator.months():
                if not base <= later <= months_later(base, HORIZON_MONTHS):
                    continue
                count = found[base, later, place, markets[line_id, base]]
                count[0] += 1
                if (line_id, later) in self.closing:
                    count[1] += 1
                    count[2] += means[line_id, later] >= means[line_id, base] * KEPT
        return {key: (count[0], count[1], count[2]) for key, count in found.items()}


def _related(row: Row, day: date) -> bool:
    ended = row["valid_to_date"]
    return _day(row["valid_from_date"]) <= day and (ended is None or day < _day(ended))


def _day(value: Any) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def _held(row: Row, instant: datetime) -> bool:
    ended = row["ended_at"]
    return datetime.fromisoformat(row["started_at"]) < instant and (
        ended is None or datetime.fromisoformat(ended) >= instant
    )
