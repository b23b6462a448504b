"""What price changes did, counted from the files: the fees of main offers, who held them, and who left.

The comparison is between closed months only, as many before as after. An offer whose fee changed on the first day of
the months compared, or later within them, is not among the others.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import sqrt

from tests.oracle.deliveries import deliveries
from tests.oracle.operator import History, histories, months_later
from tests.oracle.summaries import Opinion

MOST_MONTHS = 6
NORMAL_97_5 = 1.959964


@dataclass(frozen=True)
class Side:
    """Lines at the openings of some months, added up, and how many of them left by their own will."""

    lines: int
    left: int

    @property
    def rate(self) -> float:
        """Voluntary churn a month."""
        return self.left / self.lines

    def wilson(self, sign: int) -> float:
        """An end of Wilson's interval: where the observed rate lies 1.96 standard errors of the true one away."""
        square, share = NORMAL_97_5**2 / self.lines, self.rate
        half, product = (2 * share + square) / 2, share * share * (1 + square)
        return (half + sign * sqrt(half * half - product)) / (1 + square)


@dataclass(frozen=True)
class PriceChange:
    """A change of a fee, and the four sides of the comparison; none of them without a month to compare."""

    first_month: date
    fees: tuple[Decimal, Decimal]
    months: int
    sides: tuple[Side, Side, Side, Side] | None  # the offer before and after, the others before and after
    other_offers: int | None

    def effect(self) -> tuple[float, float, float] | None:
        """Change of the offer's churn less that of the others', and its 95 % interval by Newcombe's squares."""
        if self.sides is None or not all(side.lines for side in self.sides):
            return None
        before, after, others_before, others_after = self.sides
        effect = (after.rate - before.rate) - (others_after.rate - others_before.rate)
        signs = ((after, 1), (before, -1), (others_after, -1), (others_before, 1))
        below = sqrt(sum((side.rate - side.wilson(-sign)) ** 2 for side, sign in signs))
        above = sqrt(sum((side.rate - side.wilson(sign)) ** 2 for side, sign in signs))
        return effect, effect - below, effect + above


def price_changes(opinion: Opinion) -> dict[tuple[str, datetime], PriceChange]:
    """Every change of the fee of a main offer, by offer and instant."""
    operator = opinion.operator
    offers = {
        offer_id: history
        for offer_id, history in histories(operator.folder, "crm.offer", "offer_id", operator.end).items()
        if history.latest["offer_type"] == "main"
    }
    opening, left = _openings(opinion)
    steps = {offer_id: _steps(history) for offer_id, history in offers.items()}
    days = {offer_id: [operator.clock.day(at) for at, _, _ in mine] for offer_id, mine in steps.items()}
    closed = _full_closed_months(opinion)
    found = {}
    for offer_id, mine in steps.items():
        for number, (at, before, after) in enumerate(mine):
            day = operator.clock.day(at)
            others = days[offer_id][:number] + days[offer_id][number + 1 :]
            begins, first = day.replace(day=1), day if day.day == 1 else months_later(day.replace(day=1), 1)
            months = 0
            while months < MOST_MONTHS:
                earlier, later = months_later(begins, -months - 1), months_later(first, months)
                both = {earlier, later} <= closed and opening[offer_id, earlier] and opening[offer_id, later]
                if not both or any(earlier < other < months_later(later, 1) for other in others):
                    break
                months += 1
            start, end = months_later(begins, -months), months_later(first, months)
            periods = [[months_later(start, n) for n in range(months)], [months_later(first, n) for n in range(months)]]
            kind = _kind(offers[offer_id])
            like = [
                other
                for other, history in offers.items()
                if other != offer_id and _kind(history) == kind and not any(start <= day < end for day in days[other])
            ]
            sides = tuple(
                Side(
                    sum(opening[one, month] for one in names for month in period),
                    sum(left[one, month] for one in names for month in period),
                )
                for names in ([offer_id], like)
                for period in periods
            )
            held = [one for one in like if any(opening[one, month] for period in periods for month in period)]
            found[offer_id, at] = PriceChange(
                first,
                (before, after),
                months,
                sides if months else None,  # type: ignore[arg-type]
                len(held) if months else None,
            )
    return found


def _kind(history: History) -> tuple[str, str]:
    return history.latest["service_line"], history.latest["plan_type"]


def _steps(history: History) -> list[tuple[datetime, Decimal, Decimal]]:
    """When the fee changed, from what to what."""
    fees = [Decimal(str(state["monthly_fee_amount"])) for state in history.states]
    pairs = zip(history.since[1:], fees[:-1], fees[1:], strict=True)
    return [(at, before, after) for at, before, after in pairs if before != after]


def _openings(opinion: Opinion) -> tuple[Counter[tuple[str, date]], Counter[tuple[str, date]]]:
    """Lines by main offer at the opening of each month, and those of them that left by their own will in it."""
    operator, opening, left = opinion.operator, Counter[tuple[str, date]](), Counter[tuple[str, date]]()
    for seen in opinion.months:
        if seen.is_opening:
            state = seen.line.history.before(operator.clock.midnight(seen.month))
            opening[state["main_offer_id"], seen.month] += 1
            left[state["main_offer_id"], seen.month] += seen.opening_exit == "voluntary"
    return opening, left


def _full_closed_months(opinion: Opinion) -> set[date]:
    operator = opinion.operator
    begun = max(
        min(delivery.period_from for delivery in deliveries(operator.folder, entity))
        for entity in ("crm.subscription", "crm.subscription_event")
    )
    return {month for month in operator.months() if operator.is_closed(month) and month >= begun}
