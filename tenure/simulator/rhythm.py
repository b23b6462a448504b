"""When people use their lines: the hours of a day, the days of a week, holidays and the seasons, by service."""

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from tenure.simulator.rating import DATA, SMS, VAS, VOICE
from tenure.simulator.timeline import Floats, Integers, Month, day_date

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
_SUNDAY = 6
# January to December: calls fall in the month of the Spring Festival, streaming rises in the holidays.
_SEASON_TALK = (1.02, 0.88, 1.02, 1.01, 1.00, 1.00, 0.97, 0.98, 1.02, 0.97, 1.04, 1.06)
_SEASON_DATA = (1.02, 1.12, 0.97, 0.97, 0.98, 1.00, 1.09, 1.10, 0.97, 1.04, 0.97, 0.99)
# Public holidays of China: (month, first day, number of days), and the week of the Spring Festival from its eve.
_HOLIDAYS = ((1, 1, 1), (5, 1, 5), (10, 1, 7))
_SPRING_FESTIVAL_EVES = tuple(
    date.fromisoformat(text)
    for text in ("2024-02-09", "2025-01-28", "2026-02-16", "2027-02-05", "2028-01-25", "2029-02-12", "2030-02-02")
)
_SERVICES = (VOICE, SMS, DATA, VAS)
_SLOTS = np.array([sum(_HOURS[service]) for service in _SERVICES], dtype=np.uint64)
_FIRST_SLOT = np.concatenate([[0], np.cumsum(_SLOTS)[:-1]]).astype(np.int64)
_SLOT_HOUR = np.concatenate([np.repeat(np.arange(24), _HOURS[service]) for service in _SERVICES])


def is_holiday(day: date) -> bool:
    """Whether a day is a public holiday, on which people behave as on a Sunday."""
    fixed = any(day.month == month and first <= day.day < first + days for month, first, days in _HOLIDAYS)
    return fixed or any(eve <= day < eve + timedelta(days=8) for eve in _SPRING_FESTIVAL_EVES)


def day_factors(month: Month, day: int) -> Floats:
    """For each service, the usage of `day` over that of a mean day of the year."""
    kinds = [
        _SUNDAY if is_holiday(today) else today.weekday()
        for today in map(day_date, range(month.first_day, month.end_day))
    ]
    season = day_date(day).month - 1
    factors = []
    for service in _SERVICES:
        weights = np.array(_WEEKDAYS[service])[kinds]
        of_year = (_SEASON_TALK if service in (VOICE, SMS) else _SEASON_DATA)[season]
        factors.append(of_year * weights[day - month.first_day] / weights.mean())
    return np.array(factors)


def seconds_of_day(service: Integers, words: npt.NDArray[np.uint32]) -> Integers:
    """Seconds since midnight for random 32-bit `words`, spread as the hours of each service are."""
    # A word falls into one of the service's slots (an hour has as many as its share), and somewhere within it.
    scaled = words * _SLOTS[service]
    hour = _SLOT_HOUR[_FIRST_SLOT[service] + (scaled >> np.uint64(32)).astype(np.int64)]
    within = ((scaled & np.uint64(0xFFFFFFFF)) * np.uint64(3_600)) >> np.uint64(32)
    return hour * 3_600 + within.astype(np.int64)
