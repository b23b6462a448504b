"""Months and days of the simulated operator.

Days are integers since 1970-01-01. Instants are integer seconds of the operator's local clock since 1970-01-01T00:00;
the operator is Chinese, so its offset from UTC is +08:00 all year.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from tenure.errors import TenureError

DAY_SECONDS = 86_400
UTC_OFFSET = "+08:00"
EPOCH = date(1970, 1, 1)
# Later than any simulated instant: "has not happened".
NEVER = 2**40

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def day_date(number: int) -> date:
    """The date of a day number."""
    return EPOCH + timedelta(days=number)


@dataclass(frozen=True)
class Month:
    """A calendar month: its place in the simulation and its first day and the day after its last (day numbers)."""

    index: int
    first_day: int
    end_day: int

    @property
    def days(self) -> int:
        """Number of days."""
        return self.end_day - self.first_day

    @property
    def start(self) -> int:
        """First instant, local seconds."""
        return self.first_day * DAY_SECONDS

    @property
    def end(self) -> int:
        """First instant after the month, local seconds."""
        return self.end_day * DAY_SECONDS

    @property
    def first_date(self) -> date:
        """First day as a date."""
        return day_date(self.first_day)

    @property
    def code(self) -> str:
        """YYYYMM."""
        return f"{self.first_date:%Y%m}"


def month_at(start: date, index: int) -> Month:
    """The month `index` months after the month of `start`; `index` may be negative."""
    ordinal = start.year * 12 + start.month - 1 + index
    first = date(ordinal // 12, ordinal % 12 + 1, 1)
    following = date((ordinal + 1) // 12, (ordinal + 1) % 12 + 1, 1)
    return Month(index, day_number(first), day_number(following))


def parse_start(start: str) -> date:
    """First day of a month written YYYY-MM; anything else is refused."""
    try:
        return date.fromisoformat(f"{start}-01")
    except ValueError:
        hint = "write it as YYYY-MM, such as 2025-08"
        raise TenureError(f"start month {start!r} is not a month", hint=hint) from None


def local_day(seconds: Integers) -> Integers:
    """Day number of each local instant."""
    return seconds // DAY_SECONDS


def add_months(days: Integers, months: Integers | int) -> Integers:
    """The same day of the month some months later (its last day when the month is shorter), as day numbers."""
    dates = days.astype("datetime64[D]")
    first = dates.astype("datetime64[M]")
    day_of_month = dates - first.astype("datetime64[D]")
    target = first + np.asarray(months).astype("timedelta64[M]")
    last = (target + np.timedelta64(1, "M")).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.minimum(target.astype("datetime64[D]") + day_of_month, last).astype(np.int64)
