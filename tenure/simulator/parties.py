"""Who owns, uses and pays for each line over time, as the subscription rows tell it."""

import numpy as np

from tenure.simulator.codes import EVENT_TYPES
from tenure.simulator.journal import Journal
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Integers

ROLES = ("owner", "user", "payer", "contact")


def journal_parties(world: World, journal: Journal) -> None:
    """Write who took or left a role in the month: after every other change of lines and accounts."""
    event, state = "crm.subscription_event", "crm.subscription"
    ends = journal.column(event, "event_type") == EVENT_TYPES.index("terminated")
    gone = journal.column(event, "subscription_id")[ends] - 1
    line = np.concatenate([journal.column(state, "subscription_id") - 1, gone])
    at = np.concatenate([journal.column(state, "effective_at"), journal.column(event, "occurred_at")[ends]])
    nobody = np.full(len(gone), -1)
    owner = journal.column(state, "customer_id") - 1
    user = np.maximum(journal.column(state, "user_customer_id") - 1, -1)
    payer = world.accounts.customer[journal.column(state, "account_id") - 1]
    order = np.lexsort((at, line))
    for role, holder in (("owner", owner), ("user", user), ("payer", payer)):
        _change_role(world, journal, role, line[order], at[order], np.concatenate([holder, nobody])[order])


def _change_role(world: World, journal: Journal, role: str, line: Integers, at: Integers, holder: Integers) -> None:
    """End and begin parties of one role; rows in order of line and time, holder -1 when nobody has the role."""
    lines, parties = world.lines, world.parties
    party_of = getattr(lines, f"{role}_party")
    known = party_of[line]
    customer_before = np.where(known >= 0, parties.customer[known], -1) if len(parties) else np.full(len(line), -1)
    before = np.where(_is_first(line), customer_before, np.roll(holder, 1))
    changed = before != holder
    line, at, holder, before = line[changed], at[changed], holder[changed], before[changed]
    count, first = int((holder >= 0).sum()), _is_first(line)
    party = np.full(len(line), -1)
    party[holder >= 0] = parties.append(count, customer=holder[holder >= 0], since=at[holder >= 0] // DAY_SECONDS)
    ended = np.where(first, party_of[line], np.roll(party, 1))
    for which, valid_to in ((ended, at // DAY_SECONDS), (party, np.full(len(line), -1))):
        there = which >= 0
        journal.add(
            "crm.subscription_party",
            int(there.sum()),
            subscription_party_id=which[there] + 1,
            effective_at=at[there],
            subscription_id=line[there] + 1,
            customer_id=parties.customer[which[there]] + 1,
            role_type=ROLES.index(role),
            valid_from_date=parties.since[which[there]],
            valid_to_date=valid_to[there],
        )
    last = np.roll(first, -1) if len(first) else first
    party_of[line[last]] = party[last]


def _is_first(line: Integers) -> np.ndarray:
    """Whether each row is the first of its line."""
    first = np.ones(len(line), dtype=bool)
    first[1:] = line[1:] != line[:-1]
    return first
