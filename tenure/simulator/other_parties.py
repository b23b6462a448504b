"""Who is on the other end of a call or message: mostly the line's circle, or its few friends at other operators."""

import numpy as np
import numpy.typing as npt

from tenure.simulator.catalogue import RIVALS
from tenure.simulator.people import number_of
from tenure.simulator.state import CIRCLE_SIZE, World
from tenure.simulator.timeline import Flags, Integers

OFF_NET = 0.44  # share of calls and messages that go to or come from another operator
OUTSIDE_FRIENDS = 8  # numbers of other operators that a line talks to again and again
# How the talk is spread over the friends, in parts of 256; the rest goes to anybody.
_CIRCLE_PARTS = (80, 52, 36, 26, 18, 12)
_OUTSIDE_PARTS = (70, 50, 36, 26, 20, 14, 10, 8)
# The rivals' customers: numbers that no counter of ours reaches.
_OUTSIDE_FROM, _OUTSIDE_COUNT = 6 * 10**8, 3 * 10**8
_RIVAL_PERCENT = (42, 46, 12)

Words = npt.NDArray[np.uint16]


def _places(parts: tuple[int, ...]) -> Integers:
    """For each of 256 draws the place of a friend; the place after the last is anybody."""
    places = np.full(256, len(parts), dtype=np.int64)
    places[: sum(parts)] = np.repeat(np.arange(len(parts)), parts)
    return places


class OtherParties:
    """Numbers of other parties on one day; only lines in service all day with one number all day are called."""

    def __init__(self, world: World, begins: int, ends: int) -> None:
        lines = world.lines
        there = (lines.msisdn >= 0) & (lines.activated_at <= begins) & (lines.terminated_at >= ends)
        there &= (lines.number_changed_at <= begins) | (lines.number_changed_at >= ends)
        current = np.where(lines.number_changed_at <= begins, lines.msisdn, lines.previous_msisdn)
        self._number = np.where(there, current, -1)
        self._anybody = np.flatnonzero(there)
        self._circle = lines.circle.reshape(-1)
        self._circle_size = np.maximum((lines.circle >= 0).sum(axis=1), 1)

    def choose(self, line: Integers, words: Words) -> tuple[Flags, Integers, Integers]:
        """Whether each event of `line` crosses to another operator, the other number, and the rival (-1 on our net).

        `words` are three random 16-bit words for each event.
        """
        is_outside = words[:, 0] < round(OFF_NET * 65_536)
        number = np.full(len(line), -1, dtype=np.int64)
        inside = np.flatnonzero(~is_outside)
        number[inside] = self._inside(line[inside], words[inside, 1], words[inside, 2])
        is_outside |= number < 0
        crossing = np.flatnonzero(is_outside)
        friend = _outside_counter(line[crossing], words[crossing, 1], words[crossing, 2])
        number[crossing] = number_of(_OUTSIDE_FROM + friend)
        rival = np.full(len(line), -1, dtype=np.int64)
        # A number stays with its operator.
        rival[crossing] = np.searchsorted(np.cumsum(_RIVAL_PERCENT[: len(RIVALS) - 1]), friend % 100, side="right")
        return is_outside, number, rival

    def _inside(self, line: Integers, first: Words, second: Words) -> Integers:
        place = _places(_CIRCLE_PARTS)[first & 255]
        known = place < CIRCLE_SIZE
        member = self._circle[line * CIRCLE_SIZE + np.where(known, place, 0) % self._circle_size[line]]
        number = np.where(known & (member >= 0), self._number[member], -1)
        if len(self._anybody):
            stranger = np.flatnonzero(number < 0)
            draw = second[stranger].astype(np.int64) << 8 | first[stranger] >> 8
            other = self._anybody[draw * len(self._anybody) >> 24]
            number[stranger] = np.where(other == line[stranger], -1, self._number[other])
        return number


def _outside_counter(line: Integers, first: Words, second: Words) -> Integers:
    """Which of the outside numbers: one of the line's friends, or any."""
    place = _places(_OUTSIDE_PARTS)[first & 255]
    friend = (line * OUTSIDE_FRIENDS + place) * 48_271 % _OUTSIDE_COUNT
    anybody = (second.astype(np.int64) << 8 | first >> 8) * _OUTSIDE_COUNT >> 24
    return np.where(place < OUTSIDE_FRIENDS, friend, anybody)
