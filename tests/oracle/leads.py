"""Leads by stage and month, from the files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.operator import Operator, histories

OPEN = ("new", "contacted", "qualified")
COUNTS = (
    *("opening_count", "created_count", "reopened_count", "entered_count", "left_count", "moved_on_count"),
    *("left_converted_count", "left_lost_count", "closing_count", "left_age_days", "closing_age_days"),
)
# month, region, channel, source, interest, status
FunnelKey = tuple[date, str, str, str, str, str]


@dataclass
class Stay:
    """A time that a lead stood in a stage, and the stages before and after."""

    status: str
    before: str | None
    since: datetime
    after: str | None = None
    until: datetime | None = None


def stays(states: list[tuple[datetime, dict[str, Any]]]) -> list[Stay]:
    """The stages that a lead went through; the first began when it was registered."""
    found: list[Stay] = []
    for since, state in states:
        status = state["status_code"]
        if found and found[-1].status == status:
            continue
        if found:
            found[-1].after, found[-1].until = status, since
            found.append(Stay(status, found[-1].status, since))
        else:
            found.append(Stay(status, None, min(since, datetime.fromisoformat(state["created_at"]))))
    return found


def funnel(operator: Operator) -> dict[FunnelKey, dict[str, int]]:
    """All `COUNTS` by month, place and stage, where anything happened; the place of a lead is its latest known one."""
    found: dict[FunnelKey, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    clock = operator.clock
    for history in histories(operator.folder, "marketing.lead", "lead_id", operator.end).values():
        last = history.latest
        place = (
            last["region_id"],
            last["channel_id"] or "unknown",
            last["source_code"],
            last["product_interest_code"] or "unknown",
        )
        for stay in stays(list(zip(history.since, history.states, strict=True))):
            for month in operator.months():
                start, end = clock.midnight(month), operator.month_end(month)
                if stay.since >= end or (stay.until and stay.until < start):
                    continue
                if stay.status not in OPEN and stay.since < start:
                    continue
                row, came = found[month, *place, stay.status], stay.since >= start
                row["entered_count"] += came
                row["created_count"] += came and stay.before is None
                row["reopened_count"] += came and stay.before is not None and stay.before not in OPEN
                if stay.status not in OPEN:
                    continue
                row["opening_count"] += not came
                day = clock.day(stay.since)
                if stay.until and stay.until < end:
                    row["left_count"] += 1
                    row["moved_on_count"] += stay.after in OPEN
                    row["left_converted_count"] += stay.after == "converted"
                    row["left_lost_count"] += stay.after == "lost"
                    row["left_age_days"] += (clock.day(stay.until) - day).days
                else:
                    row["closing_count"] += 1
                    row["closing_age_days"] += (clock.day(end) - timedelta(days=1) - day).days
    return dict(found)
