"""Who calls whom: each mobile line keeps a small circle of other lines that it talks to far more than to anybody else.

Relatives and colleagues (lines of the same customer) come first, then people of the same region. A circle stands in
`Lines.circle`, closest first; -1 is an empty place. Who leaves tempts those who talked to them.
"""

import numpy as np

from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Floats, Integers, Month, add_months

RELATIVES = 3  # places for lines of the same customer; the others are for people of the region
LOSS_MONTHS = 2  # for so long the loss of a member is felt
_REPLACED = 0.5  # of the places lost before that, taken by somebody new in a month


def settle_circles(world: World, seed: int, month: Month) -> None:
    """Give every new mobile line its circle, and fill some places of members who left long ago."""
    lines, rng = world.lines, child(seed, "circles", month.index)
    able = np.flatnonzero((lines.msisdn >= 0) & (lines.terminated_at == NEVER))
    new = able[able >= world.counters.circled]
    friends = _by_region(world, able, rng.permutation(len(able)))
    places = np.concatenate([_relatives(world, able, new), _neighbours(world, friends, new, rng)], axis=1)
    _empty_repeats(places, new)
    closest_first = np.argsort(places < 0, axis=1, kind="stable")
    lines.circle[new] = np.take_along_axis(places, closest_first, axis=1)
    world.counters.circled = len(lines)
    _replace_lost(world, friends, rng, month)


def circle_loss(world: World, month: Month) -> Floats:
    """For each line, the share of its circle lost in the two months before `month`; 0 without a circle.

    Lost is who ended or fell inactive for good then; members gone before that count no more.
    """
    lines = world.lines
    since = _window_start(month)
    lost_at = _lost_at(world)[np.maximum(lines.circle, 0)]
    counted = (lines.circle >= 0) & (lost_at >= since)
    lost = counted & (lost_at < month.start)
    share: Floats = lost.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    return share


def _window_start(month: Month) -> int:
    return int(add_months(np.array([month.first_day]), -LOSS_MONTHS)[0]) * DAY_SECONDS


def _lost_at(world: World) -> Integers:
    """Local seconds at which each line was lost, NEVER while it is there."""
    lines = world.lines
    silent = np.where(lines.is_inactive == 1, lines.inactive_on * DAY_SECONDS, NEVER)
    return np.minimum(lines.terminated_at, silent)


def _relatives(world: World, able: Integers, new: Integers) -> Integers:
    """Up to three other lines of the same customer: the neighbours in a ring of all of them."""
    customer = world.lines.customer
    order = able[np.argsort(customer[able], kind="stable")]
    owners = customer[order]
    first = np.searchsorted(owners, customer[new], side="left")
    size = np.searchsorted(owners, customer[new], side="right") - first
    rank = np.empty(len(world.lines), dtype=np.int64)
    rank[order] = np.arange(len(order))
    places = np.full((len(new), RELATIVES), -1, dtype=np.int64)
    for place, step in enumerate((1, -1, 2)):
        some = size > place + 1
        at = first[some] + (rank[new[some]] - first[some] + step) % size[some]
        places[some, place] = order[at]
    return places


def _by_region(world: World, able: Integers, shuffled: Integers) -> tuple[Integers, Integers]:
    """The lines by region, in random order within it, and the region of each."""
    mixed = able[shuffled]
    order = mixed[np.argsort(world.lines.region[mixed], kind="stable")]
    return order, world.lines.region[order]


def _neighbours(world: World, friends: tuple[Integers, Integers], new: Integers, rng: np.random.Generator) -> Integers:
    """People of the same region: the two neighbours in the random order, and one at random.

    At the opening friendship is mutual but for the last; those who join later choose among all who are there.
    """
    order, regions = friends
    region = world.lines.region[new]
    first = np.searchsorted(regions, region, side="left")
    size = np.searchsorted(regions, region, side="right") - first
    rank = np.empty(len(world.lines), dtype=np.int64)
    rank[order] = np.arange(len(order))
    steps = (1, -1, rng.integers(0, 2**40, len(new)))
    places = [order[first + (rank[new] - first + step) % np.maximum(size, 1)] for step in steps]
    return np.stack(places, axis=1)


def _empty_repeats(places: Integers, owner: Integers) -> None:
    """Nobody stands twice in a circle, and nobody in his own."""
    places[places == owner[:, None]] = -1
    for place in range(1, places.shape[1]):
        places[(places[:, :place] == places[:, [place]]).any(axis=1), place] = -1


def _replace_lost(world: World, friends: tuple[Integers, Integers], rng: np.random.Generator, month: Month) -> None:
    """Somebody of the region takes the place of a member whose loss is no longer felt."""
    lines, (order, regions) = world.lines, friends
    gone = (lines.circle >= 0) & (_lost_at(world)[np.maximum(lines.circle, 0)] < _window_start(month))
    gone &= (lines.terminated_at == NEVER)[:, None]
    line, place = np.nonzero(gone)
    taken = rng.random(len(line)) < _REPLACED
    line, place = line[taken], place[taken]
    first = np.searchsorted(regions, lines.region[line], side="left")
    size = np.searchsorted(regions, lines.region[line], side="right") - first
    found = order[first + rng.integers(0, 2**40, len(line)) % np.maximum(size, 1)] if len(order) else line
    known = (lines.circle[line] == found[:, None]).any(axis=1) | (found == line)
    lines.circle[line, place] = np.where(known, -1, found)
