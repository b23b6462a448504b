"""The scripted events of the standard world, by month from the start and by region; they do not depend on the seed.

Months count from 0. From month 15 on every event comes back each year, each time in the next region of the catalogue.
"""

from dataclasses import dataclass

from tenure.simulator.catalogue import REGIONS, RIVALS

RECURS_FROM = 15
_YEAR = 12


@dataclass(frozen=True)
class Outage:
    """A network failure: minutes without service a day and line (4g, 5g, broadband) on `days` days from `first_day`.

    `first_day` counts from 0 within the month; `share` is the part of the region's lines that it touches.
    """

    months: tuple[int, ...]
    region_id: str
    first_day: int
    days: int
    minutes: tuple[int, int, int]
    share: float


@dataclass(frozen=True)
class RivalCampaign:
    """A rival's price campaign in a region, over consecutive months."""

    months: tuple[int, ...]
    region_id: str
    rival: int
    service_line: str
    discount_percent: int


OUTAGES = (
    Outage((3,), "GD-FS", 17, 1, (200, 170, 120), 0.45),
    Outage((9,), "SC-CD", 10, 4, (640, 560, 420), 0.90),
)
RIVAL_CAMPAIGNS = (
    RivalCampaign((6, 7, 8), "JS-NJ", RIVALS.index("East Telecom"), "mobile", 20),
    RivalCampaign((6, 7, 8), "JS-SZ", RIVALS.index("East Telecom"), "mobile", 20),
    RivalCampaign((11, 12), "GD-GZ", RIVALS.index("Broadnet"), "broadband", 25),
)


def year_of(index: int) -> tuple[int, int]:
    """The month of the first round of the story that month `index` repeats, and how many years later it comes."""
    if index < RECURS_FROM:
        return index, 0
    first = RECURS_FROM - _YEAR
    years, within = divmod(index - first, _YEAR)
    return first + within, years


def place_of(region_id: str, years: int) -> int:
    """Position of the region that an event strikes `years` years after it struck `region_id`."""
    first = next(index for index, region in enumerate(REGIONS) if region.region_id == region_id)
    return (first + years) % len(REGIONS)
