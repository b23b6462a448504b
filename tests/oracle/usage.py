"""Usage by day and line: each event belongs to the line that held its number at that instant, or to nobody."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from tests.oracle.deliveries import all_rows
from tests.oracle.operator import Operator

UNKNOWN = "unknown"
# (day, line, service, direction, network, roaming, currency)
UsageKey = tuple[date, str, str, str, str, str, str]
# (month, line, state slice, service, direction, network, roaming, currency)
MonthKey = tuple[date, str, tuple[str, str, str, str], str, str, str, str, str]


@dataclass
class Amounts:
    """Sums of events."""

    events: int = 0
    seconds: int = 0
    volume: int = 0
    rated: Decimal = Decimal(0)

    def add(self, seconds: int, volume: int, rated: Decimal) -> None:
        """Count one event."""
        self.events += 1
        self.seconds += seconds
        self.volume += volume
        self.rated += rated

    def as_tuple(self) -> tuple[int, int, int, Decimal]:
        """Events, seconds, bytes, rated amount."""
        return self.events, self.seconds, self.volume, self.rated


@dataclass
class Usage:
    """All usage and top-ups up to the as-of date, and the days on which a customer did something."""

    daily: dict[UsageKey, Amounts] = field(default_factory=lambda: defaultdict(Amounts))
    monthly: dict[MonthKey, Amounts] = field(default_factory=lambda: defaultdict(Amounts))
    topups: dict[str, tuple[date, str, Decimal]] = field(default_factory=dict)
    active_days: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))


def count_usage(operator: Operator) -> Usage:
    """Resolve and sum every event.

    Customer-initiated is what the customer starts: calls and messages going out, data, a top-up. Value-added services
    renew themselves and incoming calls are somebody else's doing.
    """
    holders, usage, clock, end = _holders(operator), Usage(), operator.clock, operator.end
    for row in all_rows(operator.folder, "usage.usage_event"):
        at = datetime.fromisoformat(row["started_at"])
        if at >= end:
            continue
        line_id, day = _holder(holders, row["msisdn"], at), clock.day(at)
        kind = (row["service_type"], row["direction"], row["network_type"], row["roaming_type"], row["currency_code"])
        used = int(row["duration_seconds"] or 0), int(row["volume_bytes"] or 0), Decimal(row["rated_amount"] or 0)
        usage.daily[day, line_id, *kind].add(*used)
        slice_then = (UNKNOWN,) * 4
        if line_id != UNKNOWN:
            slice_then = operator.slice_of(operator.lines[line_id].history.at(at))
        usage.monthly[day.replace(day=1), line_id, slice_then, *kind].add(*used)
        started_by_customer = row["service_type"] == "data" or (
            row["service_type"] in ("voice", "sms") and row["direction"] == "outgoing"
        )
        if started_by_customer:
            usage.active_days[line_id].add(day)
    for row in all_rows(operator.folder, "usage.topup"):
        at = datetime.fromisoformat(row["topped_up_at"])
        if at < end:
            line_id, amount = _holder(holders, row["msisdn"], at), Decimal(row["amount"])
            usage.topups[row["topup_id"]] = (clock.day(at), line_id, amount)
            if amount > 0:
                usage.active_days[line_id].add(clock.day(at))
    return usage


Periods = list[tuple[datetime, datetime | None, str]]


def _holders(operator: Operator) -> dict[str, Periods]:
    """Who held each number, from when and until when."""
    holders: dict[str, Periods] = defaultdict(list)
    for line in operator.lines.values():
        ends: list[datetime | None] = [*line.history.since[1:], None]
        for since, until, state in zip(line.history.since, ends, line.history.states, strict=True):
            if state["msisdn"] is None:
                continue
            begins = max(since, line.activated_at)
            stops = min((stop for stop in (until, line.terminated_at) if stop), default=None)
            if stops is None or begins < stops:
                holders[state["msisdn"]].append((begins, stops, line.line_id))
    return holders


def _holder(holders: dict[str, Periods], number: str, at: datetime) -> str:
    for begins, stops, line_id in holders.get(number, ()):
        if begins <= at and (stops is None or at < stops):
            return line_id
    return UNKNOWN
