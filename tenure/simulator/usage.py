"""Usage events of a month: how many, when, what kind, what they cost; and the top-ups that pay for prepaid ones."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import OFFERS
from tenure.simulator.codes import SERVICES
from tenure.simulator.journal import Journal
from tenure.simulator.life import is_prepaid, offer_flags
from tenure.simulator.people import number_of
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month, day_date

VOICE, SMS, DATA, VAS = range(len(SERVICES))
# Share of usage by local hour.
_HOURS = {
    VOICE: (1, 1, 1, 1, 1, 2, 6, 14, 30, 42, 44, 42, 34, 30, 34, 36, 38, 42, 40, 36, 28, 18, 8, 3),
    SMS: (2, 1, 1, 1, 1, 2, 6, 14, 30, 40, 40, 36, 34, 28, 30, 32, 32, 34, 30, 28, 22, 16, 9, 4),
    DATA: (10, 6, 4, 3, 3, 4, 9, 18, 24, 24, 25, 28, 34, 30, 26, 26, 28, 32, 36, 42, 46, 44, 34, 20),
    VAS: (6, 3, 2, 1, 1, 2, 6, 12, 16, 18, 18, 20, 26, 22, 18, 18, 20, 24, 30, 36, 40, 38, 28, 14),
}
# Monday to Sunday: people talk at work and stream at home.
_WEEKDAYS = {
    VOICE: (1.08, 1.06, 1.05, 1.06, 1.12, 0.88, 0.75),
    SMS: (1.06, 1.05, 1.05, 1.05, 1.08, 0.90, 0.81),
    DATA: (0.95, 0.94, 0.95, 0.96, 1.02, 1.12, 1.06),
    VAS: (0.92, 0.92, 0.93, 0.96, 1.08, 1.16, 1.03),
}
# January to December: calls fall in the month of the Spring Festival, streaming rises in the holidays.
_SEASON_TALK = (1.02, 0.88, 1.02, 1.01, 1.00, 1.00, 0.97, 0.98, 1.02, 0.97, 1.04, 1.06)
_SEASON_DATA = (1.02, 1.12, 0.97, 0.97, 0.98, 1.00, 1.09, 1.10, 0.97, 1.04, 0.97, 0.99)
_INCOMING = {VOICE: 0.46, SMS: 0.62, DATA: 0.0, VAS: 0.0}
# Prices above the allowance: fen per minute, per message and per GB; roaming and value-added services always cost.
_VOICE_MINUTE, _SMS_EACH, _DATA_GB = 10, 10, 500
_ABROAD_MINUTE, _ABROAD_SMS, _ABROAD_GB = 99, 39, 3_000
_VAS_PRICES = (100, 200, 300, 600, 1_000)
_BYTES_GB = 10**9
_TOPUPS = (1_000, 2_000, 3_000, 5_000, 10_000, 20_000)
# One event in so many carries a number that belongs to none of our lines.
_STRAY_EVERY = 5_000
SILENT_DAYS = 90


@dataclass
class Events:
    """Events by position: the line, the instant and what was used; `cost` in fen."""

    line: Integers
    at: Integers
    service: Integers
    incoming: Flags
    roaming: Integers
    seconds: Integers
    volume: Integers
    cost: Integers


def make_usage(world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month) -> Integers:
    """Write the month's usage events and top-ups; returns what each line's usage cost, in fen.

    Keeps `last_activity` of the lines up to date and marks inactive churn on day 90 (`track_activity`).
    """
    rng = child(seed, "usage", month.index)
    events = _rate(world, _draw(world, rng, month))
    topped_up = _topups(world, child(seed, "topups", month.index), journal, month)
    own = ~events.incoming & (events.service != VAS)
    line = np.concatenate([events.line[own], topped_up[0]])
    track_activity(world, line, np.concatenate([events.at[own], topped_up[1]]) // DAY_SECONDS, month)
    _journal_events(world, rng, journal, month, events)
    return np.bincount(events.line, weights=events.cost, minlength=len(world.lines)).astype(np.int64)


def _draw(world: World, rng: np.random.Generator, month: Month) -> Events:
    lines = world.lines
    present = (
        offer_flags("service_line", "mobile")[lines.offer]
        & (lines.activated_at < month.end)
        & (lines.terminated_at > month.start)
    )
    mean = lines.rate * (1 - lines.decline) * np.where(lines.travels == 1, 1.5, 1.0) * present * month.days
    share = {
        VOICE: (1 - lines.data_share) * 0.80,
        SMS: (1 - lines.data_share) * 0.20,
        DATA: lines.data_share * 0.94,
        VAS: lines.data_share * 0.06,
    }
    today = day_date(month.first_day)
    pieces = []
    for service, part in share.items():
        season = (_SEASON_TALK if service in (VOICE, SMS) else _SEASON_DATA)[today.month - 1]
        line = np.repeat(np.arange(len(lines)), rng.poisson(mean * part * season))
        count = len(line)
        weekday = (today.weekday() + np.arange(month.days)) % 7
        by_day = np.cumsum(np.array(_WEEKDAYS[service])[weekday])
        day = np.searchsorted(by_day / by_day[-1], rng.random(count))
        by_hour = np.concatenate([[0], np.cumsum(_HOURS[service])]) / sum(_HOURS[service])
        second = (np.interp(rng.random(count), by_hour, np.arange(25)) * 3_600).astype(np.int64)
        at = (month.first_day + day) * DAY_SECONDS + np.minimum(second, DAY_SECONDS - 1)
        incoming = rng.random(count) < _INCOMING[service]
        pieces.append(
            (
                line,
                at,
                np.full(count, service),
                incoming,
                _places(lines.travels[line], rng),
                *_amount_used(service, count, rng),
            )
        )
    columns = [np.concatenate(part) for part in zip(*pieces, strict=True)]
    line, at, service_type, incoming = columns[:4]
    # Value-added services renew themselves: nobody starts them, and they prove nothing about the customer.
    kept = _possible(world, line, at, ~incoming & (service_type != VAS), rng.random(len(line)))
    line, at, service_type, incoming, roaming, seconds, volume = (column[kept] for column in columns)
    return Events(line, at, service_type, incoming, roaming, seconds, volume, cost=np.zeros(len(line), dtype=np.int64))


def _places(travels: Integers, rng: np.random.Generator) -> Integers:
    """0 home, 1 elsewhere in the country, 2 abroad."""
    draw = rng.random(len(travels))
    abroad, away = np.where(travels == 1, 0.10, 0.0), np.where(travels == 1, 0.45, 0.02)
    return np.where(draw < abroad, 2, np.where(draw < abroad + away, 1, 0))


def _amount_used(service: int, count: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Seconds and bytes of each event, -1 where the service has none; both have heavy tails."""
    none = np.full(count, -1, dtype=np.int64)
    if service == VOICE:
        return np.clip(rng.lognormal(4.7, 1.05, count), 1, 14_400).astype(np.int64), none
    if service == DATA:
        return none, np.clip(rng.lognormal(19.2, 1.5, count), 2_000, 3e11).astype(np.int64)
    return none, none


def _possible(world: World, line: Integers, at: Integers, started_by_customer: Flags, luck: Floats) -> Flags:
    """Events of lines that are in service then; the silent start nothing, and those leaving use less and less."""
    lines = world.lines
    alive = (at >= lines.activated_at[line]) & (at < lines.terminated_at[line])
    barred = (at >= lines.suspended_from[line]) & (at < lines.suspended_to[line])
    day = at // DAY_SECONDS
    silent = started_by_customer & (day >= lines.dormant_from[line]) & (day < lines.dormant_to[line])
    leaving = (lines.churned_at[line] < NEVER) & (at > lines.churned_at[line] - 14 * DAY_SECONDS)
    return alive & ~barred & ~silent & ~(leaving & (luck < 0.6))


def _running_total(group: Integers, amount: Integers) -> Integers:
    """Sum of `amount` within each run of equal `group` before each position."""
    total = np.cumsum(amount) - amount
    first = np.ones(len(group), dtype=bool)
    first[1:] = group[1:] != group[:-1]
    start = np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
    return total - total[start]


def _rate(world: World, events: Events) -> Events:
    """Price every event: nothing within the allowance of the plan, a list price above it and abroad."""
    offer = world.lines.offer
    order = np.lexsort((events.at, events.line))
    line, service = events.line[order], events.service[order]
    own, abroad = ~events.incoming[order], events.roaming[order] == 2
    home = own & ~abroad
    cost = np.zeros(len(order), dtype=np.int64)
    minutes = np.where(service == VOICE, -(-np.maximum(events.seconds[order], 0) // 60), 0)
    volume = np.maximum(events.volume[order], 0)
    for kind, used, allowance, price, unit, price_abroad in (
        (VOICE, minutes, [item.voice_minutes for item in OFFERS], _VOICE_MINUTE, 1, _ABROAD_MINUTE),
        (SMS, (service == SMS).astype(np.int64), [item.sms_count for item in OFFERS], _SMS_EACH, 1, _ABROAD_SMS),
        (DATA, volume, [item.data_mb * 10**6 for item in OFFERS], _DATA_GB, _BYTES_GB, _ABROAD_GB),
    ):
        counted = np.where(home & (service == kind), used, 0)
        left = np.array(allowance, dtype=np.int64)[offer[line]] - _running_total(line, counted)
        above = np.clip(counted - np.maximum(left, 0), 0, None)
        # Unlimited in practice: the network slows a line down after 10 GB above its allowance in one session.
        cost += np.minimum(above, 10 * _BYTES_GB) * price // unit
        cost += np.where(abroad & own & (service == kind), np.minimum(used, 5 * _BYTES_GB) * price_abroad // unit, 0)
    vas = service == VAS
    cost += np.where(vas, np.array(_VAS_PRICES)[(events.at[order] + line) % len(_VAS_PRICES)], 0)
    return Events(
        line, events.at[order], service, ~own, events.roaming[order], events.seconds[order], events.volume[order], cost
    )


def _journal_events(world: World, rng: np.random.Generator, journal: Journal, month: Month, events: Events) -> None:
    lines, count = world.lines, len(events.line)
    order = np.argsort(events.at, kind="stable")
    line, at, service = events.line[order], events.at[order], events.service[order]
    old_number = at < lines.number_changed_at[line]
    msisdn = np.where(old_number, lines.previous_msisdn[line], lines.msisdn[line])
    stray = rng.integers(0, _STRAY_EVERY, count) == 0
    # The far end of the number space, which no counter of ours reaches.
    msisdn = np.where(stray, number_of(10**9 - 1 - rng.integers(0, 50, count)), msisdn)
    person_to_person = (service == VOICE) | (service == SMS)
    off_net = rng.random(count) < 0.44
    journal.add(
        "usage.usage_event",
        count,
        event_id=int(month.code) * 10**9 + np.arange(1, count + 1),
        msisdn=msisdn,
        started_at=at,
        service_type=service,
        direction=events.incoming[order].astype(np.int64),
        network_type=np.where(person_to_person, off_net, 2),
        roaming_type=events.roaming[order],
        other_operator=np.where(person_to_person & off_net, rng.choice(3, count, p=(0.42, 0.46, 0.12)), -1),
        duration_seconds=events.seconds[order],
        volume_bytes=events.volume[order],
        rated_amount=events.cost[order],
        currency_code=0,
    )


def _topups(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> tuple[Integers, Integers]:
    """Write top-ups of prepaid lines; returns line and instant of each."""
    lines = world.lines
    payer = is_prepaid(world) & (lines.terminated_at > month.start) & (lines.activated_at < month.end)
    spend = np.where(lines.bill_1 > 0, lines.bill_1, world.fees[lines.offer]) * 1.06 * (1 - 0.6 * lines.decline)
    usual = np.searchsorted(np.array(_TOPUPS[:-1]), spend * 0.8)
    count = rng.poisson(np.where(payer, spend / np.array(_TOPUPS)[usual], 0))
    line = np.repeat(np.arange(len(lines)), count)
    size = np.clip(usual[line] + rng.choice([-1, 0, 1], len(line), p=(0.2, 0.6, 0.2)), 0, len(_TOPUPS) - 1)
    day = rng.integers(month.first_day, month.end_day, len(line))
    at = day * DAY_SECONDS + rng.integers(28_800, 82_800, len(line))
    kept = _possible(world, line, at, np.ones(len(line), dtype=bool), np.ones(len(line)))
    line, at, size = line[kept], at[kept], size[kept]
    order = np.argsort(at, kind="stable")
    line, at, size = line[order], at[order], size[order]
    journal.add(
        "usage.topup",
        len(line),
        topup_id=int(month.code) * 10**8 + np.arange(1, len(line) + 1),
        msisdn=np.where(at < lines.number_changed_at[line], lines.previous_msisdn[line], lines.msisdn[line]),
        topped_up_at=at,
        amount=np.array(_TOPUPS)[size],
        currency_code=0,
        channel_type=rng.choice(4, len(line), p=(0.66, 0.12, 0.14, 0.08)),
    )
    return line, at


def track_activity(world: World, line: Integers, day: Integers, month: Month) -> None:
    """Mark prepaid lines that reach 90 silent days in the month, and those that come back.

    Day 90 is the ninetieth day in a row without activity, so a line last active on day D is lost on D + 90 unless it
    is active or terminated on that day. `line` and `day` list what customers did themselves in the month.
    """
    lines = world.lines
    first, last = np.full(len(lines), NEVER), np.full(len(lines), -1)
    np.minimum.at(first, line, day)
    np.maximum.at(last, line, day)
    lost_on = lines.last_activity + SILENT_DAYS
    lost = (
        is_prepaid(world)
        & (lines.is_inactive == 0)
        & (lost_on < month.end_day)
        & (first > lost_on)
        & (lines.terminated_at // DAY_SECONDS > lost_on)
    )
    lines.inactive_on = np.where(lost, lost_on, lines.inactive_on)
    back = last >= 0
    lines.is_inactive = np.where(back, 0, np.where(lost, 1, lines.is_inactive))
    lines.last_activity = np.maximum(lines.last_activity, last)
