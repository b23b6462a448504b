"""The operator as its files describe it, in plain Python: a slow second opinion on the marts.

Written from the definitions of the product (three entities, the base and how it moves), never from the SQL. Where these
leave a choice, the docstring of the function says which one was taken.
"""

from __future__ import annotations

import calendar
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.oracle.deliveries import Row, all_rows, deliveries

# What is delivered every day; bills, bookings, rates, the ledger's totals and market shares come by the month.
DAILY = (
    *("crm.region", "crm.channel", "crm.staff", "crm.customer", "crm.customer_relation", "crm.account", "crm.offer"),
    *("crm.subscription", "crm.subscription_party", "crm.subscription_event", "crm.order", "crm.subscribed_offer"),
    *("crm.contract", "crm.device", "crm.consent", "billing.payment", "billing.collection_event"),
    *("usage.usage_event", "usage.topup", "care.interaction", "care.ticket", "care.survey_response"),
    *("network.quality_daily", "marketing.campaign", "marketing.campaign_contact", "marketing.lead"),
    *("marketing.loyalty_transaction", "marketing.care_action", "enterprise.opportunity"),
    *("enterprise.opportunity_event", "enterprise.group_member", "market.porting", "market.rival_offer"),
    *("market.rival_campaign", "finance.unit_cost", "finance.kpi_target"),
)


@dataclass(frozen=True)
class Clock:
    """The operator's time zone and the days after which a month is closed."""

    zone: ZoneInfo
    close_days: int

    def day(self, instant: datetime) -> date:
        """Business day of an instant."""
        return instant.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """The instant a business day begins, in UTC, where instants compare fast."""
        return _midnight(self.zone, day)


@cache
def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def next_month(month: date) -> date:
    """First day of the following month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def months_later(day: date, months: int) -> date:
    """The same day some months on; the last of the month where it is shorter."""
    ordinal = day.year * 12 + day.month - 1 + months
    year, month = ordinal // 12, ordinal % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


@dataclass
class History:
    """Delivered states of one thing in order of time; the first one holds for everything before it as well."""

    since: list[datetime] = field(default_factory=list)
    states: list[Row] = field(default_factory=list)

    def before(self, instant: datetime) -> Row:
        """The state just before an instant."""
        return self.states[max(bisect_left(self.since, instant) - 1, 0)]

    def at(self, instant: datetime) -> Row:
        """The state at an instant, a change at that very instant included."""
        return self.states[max(bisect_right(self.since, instant) - 1, 0)]

    @property
    def latest(self) -> Row:
        """The last known state."""
        return self.states[-1]


@dataclass
class Line:
    """A subscription: its history and its beginning and end."""

    line_id: str
    history: History
    activated_at: datetime
    predecessor: str | None
    terminated_at: datetime | None = None
    termination: str | None = None  # voluntary or involuntary


@dataclass
class Operator:
    """Everything delivered up to the end of `as_of`."""

    folder: Path
    clock: Clock
    as_of: date
    first_month: date
    usage_from: date
    lines: dict[str, Line]
    accounts: dict[str, History]
    customers: dict[str, History]
    offers: dict[str, Row]

    @property
    def end(self) -> datetime:
        """The instant up to which everything is known."""
        return self.clock.midnight(self.as_of + timedelta(days=1))

    def months(self) -> list[date]:
        """Every month of the delivered history, the open one included."""
        found, month = [], self.first_month
        while month <= self.as_of:
            found.append(month)
            month = next_month(month)
        return found

    def month_end(self, month: date) -> datetime:
        """The instant a month ends, or the end of what is known in the open one."""
        return min(self.clock.midnight(next_month(month)), self.end)

    def is_closed(self, month: date) -> bool:
        """Whether late data no longer restates the month."""
        return self.as_of >= next_month(month) - timedelta(days=1) + timedelta(days=self.clock.close_days)

    @property
    def ends_within_a_month(self) -> bool:
        """Whether the last month is under way: it is billed and its costs are booked as it ends."""
        return self.as_of < next_month(self.as_of.replace(day=1)) - timedelta(days=1)

    def is_open(self, month: date) -> bool:
        """Whether the month is still running."""
        return month == self.as_of.replace(day=1)

    def slice_of(self, state: Row) -> tuple[str, str, str, str]:
        """Region, brand, service line and plan type of a state of a line."""
        offer = self.offers[state["main_offer_id"]]
        return state["region_id"], offer["brand_name"], offer["service_line"], offer["plan_type"]


def read_operator(folder: Path, clock: Clock) -> Operator:
    """Read the customers, accounts, offers and lines; usage and bills are read by those who count them."""
    as_of = min(_complete_to(folder, entity) for entity in DAILY)
    end = clock.midnight(as_of + timedelta(days=1))
    lines = {
        line_id: Line(
            line_id,
            history,
            datetime.fromisoformat(history.latest["activated_at"]),
            history.latest["predecessor_subscription_id"],
        )
        for line_id, history in histories(folder, "crm.subscription", "subscription_id", end).items()
    }
    for row in sorted(all_rows(folder, "crm.subscription_event"), key=lambda row: row["occurred_at"]):
        line, occurred_at = lines.get(row["subscription_id"]), datetime.fromisoformat(row["occurred_at"])
        ends = row["event_type"] == "terminated" and occurred_at < end
        if ends and line and line.terminated_at is None and occurred_at >= line.activated_at:
            line.terminated_at = occurred_at
            line.termination = "involuntary" if row["reason_code"] in ("non_payment", "fraud") else "voluntary"
    offers = histories(folder, "crm.offer", "offer_id", end)
    return Operator(
        folder,
        clock,
        as_of,
        min(delivery.period_from for delivery in deliveries(folder, "crm.subscription")).replace(day=1),
        min(delivery.period_from for delivery in deliveries(folder, "usage.usage_event")),
        lines,
        histories(folder, "crm.account", "account_id", end),
        histories(folder, "crm.customer", "customer_id", end),
        {offer_id: history.latest for offer_id, history in offers.items()},
    )


def _complete_to(folder: Path, entity: str) -> date:
    """The last day up to which an entity was delivered without a gap."""
    reached = None
    for delivery in sorted(deliveries(folder, entity), key=lambda delivery: delivery.period_from):
        if reached is not None and delivery.period_from > reached + timedelta(days=1):
            break
        reached = max(reached or delivery.period_to, delivery.period_to)
    assert reached is not None
    return reached


def histories(folder: Path, entity: str, key: str, end: datetime) -> dict[str, History]:
    """The states of every thing of an entity that took effect before `end`, by its key."""
    states = defaultdict(list)
    for row in all_rows(folder, entity):
        since = datetime.fromisoformat(row["effective_at"])
        if since < end:
            states[row[key]].append((since, row))
    found = {}
    for name, dated in states.items():
        dated.sort(key=lambda pair: pair[0])
        found[name] = History([since for since, _ in dated], [row for _, row in dated])
    return found
