"""Prospects: some become customers of this month, most come to nothing."""

import numpy as np

from tenure.simulator.catalogue import CHANNELS, OFFERS
from tenure.simulator.journal import Journal
from tenure.simulator.people import pick_regions
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Integers, Month

SOURCE_CODES = ("store_visit", "website", "referral", "telesales", "event")
PRODUCT_INTERESTS = ("prepaid", "postpaid", "broadband")
STATUSES = ("new", "contacted", "qualified", "converted", "lost")
_NEW, _CONTACTED, _QUALIFIED, _CONVERTED, _LOST = range(len(STATUSES))
KNOWN_BEFORE = 0.4  # of new customers, those who were a lead first
IN_VAIN = 0.02  # leads that come to nothing, for each line in service


def follow_leads(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the month's leads and what becomes of them, here and in the months to come."""
    rng = child(seed, "leads", month.index)
    _converted(world, rng, journal, month)
    _in_vain(world, rng, journal, month)


def _converted(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> None:
    lines = world.lines
    joined = np.flatnonzero(
        (lines.activated_at >= month.start + DAY_SECONDS)
        & (lines.predecessor < 0)
        & (world.customers.kind[lines.customer] == 0)
    )
    # The first line of somebody who was no customer before.
    _, place = np.unique(lines.customer, return_index=True)
    joined = np.intersect1d(joined, place)
    line = joined[rng.random(len(joined)) < KNOWN_BEFORE]
    count, end = len(line), lines.activated_at[line]
    begin = month.start + (rng.random(count) * (end - month.start - 7_200)).astype(np.int64)
    segments = [offer.segment for offer in OFFERS]
    interest = np.array([PRODUCT_INTERESTS.index(name) if name in PRODUCT_INTERESTS else 1 for name in segments])
    columns = {
        "lead_id": int(month.code) * 10**6 + np.arange(1, count + 1),
        "region_id": lines.region[line],
        "channel_id": lines.channel[line],
        "source_code": rng.choice(len(SOURCE_CODES), count, p=(0.35, 0.25, 0.20, 0.12, 0.08)),
        "product_interest_code": interest[lines.offer[line]],
        "created_at": begin,
    }
    steps = (_NEW, begin), (_CONTACTED, begin + (end - begin) // 3), (_QUALIFIED, begin + 2 * (end - begin) // 3)
    for status, at in steps:
        journal.add(
            "marketing.lead", count, **columns, effective_at=at, status_code=status, customer_id=-1, subscription_id=-1
        )
    known = {"customer_id": lines.customer[line] + 1, "subscription_id": line + 1}
    journal.add("marketing.lead", count, **columns, effective_at=end, status_code=_CONVERTED, **known)


def _in_vain(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> None:
    in_service = int((world.lines.terminated_at == NEVER).sum())
    count = int(rng.poisson(IN_VAIN * in_service))
    begin = rng.integers(month.start, month.end, count)
    columns: dict[str, Integers | int] = {
        "lead_id": int(month.code) * 10**6 + 500_000 + np.arange(1, count + 1),
        "region_id": pick_regions(rng, count),
        "channel_id": rng.choice(len(CHANNELS), count, p=[channel[3] for channel in CHANNELS]),
        "source_code": rng.choice(len(SOURCE_CODES), count, p=(0.20, 0.35, 0.10, 0.25, 0.10)),
        "product_interest_code": rng.integers(0, len(PRODUCT_INTERESTS), count),
        "created_at": begin,
        "customer_id": -1,
        "subscription_id": -1,
    }
    wait = rng.integers(3_600, 6 * DAY_SECONDS, (3, count)).cumsum(axis=0)
    # How far each comes before it is lost.
    reached = rng.choice(3, count, p=(0.2, 0.5, 0.3))
    for status, place in ((_NEW, 0), (_CONTACTED, 1), (_QUALIFIED, 2)):
        at = begin + (wait[place - 1] if place else 0)
        _later(world, journal, month, columns, reached >= place, at, status)
    _later(world, journal, month, columns, np.ones(count, dtype=bool), begin + wait[2] + 20 * DAY_SECONDS, _LOST)


def _later(
    world: World,
    journal: Journal,
    month: Month,
    columns: dict[str, Integers | int],
    chosen: np.ndarray,
    at: Integers,
    status: int,
) -> None:
    rows = {name: np.broadcast_to(np.asarray(value), (len(at),))[chosen] for name, value in columns.items()}
    world.agenda.add(
        journal,
        month,
        "marketing.lead",
        at[chosen],
        int(chosen.sum()),
        **rows,
        effective_at=at[chosen],
        status_code=status,
    )
