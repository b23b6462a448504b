"""Money topped up and not used yet, line by line: into a purse, out by statements, and gone when the line leaves."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.deliveries import deliveries
from tests.oracle.operator import next_month
from tests.oracle.revenue import event_month
from tests.oracle.summaries import Opinion

ZERO = Decimal(0)
PARTS = ("opening", "topped_up", "used", "expired", "closing", "uncovered")
_AT_ONCE, _AT_MONTH_END, _AFTERWARDS = range(3)


def deferred_revenue(opinion: Opinion) -> dict[tuple[date, str, str], tuple[Decimal, ...]]:
    """`PARTS` by month, line and currency; a line without money and movement is left out.

    Silence of 90 days takes what is left at once; an end on request or for arrears does so after the last statement.
    """
    operator, steps = opinion.operator, _steps(opinion)
    found = {}
    for (line_id, currency), mine in steps.items():
        purse = ZERO
        mine.sort(key=lambda step: step[:3])
        for month in sorted({step[0] for step in mine} | set(operator.months())):
            if month > operator.months()[-1]:
                break
            parts = dict.fromkeys(PARTS, ZERO)
            parts["opening"] = purse
            for posted, _, _, kind, amount in mine:
                if posted != month:
                    continue
                if kind == "expiry":
                    parts["expired"] += purse
                    purse = ZERO
                    continue
                after = max(purse + amount, ZERO)
                parts["uncovered"] += after - purse - amount
                if kind == "topup":
                    parts["topped_up"] += after - purse
                else:
                    parts["used"] += purse - after
                purse = after
            parts["closing"] = purse
            if any(parts.values()) and month in operator.months():
                found[month, line_id, currency] = tuple(parts[name] for name in PARTS)
    return found


def _steps(opinion: Opinion) -> dict[tuple[str, str], list[tuple[date, int, datetime, str, Decimal]]]:
    """Month, order within it, instant, kind and signed amount of everything that moves the purse of a line."""
    operator, steps = opinion.operator, defaultdict[tuple[str, str], list[Any]](list)
    for delivery in deliveries(operator.folder, "usage.topup"):
        for row in delivery.rows():
            at = datetime.fromisoformat(row["topped_up_at"])
            if at < operator.end:
                day, line_id, amount = opinion.usage.topups[row["topup_id"]]
                posted = event_month(operator, day, delivery)
                steps[line_id, row["currency_code"]].append((posted, _AT_ONCE, at, "topup", amount))
    statements: dict[tuple[str, str, date], Decimal] = defaultdict(Decimal)
    for (line_id, _, posted, _, kind, _, _, currency), (net, tax) in opinion.revenue.rows.items():
        if kind == "statement":
            statements[line_id, currency, posted] += net + tax
    for (line_id, currency, posted), amount in statements.items():
        at = operator.clock.midnight(next_month(posted))
        steps[line_id, currency].append((posted, _AT_MONTH_END, at, "statement", -amount))
    for (line_id, _), mine in steps.items():
        line = operator.lines.get(line_id)
        if line is None:
            continue
        for stay in opinion.stays[line_id]:
            if stay.churn == "inactive" and stay.left_at:
                day = operator.clock.day(stay.left_at - timedelta(microseconds=1))
                mine.append((day.replace(day=1), _AT_ONCE, stay.left_at, "expiry", ZERO))
        if line.terminated_at:
            month = operator.clock.day(line.terminated_at).replace(day=1)
            mine.append((month, _AFTERWARDS, line.terminated_at, "expiry", ZERO))
    return steps
