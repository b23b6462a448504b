"""Customer care: who gets in touch, about what and through which channel, how long they wait, and what comes of it."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.catalogue import REGIONS
from tenure.simulator.journal import Journal
from tenure.simulator.life import bill_shock, price_gap
from tenure.simulator.network import REGION_LEVELS, hours_lost
from tenure.simulator.randomness import child
from tenure.simulator.staff import pick_staff
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month

CHANNELS = ("call", "app", "store", "chat", "email", "social")
DIRECTIONS = ("inbound", "outbound")
TOPICS = ("billing", "network", "plan", "payment", "information", "complaint", "fault", "request")
TICKET_TYPES = ("complaint", "fault", "request")
CAUSES = ("outage", "coverage", "bill", "service", "price", "other")
TICKET_STATES = ("open", "resolved", "reopened")
SEVERITIES = ("low", "medium", "high")
SURVEYS = ("nps", "csat")
TOUCHPOINTS = (*CHANNELS, "relationship")
_APP = CHANNELS.index("app")
_COMPLAINT, _FAULT, _REQUEST = range(3)
_OUTAGE, _COVERAGE, _BILL, _SERVICE, _PRICE, _OTHER = range(6)
# By channel: share of contacts, mean wait in seconds at usual load, patience, time to deal with it, share resolved.
_CHANNEL_SHARE = (0.42, 0.22, 0.12, 0.14, 0.04, 0.06)
_WAIT = (9, 0, 420, 45, 18_000, 1_500)
_PATIENCE = (180, NEVER, 2_700, 240, NEVER, NEVER)
_HANDLE = (300, 60, 660, 480, 420, 300)
_RESOLVED = (0.78, 0.72, 0.88, 0.74, 0.68, 0.62)
# Contacts by hour; care is open from 8 to 22.
_HOURS = np.array((0,) * 8 + (5, 9, 11, 10, 7, 6, 8, 9, 9, 8, 7, 6, 4, 2) + (0, 0))
# Rates a line and month unless said otherwise.
_CONTACTS = {"billing": 0.022, "network": 0.012, "plan": 0.016, "payment": 0.012, "information": 0.016}
_SHOCK_CONTACTS, _SHOCK_COMPLAINTS = 0.22, 0.06  # times the bill shock (0 to 1.5)
_COMPLAINTS, _FAULTS_MOBILE, _FAULTS_BROADBAND, _REQUESTS = 0.006, 0.002, 0.030, 0.008
_COMPLAINT_CAUSES = (0.0, 0.30, 0.16, 0.26, 0.18, 0.10)
_COVERAGE_BY_LEVEL = -0.35  # complaints and faults fall where the network is better built
_OUTAGE_CONTACTS, _OUTAGE_COMPLAINTS = 0.10, 0.030  # a line and day without service for ten hours
# Hours until a ticket is resolved (median, by type), and the chance that it is opened again.
_RESOLVED_AFTER, _REOPENED = (40, 26, 18), 0.08
_CALLED_BACK, _REACHED = 0.5, 0.72
_TICKET_TOPICS = (TOPICS.index("complaint"), TOPICS.index("fault"), TOPICS.index("request"))
_ANSWER_SURVEY, _ASKED_MONTHLY = 0.12, 0.015


@dataclass
class _Contacts:
    """Contacts by position, in order of time; ticket type and cause are -1 for those that open no ticket."""

    line: Integers
    at: Integers
    topic: Integers
    ticket: Integers
    cause: Integers


def take_care(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the month's contacts, tickets and survey answers; sets `complained_at` of the lines.

    It comes before the month's bills are made, so that a shock is that of the bill customers hold in their hands.
    """
    rng = child(seed, "care", month.index)
    lost = _hours_lost_by_day(world, month)
    contacts = _contacts(world, rng, month, lost)
    line, at = contacts.line, contacts.at
    channel = rng.choice(len(CHANNELS), len(line), p=_CHANNEL_SHARE).astype(np.int64)
    wait, answered = _wait(world, rng, month, at, channel, lost)
    handle = np.maximum(rng.lognormal(np.log(np.array(_HANDLE)[channel]) - 0.18, 0.6), 5).astype(np.int64)
    # What cannot be dealt with today gets an automatic reply: no contact ends after its day.
    latest = (at // DAY_SECONDS + 1) * DAY_SECONDS - 1
    answered_at = np.minimum(at + wait, latest)
    ended_at = np.where(answered, np.minimum(answered_at + handle, latest), answered_at)
    opens = answered & (contacts.ticket >= 0)
    solved = answered & ~opens & (rng.random(len(line)) < np.array(_RESOLVED)[channel])
    journal.add(
        "care.interaction",
        len(line),
        interaction_id=int(month.code) * 10**8 + np.arange(1, len(line) + 1),
        customer_id=world.lines.customer[line] + 1,
        subscription_id=line + 1,
        channel_code=channel,
        direction=0,
        topic_code=contacts.topic,
        started_at=at,
        answered_at=np.where(answered, answered_at, -1),
        ended_at=ended_at,
        wait_seconds=answered_at - at,
        handle_seconds=np.where(answered, ended_at - answered_at, -1),
        is_abandoned=1 - answered,
        is_resolved=solved.astype(np.int64),
        # The app answers by itself.
        staff_id=np.where(answered & (channel != _APP), pick_staff(rng, "agent", world.lines.region[line]), -1),
    )
    _open_tickets(world, child(seed, "tickets", month.index), journal, month, contacts, opens, ended_at)
    complaint = opens & (contacts.ticket == _COMPLAINT)
    np.maximum.at(world.lines.complained_at, line[complaint], ended_at[complaint])
    surveys = child(seed, "surveys", month.index)
    asked = np.flatnonzero(answered & (surveys.random(len(line)) < _ANSWER_SURVEY))
    _score_contacts(
        world, surveys, journal, month, line[asked], channel[asked], wait[asked], ended_at[asked], solved[asked]
    )
    _score_relationship(world, child(seed, "relationship survey", month.index), journal, month)


def _hours_lost_by_day(world: World, month: Month) -> Floats:
    """Hours without service by kind of line (mobile, broadband), region and day of the month."""
    hours = world.outages[:, :, : month.days] / 60
    return np.stack([hours[:, :2].mean(axis=1), hours[:, 2]])


def _contacts(world: World, rng: np.random.Generator, month: Month, lost: Floats) -> _Contacts:
    """All contacts of the month by lines that were there, in order of time."""
    lines = world.lines
    asleep = (lines.dormant_from <= month.first_day) & (lines.dormant_to > month.first_day)
    here = np.flatnonzero(
        (lines.activated_at < month.end) & (lines.terminated_at > month.start) & (lines.is_inactive == 0) & ~asleep
    )
    shock = bill_shock(world)[here]
    level = np.array(REGION_LEVELS)[lines.region[here]]
    built = np.exp(_COVERAGE_BY_LEVEL * level)
    broadband = lines.msisdn[here] < 0
    causes, weights = np.arange(len(CAUSES)), np.array(_COMPLAINT_CAUSES)
    faults = np.where(broadband, _FAULTS_BROADBAND, _FAULTS_MOBILE) * built
    # (topic, ticket type, cause, rate by line, whether it comes in the days after the bill)
    streams: list[tuple[str, int, int, Floats, bool]] = [
        (topic, -1, -1, np.full(len(here), rate), False) for topic, rate in _CONTACTS.items()
    ]
    streams.append(("billing", -1, -1, _SHOCK_CONTACTS * shock, True))
    streams.append(("complaint", _COMPLAINT, _BILL, _SHOCK_COMPLAINTS * shock, True))
    for cause in causes[weights > 0]:
        part = _COMPLAINTS * weights[cause] * (built if cause == _COVERAGE else np.ones(len(here)))
        streams.append(("complaint", _COMPLAINT, int(cause), part, False))
    streams.append(("fault", _FAULT, _COVERAGE, faults, False))
    streams.append(("request", _REQUEST, _SERVICE, np.full(len(here), _REQUESTS), False))
    parts = []
    for topic, ticket, cause, rate, after_bill in streams:
        line = here[rng.random(len(here)) < rate]
        day = rng.integers(0, 12 if after_bill else month.days, len(line))
        parts.append((line, day, *(np.full(len(line), value) for value in (TOPICS.index(topic), ticket, cause))))
    for topic, ticket, cause, daily in (
        ("network", -1, -1, _OUTAGE_CONTACTS),
        ("complaint", _COMPLAINT, _OUTAGE, _OUTAGE_COMPLAINTS),
    ):
        line, day = _struck(world, rng, here, lost / 10 * daily)
        parts.append((line, day, *(np.full(len(line), value) for value in (TOPICS.index(topic), ticket, cause))))
    line, day, topics, tickets, cause_codes = (np.concatenate(column) for column in zip(*parts, strict=True))
    at = (month.first_day + day) * DAY_SECONDS + _hour_of_contact(rng, len(line))
    # The line must be there, and in the state in which the month leaves it.
    since = np.where(lines.terminated_at[line] == NEVER, lines.changed_at[line], lines.activated_at[line])
    possible = np.flatnonzero((at > since) & (at < lines.terminated_at[line]))
    order = possible[np.lexsort((topics[possible], line[possible], at[possible]))]
    return _Contacts(line[order], at[order], topics[order], tickets[order], cause_codes[order])


def _struck(world: World, rng: np.random.Generator, here: Integers, rate: Floats) -> tuple[Integers, Integers]:
    """Lines and days (from 0) of contacts at `rate` by kind of line, region and day, every line alike."""
    lines, regions = world.lines, len(REGIONS)
    group = (lines.msisdn[here] < 0) * regions + lines.region[here]
    order = here[np.argsort(group, kind="stable")]
    size = np.bincount(group, minlength=2 * regions)
    first = np.cumsum(size) - size
    count = rng.poisson(rate * size.reshape(2, regions, 1))
    kind, region, day = (np.repeat(index.ravel(), count.ravel()) for index in np.indices(count.shape))
    place = kind * regions + region
    return order[first[place] + rng.integers(0, 2**40, len(place)) % np.maximum(size[place], 1)], day


def _hour_of_contact(rng: np.random.Generator, count: int) -> Integers:
    by_hour = np.concatenate([[0], np.cumsum(_HOURS)]) / _HOURS.sum()
    return (np.interp(rng.random(count), by_hour, np.arange(25)) * 3_600).astype(np.int64)


def _wait(
    world: World, rng: np.random.Generator, month: Month, at: Integers, channel: Integers, lost: Floats
) -> tuple[Integers, Flags]:
    """Seconds waited and whether somebody answered: waits grow with the load of the hour and with outages anywhere."""
    lines = world.lines
    group = (lines.msisdn < 0) * len(REGIONS) + lines.region
    size = np.bincount(group[lines.terminated_at > month.start], minlength=2 * len(REGIONS)).reshape(2, -1, 1)
    usual = sum(_CONTACTS.values()) + _COMPLAINTS + _REQUESTS
    surge = (size * lost / 10 * (_OUTAGE_CONTACTS + _OUTAGE_COMPLAINTS)).sum(axis=(0, 1)) / (size.sum() * usual / 30)
    hour = _HOURS / _HOURS[_HOURS > 0].mean()
    load = hour[at % DAY_SECONDS // 3_600] * (1 + surge[at // DAY_SECONDS - month.first_day])
    wait = rng.exponential(np.array(_WAIT)[channel] * load**1.5)
    patience = rng.exponential(1.0, len(at)) * np.array(_PATIENCE, dtype=np.float64)[channel]
    return np.minimum(wait, patience).astype(np.int64), wait <= patience


def _open_tickets(
    world: World,
    rng: np.random.Generator,
    journal: Journal,
    month: Month,
    contacts: _Contacts,
    opens: Flags,
    opened_at: Integers,
) -> None:
    """Tickets with all the changes of state that will come; what lies beyond the month waits in the agenda."""
    rows = np.flatnonzero(opens)
    rows, count = rows[np.argsort(opened_at[rows], kind="stable")], len(rows)
    line, opened, kind = contacts.line[rows], opened_at[rows], contacts.ticket[rows]
    severity = np.where(contacts.cause[rows] == _OUTAGE, 2, rng.choice(3, count, p=(0.45, 0.42, 0.13)))
    hours = np.array(_RESOLVED_AFTER)[kind] * np.exp(rng.normal(0, 0.7, count) - 0.35 * severity)
    resolved = opened + np.clip(hours * 3_600, 900, 30 * DAY_SECONDS).astype(np.int64)
    again = rng.random(count) < _REOPENED
    reopened = resolved + rng.integers(DAY_SECONDS // 2, 5 * DAY_SECONDS, count)
    closed = reopened + rng.integers(DAY_SECONDS // 2, 6 * DAY_SECONDS, count)
    same = {
        "ticket_id": int(month.code) * 10**7 + np.arange(1, count + 1),
        "subscription_id": line + 1,
        "customer_id": world.lines.customer[line] + 1,
        "ticket_type": kind,
        "cause_code": contacts.cause[rows],
        "opened_at": opened,
        "region_id": world.lines.region[line],
        "severity_code": severity,
    }
    for at, state, done, which in (
        (opened, 0, np.full(count, -1), np.ones(count, dtype=bool)),
        (resolved, 1, resolved, np.ones(count, dtype=bool)),
        (reopened, 2, np.full(count, -1), again),
        (closed, 1, closed, again),
    ):
        chosen = {name: values[which] for name, values in same.items()}
        world.agenda.add(
            journal,
            month,
            "care.ticket",
            at[which],
            int(which.sum()),
            effective_at=at[which],
            resolved_at=done[which],
            status_code=state,
            **chosen,
        )
    _call_back(world, rng, journal, month, line, resolved, np.array(_TICKET_TOPICS)[kind])


def _call_back(
    world: World,
    rng: np.random.Generator,
    journal: Journal,
    month: Month,
    line: Integers,
    resolved: Integers,
    topic: Integers,
) -> None:
    """Half of the tickets end with a call to the customer, who is not always reached."""
    called = rng.random(len(line)) < _CALLED_BACK
    line, topic, count = line[called], topic[called], int(called.sum())
    started = resolved[called] + rng.integers(300, 3_600, count)
    ringing, reached = rng.integers(4, 28, count), rng.random(count) < _REACHED
    talk = np.where(reached, rng.integers(40, 400, count), 0)
    world.agenda.add(
        journal,
        month,
        "care.interaction",
        started,
        count,
        # Numbered by the month in which the ticket was opened, above all that customers began.
        interaction_id=int(month.code) * 10**8 + 5 * 10**7 + np.arange(1, count + 1),
        customer_id=world.lines.customer[line] + 1,
        subscription_id=line + 1,
        channel_code=0,
        direction=1,
        topic_code=topic,
        started_at=started,
        answered_at=np.where(reached, started + ringing, -1),
        ended_at=started + ringing + talk,
        wait_seconds=ringing,
        handle_seconds=np.where(reached, talk, -1),
        is_abandoned=1 - reached,
        is_resolved=reached.astype(np.int64),
        staff_id=pick_staff(rng, "agent", world.lines.region[line]),
    )


def _score_contacts(
    world: World,
    rng: np.random.Generator,
    journal: Journal,
    month: Month,
    line: Integers,
    channel: Integers,
    wait: Integers,
    ended_at: Integers,
    solved: Flags,
) -> None:
    """CSAT from 1 to 5 after a contact: long waits, open questions and a network that failed cost points."""
    felt = 4.7 - 0.30 * np.log1p(wait / 60) - 1.1 * ~solved - 0.5 * _trouble(world)[line]
    score = np.clip(np.rint(felt + rng.normal(0, 0.8, len(line))), 1, 5).astype(np.int64)
    answered_at = ended_at + rng.integers(120, 20 * 3_600, len(line))
    kept = answered_at < month.end  # the link of a survey is switched off when the month is closed
    _journal_survey(world, journal, month, 1, line[kept], score[kept], answered_at[kept], channel[kept], first=0)


def _score_relationship(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> None:
    """NPS from 0 to 10 of a monthly sample: complaints, outages and dear plans cost points."""
    lines = world.lines
    asked = np.flatnonzero(
        (lines.terminated_at >= month.end) & (lines.activated_at < month.start) & (lines.is_inactive == 0)
    )
    asked = asked[rng.random(len(asked)) < _ASKED_MONTHLY]
    at = rng.integers(month.first_day, month.end_day, len(asked)) * DAY_SECONDS + _hour_of_contact(rng, len(asked))
    complained = (lines.complained_at[asked] >= month.start - 60 * DAY_SECONDS) & (lines.complained_at[asked] < at)
    felt = 8.4 - 2.2 * complained - 1.0 * _trouble(world)[asked] - 3.0 * np.maximum(price_gap(world, month)[asked], 0)
    score = np.clip(np.rint(felt + rng.normal(0, 1.9, len(asked))), 0, 10).astype(np.int64)
    kept = at > lines.changed_at[asked]
    place = np.full(int(kept.sum()), TOUCHPOINTS.index("relationship"))
    _journal_survey(world, journal, month, 0, asked[kept], score[kept], at[kept], place, first=5 * 10**7)


def _trouble(world: World) -> Floats:
    """What outages of this month mean to each line: days without service, at most 2."""
    return np.minimum(hours_lost(world) / 24, 2.0)


def _journal_survey(
    world: World,
    journal: Journal,
    month: Month,
    kind: int,
    line: Integers,
    score: Integers,
    at: Integers,
    touchpoint: Integers,
    first: int,
) -> None:
    order = np.lexsort((line, at))
    journal.add(
        "care.survey_response",
        len(line),
        survey_response_id=int(month.code) * 10**8 + first + np.arange(1, len(line) + 1),
        subscription_id=line[order] + 1,
        customer_id=world.lines.customer[line[order]] + 1,
        survey_type=kind,
        score=score[order],
        responded_at=at[order],
        touchpoint_code=touchpoint[order],
    )
