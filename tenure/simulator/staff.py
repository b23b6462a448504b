"""The people who sell, advise and look after customers: an invented table by team, channel and region.

Every region has the same number of people in each role, so that who did something can be drawn for a whole column of
regions at once.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from tenure.simulator.catalogue import CHANNELS, REGIONS
from tenure.simulator.codes import GIVEN_NAMES, SURNAMES
from tenure.simulator.journal import Journal
from tenure.simulator.timeline import DAY_SECONDS, Integers, day_number

ROLES = ("seller", "vip_manager", "agent", "account_manager")
HIRED_ON = date(2015, 1, 5)
LEFT_ON = date(2024, 6, 28)  # those who left did so before the simulation begins

# (team, role, channel, people in each region)
_TEAMS = (
    ("Store team", "seller", "CH01", 4),
    ("Telesales team", "seller", "CH03", 2),
    ("Street team", "seller", "CH04", 3),
    ("Partner team", "seller", "CH05", 1),
    ("VIP club", "vip_manager", None, 2),
    ("Contact centre", "agent", None, 5),
    ("Group business", "account_manager", None, 2),
)


@dataclass(frozen=True)
class Staff:
    """One person; channel is None for those who sell through none."""

    staff_id: str
    name: str
    team: str
    role: str
    channel_id: str | None
    region_id: str
    has_left: bool


def _table() -> tuple[Staff, ...]:
    people: list[Staff] = []
    for region in REGIONS:
        for team, role, channel, count in _TEAMS:
            for member in range(count + (channel == "CH01")):
                number = len(people)
                name = SURNAMES[number * 7 % len(SURNAMES)] + GIVEN_NAMES[number * 11 % len(GIVEN_NAMES)]
                # The last of each store team is one who is gone.
                people.append(
                    Staff(f"W{number + 1:04d}", name, team, role, channel, region.region_id, has_left=member == count)
                )
    return tuple(people)


STAFF = _table()
STAFF_IDS = tuple(person.staff_id for person in STAFF)


def _by_region(role: str, channel: str | None) -> Integers:
    """Positions in STAFF of those still there, one row for each region."""
    return np.array(
        [
            [
                position
                for position, person in enumerate(STAFF)
                if (person.role, person.channel_id) == (role, channel)
                and person.region_id == region.region_id
                and not person.has_left
            ]
            for region in REGIONS
        ],
        dtype=np.int64,
    )


_SELLERS = {channel[0]: _by_region("seller", channel[0]) for channel in CHANNELS}
_OTHERS = {role: _by_region(role, None) for role in ROLES[1:]}


def pick_staff(rng: np.random.Generator, role: str, region: Integers) -> Integers:
    """Somebody of the role (vip_manager, agent or account_manager) in each region, as positions in STAFF."""
    table = _OTHERS[role]
    return table[region, rng.integers(0, table.shape[1], len(region))]


def staff_for(role: str, region: Integers, number: Integers) -> Integers:
    """Who of the role looks after customer or line `number`: always the same person while the region stays."""
    table = _OTHERS[role]
    return table[region, number % table.shape[1]]


def pick_sellers(rng: np.random.Generator, channel: Integers, region: Integers) -> Integers:
    """Who sold, by channel and region, as positions in STAFF; -1 where the customer served himself."""
    draw, sellers = rng.random(len(channel)), np.full(len(channel), -1, dtype=np.int64)
    for position, entry in enumerate(CHANNELS):
        table = _SELLERS[entry[0]]
        if table.shape[1]:
            here = channel == position
            sellers[here] = table[region[here], (draw[here] * table.shape[1]).astype(np.int64)]
    return sellers


def journal_staff(journal: Journal) -> None:
    """Everybody as hired, and the row that ends those who left."""
    regions = [region.region_id for region in REGIONS]
    channels = [channel[0] for channel in CHANNELS]
    everybody = np.arange(len(STAFF))
    gone = np.flatnonzero([person.has_left for person in STAFF])
    for rows, since, is_active in ((everybody, HIRED_ON, 1), (gone, LEFT_ON, 0)):
        people = [STAFF[row] for row in rows]
        journal.add(
            "crm.staff",
            len(rows),
            staff_id=rows,
            effective_at=day_number(since) * DAY_SECONDS + 9 * 3_600,
            staff_name=rows,
            team_name=rows,
            channel_id=np.array([channels.index(person.channel_id) if person.channel_id else -1 for person in people]),
            region_id=np.array([regions.index(person.region_id) for person in people]),
            role_code=np.array([ROLES.index(person.role) for person in people]),
            is_active=is_active,
        )
