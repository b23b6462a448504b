"""When a line can be used, and what silence makes of it."""

import numpy as np

from tenure.simulator.life import is_prepaid
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month

SILENT_DAYS = 90
_LEAVING_SECONDS = 14 * DAY_SECONDS


def is_possible(world: World, line: Integers, at: Integers, started_by_customer: Flags, luck: Floats) -> Flags:
    """Events of lines that are in service then; the silent start nothing, and those leaving use less and less."""
    lines = world.lines
    alive = (at >= lines.activated_at[line]) & (at < lines.terminated_at[line])
    barred = (at >= lines.suspended_from[line]) & (at < lines.suspended_to[line])
    day = at // DAY_SECONDS
    silent = started_by_customer & (day >= lines.dormant_from[line]) & (day < lines.dormant_to[line])
    leaving = (lines.churned_at[line] < NEVER) & (at > lines.churned_at[line] - _LEAVING_SECONDS)
    return alive & ~barred & ~silent & ~(leaving & (luck < 0.6))


def may_be_impossible(world: World, month: Month) -> Flags:
    """Lines for which `is_possible` may say no at some time of the month."""
    lines = world.lines
    return (
        (lines.activated_at > month.start)
        | (lines.terminated_at < month.end)
        | ((lines.suspended_from < month.end) & (lines.suspended_to > month.start))
        | ((lines.dormant_from < month.end_day) & (lines.dormant_to > month.first_day))
        | (lines.churned_at < month.end + _LEAVING_SECONDS)
    )


class Activity:
    """First and last day of the month on which the customer of each line did something."""

    def __init__(self, world: World) -> None:
        self._first = np.full(len(world.lines), NEVER)
        self._last = np.full(len(world.lines), -1)

    def add(self, line: Integers, day: Integers | int) -> None:
        """Somebody did something with `line` on `day`; in no order."""
        if isinstance(day, int):
            # Nothing but a store for each event: this is where millions of them pass.
            seen = np.zeros(len(self._first), dtype=bool)
            seen[line] = True
            self._first[seen] = np.minimum(self._first[seen], day)
            self._last[seen] = np.maximum(self._last[seen], day)
        else:
            np.minimum.at(self._first, line, day)
            np.maximum.at(self._last, line, day)

    def track(self, world: World, month: Month) -> None:
        """Mark prepaid lines that reach 90 silent days in the month, and those that come back.

        Day 90 is the ninetieth day in a row without activity, so a line last active on day D is lost on D + 90 unless
        it is active or terminated on that day.
        """
        lines = world.lines
        lost_on = lines.last_activity + SILENT_DAYS
        lost = (
            is_prepaid(world)
            & (lines.is_inactive == 0)
            & (lost_on < month.end_day)
            & (self._first > lost_on)
            & (lines.terminated_at // DAY_SECONDS > lost_on)
        )
        lines.inactive_on = np.where(lost, lost_on, lines.inactive_on)
        back = self._last >= 0
        lines.is_inactive = np.where(back, 0, np.where(lost, 1, lines.is_inactive))
        lines.last_activity = np.maximum(lines.last_activity, self._last)
