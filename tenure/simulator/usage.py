"""Usage events of a month, made day by day: how many, when, of what kind, with whom, and what they cost.

A day's events are all there is in memory at a time, so that a month of a million lines fits anywhere.
"""

from collections.abc import Callable
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tenure.simulator.journal import Columns, Journal
from tenure.simulator.life import offer_flags
from tenure.simulator.other_parties import OtherParties
from tenure.simulator.people import number_of
from tenure.simulator.presence import Activity, is_possible, may_be_impossible
from tenure.simulator.randomness import child
from tenure.simulator.rating import ABROAD, DATA, SMS, VAS, VOICE, Rating
from tenure.simulator.rhythm import day_factors, seconds_of_day
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Flags, Floats, Integers, Month
from tenure.simulator.topups import make_topups

_WORD = 2**16  # chances are compared with random 16-bit words
_TALK_SHARES, _DATA_SHARES = {VOICE: 0.80, SMS: 0.20}, {DATA: 0.94, VAS: 0.06}
_INCOMING = np.array([round(share * _WORD) for share in (0.46, 0.62, 0.0, 0.0)])
# (home, elsewhere in the country) in words; the rest is abroad. Those who travel this month, and the others.
_AWAY, _AWAY_TRAVELLING, _ABROAD_TRAVELLING = round(0.02 * _WORD), round(0.45 * _WORD), round(0.10 * _WORD)
# Mean and deviation of the logarithm, least and most: seconds of a call, bytes of a data session. Heavy tails.
_LENGTHS = {VOICE: (4.7, 1.05, 1, 14_400), DATA: (19.2, 1.5, 2_000, 300 * 10**9)}
# Data that somebody else pays for.
_SPONSORED = round(0.04 * _WORD)
_SPONSOR_SHARES = (0.6, 0.25, 0.15)
# One event in about five thousand carries a number that belongs to none of our lines.
_STRAY = 13
_STRAY_NUMBERS = 50
_CELLS, _WITHIN_BITS = 2**14, 18  # a 32-bit draw is a cell of the distribution and a place within it
_LINE_BITS, _SERVICE_BITS = 34, 2

Words = npt.NDArray[np.uint16]


def make_usage(
    world: World, seed: int, journal: Journal, month: Month, deliver: Callable[[Columns, int], None]
) -> Integers:
    """Make the month's top-ups and, day by day, its usage events; returns what each line's usage cost, in fen.

    `deliver` gets the events of each day, in order of time, and the day. Keeps the lines' last activity up to date and
    marks inactive churn on day 90.
    """
    activity = Activity(world)
    topped_up, at = make_topups(world, seed, journal, month)
    activity.add(topped_up, at // DAY_SECONDS)
    usage = _MonthOfUsage(world, month, activity)
    for day in range(month.first_day, month.end_day):
        deliver(usage.live(child(seed, f"usage of day {day - month.first_day + 1}", month.index), day), day)
    activity.track(world, month)
    return usage.cost


class _MonthOfUsage:
    """What a month's days have in common, and what they add up to."""

    def __init__(self, world: World, month: Month, activity: Activity) -> None:
        lines = world.lines
        self._world, self._month, self._activity = world, month, activity
        self._rating = Rating(world)
        self._present = np.flatnonzero(
            offer_flags("service_line", "mobile")[lines.offer]
            & (lines.activated_at < month.end)
            & (lines.terminated_at > month.start)
        )
        present = self._present
        rate = lines.rate[present] * (1 - lines.decline[present]) * np.where(lines.travels[present] == 1, 1.5, 1.0)
        self._talk, self._data = rate * (1 - lines.data_share[present]), rate * lines.data_share[present]
        self._is_limited = may_be_impossible(world, month)
        self._is_travelling = lines.travels == 1
        self._is_renumbered = lines.number_changed_at > month.start
        self._events = 0
        self.cost = np.zeros(len(lines), dtype=np.int64)

    def live(self, rng: np.random.Generator, day: int) -> Columns:
        """The events of a day, in order of time."""
        line, second, service = self._draw(rng, day)
        at = day * DAY_SECONDS + second
        luck = rng.integers(0, 2**32, len(line), dtype=np.uint32).view(np.uint16).reshape(-1, 2)
        incoming = luck[:, 0] < _INCOMING[service]
        kept = self._possible(line, at, ~incoming & (service != VAS), luck[:, 1])
        line, at, service, incoming = line[kept], at[kept], service[kept], incoming[kept]
        words = rng.integers(0, 2**64, (len(line), 2), dtype=np.uint64).view(np.uint16)
        started = ~incoming & (service != VAS)
        roaming = _places(self._is_travelling[line], words[:, 0])
        amount = _amounts_used(service, words[:, 1], words[:, 2])
        sponsor = _sponsors(service, words[:, 3])
        cost = self._rating.price(line, at, service, started & (sponsor < 0), roaming, amount)
        self.cost += np.bincount(line, weights=cost, minlength=len(self.cost)).astype(np.int64)
        self._activity.add(line[started], day)
        crosses, number, rival = self._other_parties(line, service, day, words[:, 4:7])
        count = len(line)
        first, self._events = self._events + 1, self._events + count
        return {
            "event_id": int(self._month.code) * 10**9 + np.arange(first, first + count),
            "msisdn": self._numbers(line, at, words[:, 7]),
            "started_at": at,
            "service_type": service,
            "direction": incoming.astype(np.int64),
            "network_type": crosses,
            "roaming_type": roaming,
            "other_operator": rival,
            "other_party_msisdn": number,
            "duration_seconds": np.where(service == VOICE, amount, -1),
            "volume_bytes": np.where(service == DATA, amount, -1),
            "rated_amount": cost,
            "currency_code": np.zeros(count, dtype=np.int64),
            "sponsor_name": sponsor,
        }

    def _draw(self, rng: np.random.Generator, day: int) -> tuple[Integers, Integers, Integers]:
        """Line, second of the day and service of what people set out to do, in order of time."""
        factors = day_factors(self._month, day)
        voice, sms = (part * factors[kind] for kind, part in _TALK_SHARES.items())
        data, vas = (part * factors[kind] for kind, part in _DATA_SHARES.items())
        talk, streamed = self._talk * (voice + sms), self._data * (data + vas)
        mean = talk + streamed
        counts = rng.poisson(mean)
        talks = np.rint(_WORD * talk / np.maximum(mean, 1e-12)).astype(np.int64)
        line, talks = np.repeat(self._present, counts), np.repeat(talks, counts)
        draws = rng.integers(0, 2**64, len(line), dtype=np.uint64)
        words = draws.view(np.uint16).reshape(-1, 4)
        is_minor = words[:, 1] >= np.where(
            words[:, 0] < talks,
            *(round(_WORD * major / (major + minor)) for major, minor in ((voice, sms), (data, vas))),
        )
        service = np.where(words[:, 0] < talks, VOICE, DATA) + is_minor
        second = seconds_of_day(service, (draws >> np.uint64(32)).astype(np.uint32))
        # One sort of whole numbers puts the events in order, ties and all, the same on every machine.
        keys = np.sort(second << (_LINE_BITS + _SERVICE_BITS) | service << _LINE_BITS | line)
        return keys & (2**_LINE_BITS - 1), keys >> (_LINE_BITS + _SERVICE_BITS), keys >> _LINE_BITS & 3

    def _possible(self, line: Integers, at: Integers, started: Flags, luck: Words) -> Flags:
        possible = np.ones(len(line), dtype=bool)
        asked = np.flatnonzero(self._is_limited[line])
        possible[asked] = is_possible(self._world, line[asked], at[asked], started[asked], luck[asked] / _WORD)
        return possible

    def _numbers(self, line: Integers, at: Integers, words: Words) -> Integers:
        lines = self._world.lines
        number = lines.msisdn[line]
        renumbered = np.flatnonzero(self._is_renumbered[line])
        earlier = renumbered[at[renumbered] < lines.number_changed_at[line[renumbered]]]
        number[earlier] = lines.previous_msisdn[line[earlier]]
        stray = np.flatnonzero(words < _STRAY)
        # The far end of the number space, which no counter of ours reaches.
        number[stray] = number_of(10**9 - 1 - (line[stray] + at[stray]) % _STRAY_NUMBERS)
        return number

    def _other_parties(
        self, line: Integers, service: Integers, day: int, words: Words
    ) -> tuple[Integers, Integers, Integers]:
        """Network type, other number and rival; there is no other party of data and value-added services."""
        network, number, rival = np.full(len(line), 2), np.full(len(line), -1), np.full(len(line), -1)
        talk = np.flatnonzero((service == VOICE) | (service == SMS))
        parties = OtherParties(self._world, day * DAY_SECONDS, (day + 1) * DAY_SECONDS)
        network[talk], number[talk], rival[talk] = parties.choose(line[talk], words[talk])
        return network, number, rival


def _places(is_travelling: Flags, words: Words) -> Integers:
    """0 home, 1 elsewhere in the country, 2 abroad."""
    abroad = np.where(is_travelling, _ABROAD_TRAVELLING, 0)
    away = np.where(is_travelling, _ABROAD_TRAVELLING + _AWAY_TRAVELLING, _AWAY)
    return np.where(words < abroad, ABROAD, (words < away).astype(np.int64))


def _sponsors(service: Integers, words: Words) -> Integers:
    """Who pays for a data session, -1 for the customer."""
    steps = np.rint(np.cumsum(_SPONSOR_SHARES) * _SPONSORED)
    return np.where((service == DATA) & (words < _SPONSORED), np.searchsorted(steps, words, side="right"), -1)


@cache
def _quantiles(service: int) -> Integers:
    """Length of a use at the bounds of `_CELLS` equal parts of its distribution, from the least to the most."""
    centre, spread, least, most = _LENGTHS[service]
    chances = np.clip(np.arange(_CELLS + 1) / _CELLS, 0.5 / _CELLS, 1 - 0.5 / _CELLS)
    scores: Floats = np.array([NormalDist().inv_cdf(chance) for chance in chances])
    return np.rint(np.clip(np.exp(centre + spread * scores), least, most)).astype(np.int64)


def _amounts_used(service: Integers, first: Words, second: Words) -> Integers:
    """Seconds of calls, bytes of data sessions, -1 where there is neither."""
    amount = np.full(len(service), -1, dtype=np.int64)
    for kind in _LENGTHS:
        chosen, table = np.flatnonzero(service == kind), _quantiles(kind)
        draw = first[chosen].astype(np.int64) << 16 | second[chosen]
        below = table[draw >> _WITHIN_BITS]
        step = table[(draw >> _WITHIN_BITS) + 1] - below
        amount[chosen] = below + (step * (draw & (2**_WITHIN_BITS - 1)) >> _WITHIN_BITS)
    return amount
