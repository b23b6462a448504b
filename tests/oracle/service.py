"""Contacts, issues, surveys and tickets counted from the files, and the KPIs of service.

Written from the definitions of the product. Where these leave a choice, it is said at the function that makes it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.deliveries import Delivery, Row, deliveries
from tests.oracle.operator import Operator, months_later, next_month
from tests.oracle.summaries import KpiKey, Opinion, Ratio, Slice

REPEAT_DAYS = 7
SURVEY_DAYS = 7
CALLS = ("directory_enquiries", "hotline", "complaints")
UNKNOWN = "unknown"
ROUTES = "service_queue_route.csv"


@dataclass
class Event:
    """A delivered row with its instant, its day, the file that brought it and what it is counted under."""

    row: Row
    at: datetime
    day: date
    delivery: Delivery
    slice: Slice = ()

    def known(self, day: date) -> date:
        """When something in this row was known: on its day, or with its file if the period of that begins later."""
        return self.delivery.business_date if day < self.delivery.period_from else day

    @property
    def is_answered(self) -> bool:
        """Whether somebody answered."""
        return bool(self.row["answered_at"])


@dataclass
class Issue:
    """What a customer came about: the contact that opened it, the month it counts in, whether another followed."""

    contact: Event
    month: date
    is_repeated: bool


@dataclass
class Ticket:
    """A ticket: its states in order of time."""

    states: list[Event] = field(default_factory=list)

    def is_resolved_at(self, instant: datetime, known_by: date, zone: ZoneInfo) -> bool:
        """Whether its last turn up to an instant, of those known by a day, was a resolution."""
        turns = [
            turn
            for turn, at, state in self.turns()
            if at <= instant and state.known(at.astimezone(zone).date()) <= known_by
        ]
        return bool(turns) and turns[-1] == "resolved"

    def turns(self) -> Iterator[tuple[str, datetime, Event]]:
        """Opened, resolved, reopened, resolved, ...: the instants at which the state turned."""
        yield "opened", self.opened_at, self.states[0]
        resolved = False
        for state in self.states:
            if (state.row["status_code"] == "resolved") != resolved:
                resolved = not resolved
                at = instant_of(state.row["resolved_at"]) if resolved else state.at
                yield ("resolved" if resolved else "reopened"), at, state

    @property
    def opened_at(self) -> datetime:
        """The instant of the opening."""
        return instant_of(self.states[0].row["opened_at"])


@dataclass
class Service:
    """The oracle's view of service."""

    operator: Operator
    contacts: list[Event]
    issues: list[Issue]
    surveys: list[tuple[Event, Event | None]]
    tickets: dict[str, Ticket]
    limits: dict[str, int]
    routes: dict[tuple[str, str], str]
    targets: dict[tuple[str, str], int]

    def month_of(self, day: date, known: date) -> date:
        """The month something counts in: its own while that is open, else the earliest open when it was known."""
        close = self.operator.clock.close_days
        open_month = (known - timedelta(days=close)).replace(day=1)
        return min(max(day.replace(day=1), open_month), self.operator.as_of.replace(day=1))

    def posted(self, event: Event, day: date | None = None) -> date:
        """The month an event counts in, or what the same row says of another day."""
        day = day or event.day
        return self.month_of(day, event.known(day))

    def closes(self, month: date) -> date:
        """The day on which a month closes."""
        return next_month(month) - timedelta(days=1) + timedelta(days=self.operator.clock.close_days)

    def queue(self, contact: Event) -> str:
        """The queue of an inbound contact."""
        if contact.row["direction"] == "outbound":
            return "outbound"
        return self.routes[contact.row["channel_code"], contact.row["topic_code"]]

    def in_time(self, contact: Event) -> bool:
        """Whether an inbound contact was answered within the limit of its queue."""
        return contact.is_answered and int(contact.row["wait_seconds"]) <= self.limits[self.queue(contact)]


def count_service(opinion: Opinion, seeds: Path) -> Service:
    """Read and judge everything about service up to the end of what is known."""
    operator = opinion.operator
    slices = {(seen.line.line_id, seen.month): opinion.closing_slice(seen) for seen in opinion.months}
    queues = {row["queue_code"]: row for row in _seed(seeds / "service_queue.csv")}
    assert {code for code, row in queues.items() if row["is_call_queue"] == "true"} == set(CALLS)
    service = Service(
        operator,
        _events(operator, "care.interaction", "started_at", slices),
        [],
        [],
        defaultdict(Ticket),
        {code: int(row["answer_limit_seconds"]) for code, row in queues.items() if row["answer_limit_seconds"]},
        {
            (row["channel_code"], row["topic_code"]): row["queue_code"]
            for row in _seed(seeds / "service_queue_route.csv")
        },
        {
            (row["ticket_type"], row["severity_code"]): int(row["target_hours"])
            for row in _seed(seeds / "ticket_target.csv")
        },
    )
    service.issues = _issues(service)
    service.surveys = _surveys(service, slices)
    for state in _events(operator, "care.ticket", "effective_at", slices):
        service.tickets[state.row["ticket_id"]].states.append(state)
    return service


def _seed(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def instant_of(value: Any) -> datetime:
    """An instant as a format has it, typed or text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _events(operator: Operator, entity: str, instant: str, slices: dict[tuple[str, date], Slice]) -> list[Event]:
    """The rows of an entity in order of time."""
    found = []
    for delivery in deliveries(operator.folder, entity):
        for row in delivery.rows():
            at = instant_of(row[instant])
            if at < operator.end:
                day = operator.clock.day(at)
                found.append(Event(row, at, day, delivery, _slice(operator, row, at, day, slices)))
    return sorted(found, key=lambda event: event.at)


def _slice(operator: Operator, row: Row, at: datetime, day: date, slices: dict[tuple[str, date], Slice]) -> Slice:
    """Of the line as the month ends; if it was not there in the month, as it was, without a tier."""
    line_id = row["subscription_id"]
    in_month = slices.get((line_id, day.replace(day=1)))
    if in_month:
        return in_month
    if line_id in operator.lines:
        return (*operator.slice_of(operator.lines[line_id].history.at(at)), UNKNOWN)
    return (operator.customers[row["customer_id"]].at(at)["region_id"], *(UNKNOWN,) * 4)


def _issues(service: Service) -> list[Issue]:
    """Answered inbound contacts without another answered one about the same in the days before.

    About the same is about one subscription and topic, through whatever channel. A repeat need not be answered. An
    issue is known when its days are over, and what is known after the close of its month does not count.
    """
    about: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for contact in service.contacts:
        if contact.row["direction"] == "inbound":
            key = tuple(contact.row[name] for name in ("customer_id", "subscription_id", "topic_code"))
            about[key].append(contact)
    found, days = [], timedelta(days=REPEAT_DAYS)
    for contacts in about.values():
        for number, contact in enumerate(contacts):
            if not contact.is_answered or contact.day + days > service.operator.as_of:
                continue
            month = service.month_of(contact.day, max(contact.known(contact.day), contact.day + days))
            seen = [other.known(other.day) <= service.closes(month) for other in contacts]
            before = [other for other, known in zip(contacts[:number], seen[:number], strict=True) if known]
            after = [other for other, known in zip(contacts[number + 1 :], seen[number + 1 :], strict=True) if known]
            if not any(other.is_answered and other.day >= contact.day - days for other in before):
                found.append(Issue(contact, month, any(other.day <= contact.day + days for other in after)))
    return found


def _surveys(service: Service, slices: dict[tuple[str, date], Slice]) -> list[tuple[Event, Event | None]]:
    """Each answer with the last answered contact it can be about."""
    by_line: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for contact in service.contacts:
        if contact.is_answered:
            by_line[contact.row["subscription_id"], contact.row["channel_code"]].append(contact)
    found = []
    for answer in _events(service.operator, "care.survey_response", "responded_at", slices):
        earliest = answer.day - timedelta(days=SURVEY_DAYS)
        candidates = by_line[answer.row["subscription_id"], answer.row["touchpoint_code"]]
        fitting = [contact for contact in candidates if contact.at <= answer.at and contact.day >= earliest]
        found.append((answer, fitting[-1] if fitting else None))
    return found


def service_kpis(service: Service) -> dict[KpiKey, Ratio]:
    """Numerator and denominator of every KPI of service by month and slice."""
    found: dict[KpiKey, list[Decimal]] = {}

    def add(month: date, place: Slice, code: str, numerator: int, denominator: int) -> None:
        value = found.setdefault((month, place, code), [Decimal(0), Decimal(0)])
        value[0] += numerator
        value[1] += denominator

    for contact in service.contacts:
        place = (service.posted(contact), contact.slice)
        queue = service.queue(contact)
        if queue == "outbound":
            add(*place, "outbound_connect_rate", contact.is_answered, 1)
        if queue in CALLS:
            add(*place, "service_level", service.in_time(contact), 1)
            add(*place, "abandonment_rate", not contact.is_answered, 1)
            if contact.is_answered:
                add(*place, "average_speed_of_answer", int(contact.row["wait_seconds"]), 1)
                add(*place, "average_handling_time", int(contact.row["handle_seconds"]), 1)
    for issue in service.issues:
        add(issue.month, issue.contact.slice, "first_contact_resolution", not issue.is_repeated, 1)
    for answer, _ in service.surveys:
        place, score = (service.posted(answer), answer.slice), int(answer.row["score"])
        if answer.row["survey_type"] == "nps":
            add(*place, "net_promoter_score", (score >= 9) - (score <= 6), 1)
        elif 1 <= score <= 5:
            add(*place, "csat_mean", score, 1)
            add(*place, "csat_share", score >= 4, 1)
    return {key: (value[0], value[1]) for key, value in found.items()}


def quality_by_channel(service: Service) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """What service_quality_monthly counts, by month, region, channel, direction, queue and topic.

    Offered, answered, answered in time, seconds waited and handled; issues and those without repeat; satisfaction
    answers, their sum; recommendation answers, promoters and detractors.
    """
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 12)
    for contact in service.contacts:
        counts = found[service.posted(contact), *_kind(service, contact)]
        counts[0] += 1
        if contact.is_answered:
            counts[1] += 1
            counts[2] += contact.row["direction"] == "inbound" and service.in_time(contact)
            counts[3] += int(contact.row["wait_seconds"])
            counts[4] += int(contact.row["handle_seconds"])
    for issue in service.issues:
        counts = found[issue.month, *_kind(service, issue.contact)]
        counts[5] += 1
        counts[6] += not issue.is_repeated
    for answer, about in service.surveys:
        score, kind = answer.row["score"], _kind(service, about)[2:] if about else (UNKNOWN,) * 3
        counts = found[service.posted(answer), answer.slice[0], answer.row["touchpoint_code"], *kind]
        if answer.row["survey_type"] == "csat":
            counts[7] += 1
            counts[8] += int(score)
        else:
            counts[9] += 1
            counts[10] += int(score) >= 9
            counts[11] += int(score) <= 6
    return {key: tuple(counts) for key, counts in found.items()}


def _kind(service: Service, contact: Event) -> tuple[str, ...]:
    row = contact.row
    return contact.slice[0], row["channel_code"], row["direction"], service.queue(contact), row["topic_code"]


def due_of(service: Service, ticket: Ticket) -> tuple[datetime | None, date | None]:
    """When the target of a ticket fell due, and the month that it is judged in; None while it has not."""
    first, last, clock = ticket.states[0], ticket.states[-1].row, service.operator.clock
    due = ticket.opened_at + timedelta(hours=service.targets[last["ticket_type"], first.row["severity_code"]])
    if due >= service.operator.end:
        return None, None
    day = clock.day(due)
    return due, service.month_of(day, max(day, first.known(clock.day(ticket.opened_at))))


def sla_by_kind(service: Service) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """What sla_monthly counts of tickets, by month, region, customer type, ticket type and severity at the opening.

    Opened, resolved, reopened, left over at the end, seconds to resolve, due and met.
    """
    operator = service.operator
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 7)
    for ticket in service.tickets.values():
        first, last = ticket.states[0].row, ticket.states[-1].row
        customer = operator.customers[last["customer_id"]].at(ticket.opened_at)["customer_type"]
        kind = (last["region_id"], customer, last["ticket_type"], first["severity_code"])
        for turn, at, state in ticket.turns():
            counts = found[service.posted(state, operator.clock.day(at)), *kind]
            counts[("opened", "resolved", "reopened").index(turn)] += 1
            if turn == "resolved":
                counts[4] += int((at - ticket.opened_at).total_seconds())
        due, month = due_of(service, ticket)
        if due and month:
            found[month, *kind][5] += 1
            found[month, *kind][6] += ticket.is_resolved_at(due, service.closes(month), operator.clock.zone)
    for kind in {key[1:] for key in found}:
        left, month = 0, min(key[0] for key in found if key[1:] == kind)
        while month <= operator.as_of:
            counts = found[month, *kind]
            left += counts[0] + counts[2] - counts[1]
            counts[3] = left
            month = months_later(month, 1)
    return {key: tuple(counts) for key, counts in found.items() if any(counts)}
