"""New lines of a month: first-time customers, further lines of known ones, and those who come back."""

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import SEGMENTS
from tenure.simulator.journal import Journal
from tenure.simulator.people import add_accounts, add_customers, add_lines, draw_types, pick_regions
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Integers, Month

WIN_BACK_HORIZON_DAYS = 425  # some come back only after the 12 months that make a win-back


def shop_hours(rng: np.random.Generator, month: Month, count: int) -> Integers:
    """Instants within the month, between 09:00 and 20:00."""
    days = rng.integers(month.first_day, month.end_day, count)
    return days * DAY_SECONDS + rng.integers(32_400, 72_000, count)


def join(world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month) -> Integers:
    """Add the month's new lines; returns their positions."""
    rng = child(seed, "joining", month.index)
    in_service = int(((world.lines.terminated_at == NEVER) & (world.lines.is_inactive == 0)).sum())
    returned = _win_back(world, rng, behaviour, journal, month)
    count = int(rng.poisson(behaviour.activation_rate * in_service))
    kind = rng.choice(3, count, p=(0.75, 0.16, 0.09))
    arrivals = [
        returned,
        _new_customers(world, rng, behaviour, journal, month, int((kind == 0).sum())),
        _further_lines(world, rng, behaviour, journal, month, int((kind == 1).sum()), group=False),
        _further_lines(world, rng, behaviour, journal, month, int((kind == 2).sum()), group=True),
    ]
    joined = np.concatenate(arrivals)
    draw_types(world, child(seed, "types of those who join", month.index), joined)
    return joined


def _consumer_segments(rng: np.random.Generator, count: int) -> Integers:
    return rng.choice(
        [SEGMENTS.index("prepaid"), SEGMENTS.index("postpaid"), SEGMENTS.index("broadband")],
        count,
        p=(0.56, 0.34, 0.10),
    ).astype(np.int64)


def _new_customers(
    world: World, rng: np.random.Generator, behaviour: Behaviour, journal: Journal, month: Month, count: int
) -> Integers:
    when = np.sort(shop_hours(rng, month, count))
    region = pick_regions(rng, count)
    customer = add_customers(world, journal, rng, np.zeros(count, dtype=bool), region, when)
    account = add_accounts(world, journal, rng, customer, when)
    return add_lines(
        world,
        journal,
        rng,
        behaviour,
        month,
        customer=customer,
        user=np.full(count, -1),
        account=account,
        region=region,
        segment=_consumer_segments(rng, count),
        activated_at=when,
    )


def _further_lines(
    world: World,
    rng: np.random.Generator,
    behaviour: Behaviour,
    journal: Journal,
    month: Month,
    count: int,
    *,
    group: bool,
) -> Integers:
    """Lines added by customers who already have some in service."""
    lines = world.lines
    sponsors = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & (lines.activated_at < month.start)
        & (world.customers.kind[lines.customer] == group)
    )
    if not len(sponsors):
        return np.empty(0, dtype=np.int64)
    sponsor = rng.choice(sponsors, count)
    segment = np.full(count, SEGMENTS.index("group")) if group else _consumer_segments(rng, count)
    return add_lines(
        world,
        journal,
        rng,
        behaviour,
        month,
        customer=lines.customer[sponsor],
        user=np.full(count, -1),
        account=lines.account[sponsor],
        region=lines.region[sponsor],
        segment=segment,
        activated_at=np.sort(shop_hours(rng, month, count)),
    )


def _win_back(world: World, rng: np.random.Generator, behaviour: Behaviour, journal: Journal, month: Month) -> Integers:
    lines = world.lines
    lost = np.flatnonzero(
        (lines.churned_at < month.start)
        & (lines.churned_at > month.start - WIN_BACK_HORIZON_DAYS * DAY_SECONDS)
        & (lines.churn_reason <= 3)  # nobody wants a fraudster back
        & (lines.has_returned == 0)
    )
    back = lost[rng.random(len(lost)) < behaviour.win_back_rate + lines.win_back_effect[lost]]
    lines.has_returned[back] = 1
    was_group = world.customers.kind[lines.customer[back]] == 1
    segment = np.where(was_group, SEGMENTS.index("group"), _consumer_segments(rng, len(back)))
    return add_lines(
        world,
        journal,
        rng,
        behaviour,
        month,
        customer=lines.customer[back],
        user=lines.user[back],
        account=lines.account[back],
        region=lines.region[back],
        segment=segment,
        activated_at=np.sort(shop_hours(rng, month, len(back))),
        predecessor=back,
    )
