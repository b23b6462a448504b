"""What customers allow: asked when they join, changed now and then. Campaigns respect it."""

import numpy as np

from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import Integers, Month

PURPOSES = ("marketing", "profiling", "location")
CHANNEL_CODES = ("sms", "call", "app", "email", "any")
ASSIGNED_AT_SECOND = 6 * 3_600  # of the first of a month: the targets of its campaigns are drawn
_ANY, _CALL = CHANNEL_CODES.index("any"), CHANNEL_CODES.index("call")
# (field of Customers, purpose, channel, share given when asked, monthly chance to withdraw, to give after all)
_KINDS = (
    ("allows_marketing", 0, _ANY, 0.84, 0.006, 0.004),
    ("allows_calls", 0, _CALL, 0.80, 0.004, 0.002),
    ("allows_profiling", 1, _ANY, 0.72, 0.002, 0.002),
    ("allows_location", 2, _ANY, 0.45, 0.002, 0.004),
)


def ask_consents(world: World, seed: int, journal: Journal, month: Month, occasion: str) -> None:
    """Ask every customer who was not asked yet; `occasion` tells apart the calls of one month."""
    customers, rng = world.customers, child(seed, f"consents {occasion}", month.index)
    world.profiles.append(len(customers) - len(world.profiles))
    first, world.counters.asked = world.counters.asked, len(customers)
    new = np.arange(first, len(customers))
    since = known_from(journal, new)
    for slot, (field, purpose, channel, share, _, _) in enumerate(_KINDS):
        given = (rng.random(len(new)) < share).astype(np.int64)
        getattr(world.profiles, field)[new] = given
        # Calls are asked about by themselves only where the answer is no.
        written = given == 0 if channel == _CALL else np.ones(len(new), dtype=bool)
        _journal(journal, new[written], since[written], slot, purpose, channel, given[written])


def change_consents(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Let some change their mind on the morning of the first."""
    profiles, rng = world.profiles, child(seed, "changed consents", month.index)
    count = len(profiles)
    for slot, (field, purpose, channel, _, withdraws, gives) in enumerate(_KINDS):
        allowed = getattr(profiles, field)
        # Who gives consent does so before six, when targets are drawn; who withdraws it does so before the first call.
        draw, at = rng.random(count), month.start + rng.integers(0, 3 * 3_600, count)
        at = np.where(allowed == 1, at + ASSIGNED_AT_SECOND, at)
        changed = np.flatnonzero(draw < np.where(allowed == 1, withdraws, gives))
        allowed[changed] = 1 - allowed[changed]
        if purpose == 0:
            profiles.withdrew_in[changed[allowed[changed] == 0]] = month.index
        _journal(journal, changed, at[changed], slot, purpose, channel, allowed[changed])


def known_from(journal: Journal, customers: Integers) -> Integers:
    """The first instant of customers who became known this month, by position."""
    number = journal.column("crm.customer", "customer_id") - 1
    first = np.full(int(number.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, number, journal.column("crm.customer", "effective_at"))
    return first[customers]


def _journal(
    journal: Journal, customers: Integers, at: Integers, slot: int, purpose: int, channel: int, given: Integers
) -> None:
    journal.add(
        "crm.consent",
        len(customers),
        consent_id=(customers + 1) * 10 + slot,
        effective_at=at,
        customer_id=customers + 1,
        purpose_code=purpose,
        channel_code=channel,
        is_granted=given,
    )
