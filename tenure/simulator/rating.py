"""What usage costs: nothing within the allowance of the plan, a list price above it and abroad. Money in fen."""

import numpy as np

from tenure.simulator.catalogue import OFFERS
from tenure.simulator.codes import SERVICES
from tenure.simulator.state import World
from tenure.simulator.timeline import Flags, Integers

VOICE, SMS, DATA, VAS = range(len(SERVICES))
ABROAD = 2
# Prices above the allowance: fen per minute, per message and per GB; roaming and value-added services always cost.
_HOME_PRICES = {VOICE: 10, SMS: 10, DATA: 500}
_ABROAD_PRICES = {VOICE: 99, SMS: 39, DATA: 3_000}
_VAS_PRICES = np.array((100, 200, 300, 600, 1_000))
BYTES_GB = 10**9
_PRICED_UNIT = {VOICE: 1, SMS: 1, DATA: BYTES_GB}


class Rating:
    """Prices the events of a month in order of time, keeping what each line has used of its allowance so far."""

    def __init__(self, world: World) -> None:
        offer = world.lines.offer
        allowances = {
            VOICE: [item.voice_minutes for item in OFFERS],
            SMS: [item.sms_count for item in OFFERS],
            DATA: [item.data_mb * 10**6 for item in OFFERS],
        }
        self._left = {kind: np.array(allowance, dtype=np.int64)[offer] for kind, allowance in allowances.items()}

    def price(
        self, line: Integers, at: Integers, service: Integers, own: Flags, roaming: Integers, amount: Integers
    ) -> Integers:
        """Cost of each event, in order of time and later than all before.

        `own` events are started by the customer and paid by them; `amount` is seconds of calls and bytes of data.
        """
        cost = np.zeros(len(line), dtype=np.int64)
        abroad = roaming == ABROAD
        for kind in (VOICE, SMS, DATA):
            paid = own & (service == kind)
            home = np.flatnonzero(paid & ~abroad)
            above = self._above_allowance(kind, line[home], _units(kind, amount[home]))
            # Unlimited in practice: the network slows a line down after 10 GB above its allowance in one session.
            cost[home] = np.minimum(above, 10 * BYTES_GB) * _HOME_PRICES[kind] // _PRICED_UNIT[kind]
            away = np.flatnonzero(paid & abroad)
            used = np.minimum(_units(kind, amount[away]), 5 * BYTES_GB)
            cost[away] = used * _ABROAD_PRICES[kind] // _PRICED_UNIT[kind]
        vas = np.flatnonzero(service == VAS)
        cost[vas] = _VAS_PRICES[(at[vas] + line[vas]) % len(_VAS_PRICES)]
        return cost

    def _above_allowance(self, kind: int, line: Integers, used: Integers) -> Integers:
        """The part of `used` of each event that lies above what its line has left; takes it off what is left."""
        left = self._left[kind]
        before = left[line]
        above = np.where(before > 0, 0, used)
        left -= np.bincount(line, weights=used, minlength=len(left)).astype(np.int64)
        # Only the lines that use up their allowance just now need their events one after the other.
        crossing = np.flatnonzero((before > 0) & (left[line] < 0))
        by_line = crossing[np.argsort(line[crossing], kind="stable")]
        rest = np.maximum(before[by_line] - _running_total(line[by_line], used[by_line]), 0)
        above[by_line] = np.maximum(used[by_line] - rest, 0)
        return above


def _units(kind: int, amount: Integers) -> Integers:
    """What counts against an allowance: minutes begun, messages, bytes."""
    if kind == VOICE:
        return -(-amount // 60)
    return np.ones(len(amount), dtype=np.int64) if kind == SMS else amount


def _running_total(group: Integers, amount: Integers) -> Integers:
    """Sum of `amount` within each run of equal `group` before each position."""
    total = np.cumsum(amount) - amount
    first = np.ones(len(group), dtype=bool)
    first[1:] = group[1:] != group[:-1]
    start = np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
    return total - total[start]
