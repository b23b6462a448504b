"""How customers belong together: families, trees of companies, employers and guarantors."""

import numpy as np

from tenure.simulator.catalogue import REGIONS
from tenure.simulator.codes import EVENT_TYPES
from tenure.simulator.consents import known_from
from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Integers, Month

RELATION_TYPES = ("family", "parent_company", "employer", "guarantor")
_FAMILY, _PARENT, _EMPLOYER, _GUARANTOR = range(len(RELATION_TYPES))
FAMILY_SHARE = 0.30  # of people with a partner: the partner is a customer as well
GUARANTOR_SHARE = 0.10  # of people under 25
SUBSIDIARY_SHARE = 0.45  # of firms
GRANDCHILD_SHARE = 0.30  # of subsidiaries


def relate(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the relations of customers and lines new in the month, and end those whose line ended."""
    customers, rng = world.customers, child(seed, "relations", month.index)
    first, world.counters.related = world.counters.related, len(customers)
    new = np.arange(first, len(customers))
    people = new[customers.kind[new] == 0]
    since = known_from(journal, new)
    if month.index == 0:
        _company_trees(world, rng, journal, new[customers.kind[new] == 1], since, first)
    with_partner = people[(customers.has_partner[people] == 1) & (rng.random(len(people)) < FAMILY_SHARE)]
    young = people[(customers.birth_year[people] >= 2001) & (rng.random(len(people)) < GUARANTOR_SHARE)]
    for kind, rows in ((_FAMILY, with_partner), (_GUARANTOR, young)):
        other = _somebody_near(world, rng, rows)
        both = other >= 0
        rows, other = rows[both], other[both]
        # Known once both are: customers from before the month were known before.
        at = np.maximum(since[rows - first], np.where(other >= first, since[np.maximum(other - first, 0)], 0))
        _journal(journal, kind, rows, rows, other, at, at)
    _employers(world, journal)


def _somebody_near(world: World, rng: np.random.Generator, rows: Integers) -> Integers:
    """Another person of the same region for each row, one who came first; -1 when there is none."""
    customers = world.customers
    found = np.full(len(rows), -1)
    for region in range(len(REGIONS)):
        people = np.flatnonzero((customers.kind == 0) & (customers.region == region))
        here = np.flatnonzero(customers.region[rows] == region)
        earlier = np.searchsorted(people, rows[here])
        pick = (rng.random(len(here)) * earlier).astype(np.int64)
        found[here[earlier > 0]] = people[pick[earlier > 0]]
    return found


def _company_trees(
    world: World, rng: np.random.Generator, journal: Journal, firms: Integers, since: Integers, first: int
) -> None:
    """Put some firms below others, in trees of two or three levels."""
    order = rng.permutation(firms)
    subsidiaries = round(SUBSIDIARY_SHARE * len(firms))
    grandchildren = round(GRANDCHILD_SHARE * subsidiaries)
    children, deepest = order[grandchildren:subsidiaries], order[:grandchildren]
    heads = order[subsidiaries:][: max(1, len(order) // 6)]
    for rows, above in ((children, heads), (deepest, children)):
        if len(rows) and len(above):
            parent = rng.choice(above, len(rows))
            at = np.maximum(since[rows - first], since[parent - first])
            _journal(journal, _PARENT, rows, rows, parent, at, at)


def _employers(world: World, journal: Journal) -> None:
    """The firm employs whoever is known to use one of its lines, as long as the line lasts."""
    lines, counters = world.lines, world.counters
    first, counters.employed = counters.employed, len(lines)
    new = np.arange(first, len(lines))
    new = new[lines.user[new] >= 0]
    begins = lines.activated_at[new]
    _journal(journal, _EMPLOYER, new, lines.user[new], lines.customer[new], begins, begins)
    event = "crm.subscription_event"
    ends = journal.column(event, "event_type") == EVENT_TYPES.index("terminated")
    gone, at = journal.column(event, "subscription_id")[ends] - 1, journal.column(event, "occurred_at")[ends]
    used = lines.user[gone] >= 0
    gone, at = gone[used], at[used]
    _journal(journal, _EMPLOYER, gone, lines.user[gone], lines.customer[gone], lines.activated_at[gone], at, at)


def _journal(
    journal: Journal,
    kind: int,
    number: Integers,
    from_customer: Integers,
    to_customer: Integers,
    begins: Integers,
    at: Integers,
    ends: Integers | None = None,
) -> None:
    """Rows of relations; `number` is unique within a kind and stays that of the relation."""
    journal.add(
        "crm.customer_relation",
        len(number),
        relation_id=(kind + 1) * 10**9 + number + 1,
        effective_at=at,
        from_customer_id=from_customer + 1,
        to_customer_id=to_customer + 1,
        relation_type=kind,
        valid_from_date=begins // DAY_SECONDS,
        valid_to_date=-1 if ends is None else ends // DAY_SECONDS,
    )
