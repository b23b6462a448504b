"""Who is on the network, who came, who left and why: stays, months of lines and the movement of the base."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.oracle.operator import Line, Operator, months_later
from tests.oracle.usage import Usage

SILENT_DAYS = 90
WIN_BACK_MONTHS = 12


@dataclass(frozen=True)
class Stay:
    """A time on the network, from one entry to one exit."""

    joined_at: datetime
    entry: str  # activation, win_back or reactivation
    left_at: datetime | None
    churn: str | None  # voluntary, involuntary or inactive


def silences(operator: Operator, line: Line, active_days: set[date]) -> list[tuple[date, date | None]]:
    """Day 90 of every silence that took the line out of the base, and the day it came back.

    The count begins with the last activity, the activation, a move to a prepaid plan, or the day before usage was first
    delivered. Day 90 counts when the line is prepaid and not terminated at the end of it, and when it is over.
    """
    clock = operator.clock
    last = max(clock.day(line.activated_at), operator.usage_from - timedelta(days=1))
    marks = [(day, True) for day in active_days]
    plans = [operator.slice_of(state)[3] for state in line.history.states]
    for since, plan, before in zip(line.history.since[1:], plans[1:], plans[:-1], strict=True):
        if plan == "prepaid" and before != "prepaid" and clock.day(since) >= operator.usage_from:
            marks.append((clock.day(since), False))
    found: list[tuple[date, date | None]] = []
    lost: date | None = None
    for day, is_activity in [*sorted(marks), (date.max, False)]:
        if lost is None and (day - last).days > SILENT_DAYS and _is_lost(operator, line, last):
            lost = last + timedelta(days=SILENT_DAYS)
            found.append((lost, None))
        if lost is not None and is_activity:
            found[-1] = (lost, day)
            lost = None
        if lost is None:
            last = day
    return found


def _is_lost(operator: Operator, line: Line, last: date) -> bool:
    day_90 = last + timedelta(days=SILENT_DAYS)
    over = operator.clock.midnight(day_90 + timedelta(days=1))
    if day_90 > operator.as_of or (line.terminated_at and line.terminated_at < over):
        return False
    return operator.slice_of(line.history.before(over))[3] == "prepaid"


def stays(operator: Operator, usage: Usage) -> dict[str, list[Stay]]:
    """The stays of every line; each exit is counted once, so ending a line lost to silence is no exit."""
    clock, end = operator.clock, operator.end
    found: dict[str, list[Stay]] = {}
    for line in operator.lines.values():
        if line.activated_at >= end:
            continue
        joined, entry, mine = line.activated_at, "activation", []
        for lost, back in silences(operator, line, usage.active_days.get(line.line_id, set())):
            end_of_day = clock.midnight(lost + timedelta(days=1)) - timedelta(microseconds=1)
            mine.append(Stay(joined, entry, end_of_day, "inactive"))
            if back is None:
                break
            joined, entry = clock.midnight(back), "reactivation"
        else:
            mine.append(Stay(joined, entry, line.terminated_at, line.termination))
        found[line.line_id] = mine
    for line in operator.lines.values():
        former = found.get(line.predecessor or "")
        if former and line.line_id in found and _is_won_back(operator, line, former[-1]):
            first = found[line.line_id][0]
            found[line.line_id][0] = Stay(first.joined_at, "win_back", first.left_at, first.churn)
    return found


def _is_won_back(operator: Operator, line: Line, former: Stay) -> bool:
    """Back within 12 months of a voluntary or involuntary churn, counted in business days."""
    if former.left_at is None or former.churn not in ("voluntary", "involuntary") or former.left_at > line.activated_at:
        return False
    deadline = months_later(operator.clock.day(former.left_at), WIN_BACK_MONTHS)
    return operator.clock.day(line.activated_at) <= deadline


@dataclass
class LineMonth:
    """A line in a month in which it was on the network. Slices are without the tier, which `value` adds."""

    month: date
    line: Line
    is_opening: bool
    is_closing: bool
    entries: dict[str, int]
    exits: dict[str, int]
    opening_exit: str | None
    churned_at: datetime | None
    seen_at: datetime  # the instant just before which the closing attributes hold
    opening: tuple[str, ...] | None
    closing: tuple[str, ...]
    tenure_days: int


def line_months(operator: Operator, all_stays: dict[str, list[Stay]]) -> list[LineMonth]:
    """Every line in every month it was on the network for a moment at least."""
    found = []
    for month in operator.months():
        start, end = operator.clock.midnight(month), operator.month_end(month)
        for line_id, mine in all_stays.items():
            here = [stay for stay in mine if stay.joined_at < end and (stay.left_at is None or stay.left_at >= start)]
            if here:
                found.append(_line_month(operator, month, start, end, operator.lines[line_id], here))
    return found


def _line_month(
    operator: Operator, month: date, start: datetime, end: datetime, line: Line, here: list[Stay]
) -> LineMonth:
    entries = dict.fromkeys(("activation", "reactivation", "win_back"), 0)
    exits = dict.fromkeys(("voluntary", "involuntary", "inactive"), 0)
    opening_exit, churned_at = None, None
    for stay in here:
        was_there = stay.joined_at < start
        if not was_there:
            entries[stay.entry] += 1
        if stay.left_at is not None and stay.left_at < end and stay.churn:
            exits[stay.churn] += 1
            opening_exit = stay.churn if was_there else opening_exit
            churned_at = max(stay.left_at, churned_at or stay.left_at)
    is_opening = any(stay.joined_at < start for stay in here)
    is_closing = any(stay.left_at is None or stay.left_at >= end for stay in here)
    seen_at = end if is_closing or churned_at is None else churned_at
    last_day = operator.clock.day(seen_at - timedelta(microseconds=1))
    return LineMonth(
        month,
        line,
        is_opening,
        is_closing,
        entries,
        exits,
        opening_exit,
        churned_at,
        seen_at,
        operator.slice_of(line.history.before(start)) if is_opening else None,
        operator.slice_of(line.history.before(seen_at)),
        (last_day - operator.clock.day(line.activated_at)).days,
    )
