"""The operator on its first day: price list, places, channels and the lines already in service."""

from datetime import date

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import CHANNELS, OFFERS, REGIONS, SEGMENTS
from tenure.simulator.columns import NO_AMOUNT
from tenure.simulator.journal import Journal
from tenure.simulator.people import add_accounts, add_customers, add_lines, draw_types, pick_regions
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Integers, Month, day_date, day_number

# Reference data is in force from here, before the oldest line was activated.
FOUNDED_ON = date(2010, 1, 1)
GROUP_SHARE = 0.10
# Half of a market of 1.2 mobile lines an inhabitant, less what the base will grow by.
LINES_PER_INHABITANT = 0.5
LONGEST_TENURE_DAYS = 12 * 365


def open_operator(seed: int, behaviour: Behaviour, journal: Journal, month: Month, line_count: int) -> World:
    """The world at the start of `month`, with `line_count` lines; its state is written to the journal."""
    world = World(fees=np.array([offer.fee for offer in OFFERS], dtype=np.int64), opening_lines=line_count)
    journal_reference(world, journal)
    rng = child(seed, "opening")
    groups = round(line_count * GROUP_SHARE) if line_count >= 10 else 0
    _open_people(world, journal, rng, behaviour, month, line_count - groups)
    if groups:
        _open_groups(world, journal, rng, behaviour, month, groups)
    draw_types(world, child(seed, "types at the opening"), np.arange(len(world.lines)))
    return world


def journal_reference(world: World, journal: Journal) -> None:
    """Regions, channels and the price list as founded."""
    since = day_number(FOUNDED_ON) * DAY_SECONDS
    journal_regions(world, journal, since, years=0)
    channels = np.arange(len(CHANNELS))
    journal.add(
        "crm.channel",
        len(channels),
        channel_id=channels,
        effective_at=since,
        channel_name=channels,
        channel_type=channels,
    )
    journal_offers(world, journal, np.arange(len(OFFERS)), since)


def journal_regions(world: World, journal: Journal, since: int, years: int) -> None:
    """Sizes of the regions `years` after the start: those of the cities, in proportion to the lines at the start.

    A few thousand lines among the millions of the real cities would be a penetration of nothing.
    """
    regions = np.arange(len(REGIONS))
    growth = np.array([(1 + region.yearly_growth) ** years for region in REGIONS])
    growth *= world.opening_lines / (LINES_PER_INHABITANT * sum(region.population for region in REGIONS))
    sizes = {
        name: np.maximum(np.rint(np.array([getattr(region, name) for region in REGIONS]) * growth), 1).astype(np.int64)
        for name in ("population", "households", "firms")
    }
    journal.add(
        "crm.region",
        len(regions),
        region_id=regions,
        effective_at=since,
        region_name=regions,
        province_name=regions,
        city_name=regions,
        **sizes,
    )


def journal_offers(world: World, journal: Journal, positions: Integers, since: int) -> None:
    """Offers at the fees in force from `since`."""
    terms = np.array([offer.term_months for offer in OFFERS])
    same = dict.fromkeys(("offer_id", "offer_name", "offer_type", "brand_name", "service_line", "plan_type"), positions)
    journal.add(
        "crm.offer",
        len(positions),
        effective_at=since,
        monthly_fee_amount=world.fees[positions],
        currency_code=0,
        contract_term_months=terms[positions],
        **same,
    )


def yearly_sizes(world: World, journal: Journal, month: Month, start_year: int) -> None:
    """New region sizes every January."""
    today = day_date(month.first_day)
    if today.month == 1 and today.year > start_year:
        journal_regions(world, journal, month.start, today.year - start_year)


def _joined(rng: np.random.Generator, month: Month, count: int) -> Integers:
    """Activation instants of lines already in service: many young, a long tail."""
    days = np.minimum(rng.exponential(1_050, count), LONGEST_TENURE_DAYS * rng.uniform(0.6, 1, count)) + 1
    return (month.first_day - days.astype(np.int64)) * DAY_SECONDS - DAY_SECONDS + rng.integers(32_400, 75_600, count)


def _earliest(owner: Integers, owners: int, joined: Integers) -> Integers:
    first = np.full(owners, np.iinfo(np.int64).max)
    np.minimum.at(first, owner, joined)
    return first


def _open_people(
    world: World, journal: Journal, rng: np.random.Generator, behaviour: Behaviour, month: Month, count: int
) -> None:
    sizes = rng.choice([1, 2, 3, 4], count, p=(0.70, 0.17, 0.09, 0.04))
    owner = np.repeat(np.arange(count), sizes)[:count]
    owners = int(owner[-1]) + 1
    joined = _joined(rng, month, count)
    region = pick_regions(rng, owners)
    since = _earliest(owner, owners, joined)
    customer = add_customers(world, journal, rng, np.zeros(owners, dtype=bool), region, since)
    tenure_months = (month.start - since) // (30 * DAY_SECONDS)
    billed = np.where(tenure_months > 0, tenure_months * rng.integers(2_000, 9_000, owners), NO_AMOUNT)
    account = add_accounts(world, journal, rng, customer, since, billed)
    lines_of = np.bincount(owner, minlength=owners)
    world.accounts.bundle[account] = (lines_of >= 3) & (rng.random(owners) < 0.5)
    position_in_family = np.arange(count) - np.searchsorted(owner, owner)
    is_broadband = (position_in_family == lines_of[owner] - 1) & (
        rng.random(count) < np.where(lines_of[owner] > 1, 0.35, 0.04)
    )
    is_prepaid = rng.random(count) < np.where(lines_of[owner] > 1, 0.30, 0.55)
    segment = np.where(is_broadband, SEGMENTS.index("broadband"), np.where(is_prepaid, 0, SEGMENTS.index("postpaid")))
    add_lines(
        world,
        journal,
        rng,
        behaviour,
        month,
        customer=customer[owner],
        user=np.full(count, -1),
        account=account[owner],
        region=region[owner],
        segment=segment,
        activated_at=joined,
        is_opening=True,
    )


def _open_groups(
    world: World, journal: Journal, rng: np.random.Generator, behaviour: Behaviour, month: Month, count: int
) -> None:
    sizes = np.minimum(3 + rng.pareto(1.3, count) * 4, 60).astype(np.int64)
    owner = np.repeat(np.arange(count), sizes)[:count]
    owners = int(owner[-1]) + 1
    joined = _joined(rng, month, count)
    region = pick_regions(rng, owners)
    since = _earliest(owner, owners, joined)
    customer = add_customers(world, journal, rng, np.ones(owners, dtype=bool), region, since)
    account = add_accounts(world, journal, rng, customer, since)
    # Three in ten lines of a firm are known by the employee who uses them.
    known = rng.random(count) < 0.3
    user = np.full(count, -1)
    user[known] = add_customers(
        world, journal, rng, np.zeros(int(known.sum()), dtype=bool), region[owner][known], joined[known]
    )
    add_lines(
        world,
        journal,
        rng,
        behaviour,
        month,
        customer=customer[owner],
        user=user,
        account=account[owner],
        region=region[owner],
        segment=np.full(count, SEGMENTS.index("group")),
        activated_at=joined,
        is_opening=True,
    )
