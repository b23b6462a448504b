"""What channels won and what people did, counted from the files."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.deliveries import all_rows
from tests.oracle.operator import histories, months_later
from tests.oracle.service import Service, instant_of
from tests.oracle.summaries import Opinion

EARLY_DAYS = 90


def channels(opinion: Opinion) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What channel_monthly counts, by month and channel.

    Activations, win-backs, joiners whose 90th day fell in the month, those who left by it, revenue of joiners in their
    first three calendar months (None where nothing is billed), orders placed, carried out and cancelled, commission.
    """
    operator, clock = opinion.operator, opinion.operator.clock
    found: dict[tuple[date, str], list[Any]] = defaultdict(lambda: [0, 0, 0, 0, Decimal(0), 0, 0, 0, Decimal(0)])
    joined: dict[str, date] = {}
    for line_id, mine in opinion.stays.items():
        channel = operator.lines[line_id].history.latest["channel_id"]
        for stay in mine:
            if stay.entry == "reactivation":
                continue
            day = clock.day(stay.joined_at)
            joined[line_id] = day.replace(day=1)
            last = day + timedelta(days=EARLY_DAYS)
            if last <= operator.as_of:
                counts = found[last.replace(day=1), channel]
                counts[2] += 1
                counts[3] += stay.left_at is not None and clock.day(stay.left_at) <= last
    service = opinion.revenue.of_line(service_only=True)
    for seen in opinion.months:
        line_id, channel = seen.line.line_id, seen.line.history.before(seen.seen_at)["channel_id"]
        counts = found[seen.month, channel]
        counts[0] += seen.entries["activation"]
        counts[1] += seen.entries["win_back"]
        if joined[line_id] <= seen.month <= months_later(joined[line_id], 2):
            counts[4] += service.get((line_id, seen.month), Decimal(0))
    for history in histories(operator.folder, "crm.order", "order_id", operator.end).values():
        order = history.latest
        turns = {5: order["placed_at"], 6: order["completed_at"] if order["status_code"] == "completed" else None}
        turns[7] = order["effective_at"] if order["status_code"] == "cancelled" else None
        for place, at in turns.items():
            if at:
                found[clock.day(instant_of(at)).replace(day=1), order["channel_id"]][place] += 1
    for row in all_rows(operator.folder, "finance.cost"):
        if row["cost_type"] == "commission" and instant_of(row["booked_at"]) < operator.end:
            found[date.fromisoformat(str(row["cost_month"])), row["channel_id"]][8] += Decimal(str(row["amount"]))
    known = set(operator.months())
    return {key: tuple(counts) for key, counts in found.items() if key[0] in known and any(counts)}


def people(service: Service) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """What staff_performance_monthly counts, by month and person.

    Inbound contacts answered, seconds handled, outbound contacts, issues, acts of care done and ended, won
    opportunities.
    """
    operator, clock = service.operator, service.operator.clock
    found: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0] * 7)
    for contact in service.contacts:
        who = contact.row["staff_id"]
        if who and contact.row["direction"] == "outbound":
            found[service.posted(contact), who][2] += 1
        elif who and contact.is_answered:
            counts = found[service.posted(contact), who]
            counts[0] += 1
            counts[1] += int(contact.row["handle_seconds"])
    for issue in service.issues:
        if issue.contact.row["staff_id"]:
            found[issue.month, issue.contact.row["staff_id"]][3] += 1
    for history in histories(operator.folder, "marketing.care_action", "care_action_id", operator.end).values():
        if history.latest["outcome_code"]:
            counts = found[clock.day(history.since[-1]).replace(day=1), history.latest["staff_id"]]
            counts[4] += history.latest["outcome_code"] == "done"
            counts[5] += 1
    for history in histories(operator.folder, "enterprise.opportunity", "opportunity_id", operator.end).values():
        won = [at for at, row in zip(history.since, history.states, strict=True) if row["stage_code"] == "won"]
        if won:
            found[clock.day(won[0]).replace(day=1), history.latest["owner_staff_id"]][6] += 1
    return {key: tuple(counts) for key, counts in found.items() if any(counts)}
