"""The phones that lines are used with and replaced after some years, and the boxes of broadband lines."""

import numpy as np

from tenure.simulator.journal import Journal
from tenure.simulator.life import offer_flags
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Integers, Month

DEVICE_TYPES = ("phone", "router", "set_top_box", "iot")
OLDEST_DAYS = 1_300  # phones of the opening base were first used at most this long ago
# Invented: (brand, model, year from which it was sold, 5G)
MODELS = (
    ("Lumen", "Lumen 4", 2012, 0),
    ("Kestrel", "Kestrel One", 2013, 0),
    ("Lumen", "Lumen 6", 2016, 0),
    ("Taoyuan", "T10", 2018, 0),
    ("Kestrel", "Kestrel Three", 2019, 0),
    ("Lumen", "Lumen 8 5G", 2020, 1),
    ("Taoyuan", "T20", 2021, 0),
    ("Kestrel", "Kestrel Four 5G", 2021, 1),
    ("Taoyuan", "T30 5G", 2022, 1),
    ("Lumen", "Lumen 10 5G", 2023, 1),
    ("Kestrel", "Kestrel Lite", 2023, 0),
    ("Taoyuan", "T40 5G", 2024, 1),
    ("Kestrel", "Kestrel Six 5G", 2025, 1),
)
_ROUTER, _BOX = len(MODELS), len(MODELS) + 1
CATALOGUE = (*MODELS, ("Hearth", "Hearth AX", 2012, 0), ("Hearth", "Hearth View", 2012, 0))
_SOLD_FROM = np.array([model[2] for model in MODELS])
_IS_5G = np.array([model[3] for model in CATALOGUE])
MODEL_YEARS = 4  # how long a model stays in the shops
# Chance to replace a phone in a month, before and after two years of use.
_REPLACED_YOUNG, _REPLACED_OLD, _OLD_DAYS = 0.010, 0.045, 730


def equip(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Give new lines their first device and replace old phones."""
    lines, rng = world.lines, child(seed, "devices", month.index)
    first, world.counters.equipped = world.counters.equipped, len(lines)
    new = np.arange(first, len(lines))
    broadband = offer_flags("service_line", "broadband")[lines.offer]
    activated_day = lines.activated_at[new] // DAY_SECONDS
    age = np.where(activated_day < month.first_day, rng.integers(0, OLDEST_DAYS, len(new)), 0)
    used_from = np.maximum(activated_day, month.first_day - age)
    phones = ~broadband[new]
    draw, has_box = rng.random(len(new)), rng.random(len(new)) < 0.4
    rented = (lines.instalments_left[new] > 0).astype(np.int64)
    _journal(world, journal, new[phones], used_from[phones], _models(used_from[phones], draw[phones]), rented[phones])
    lines.device_since[new] = used_from
    for model, chosen in ((_ROUTER, ~phones), (_BOX, ~phones & has_box)):
        rows = new[chosen]
        _journal(world, journal, rows, activated_day[chosen], np.full(len(rows), model), np.zeros(len(rows), int))
    _replace(world, rng, journal, month, ~broadband)


def _replace(world: World, rng: np.random.Generator, journal: Journal, month: Month, is_mobile: Flags) -> None:
    lines, count = world.lines, len(world.lines)
    age = month.first_day - lines.device_since
    rate = np.where(age > _OLD_DAYS, _REPLACED_OLD, _REPLACED_YOUNG)
    chosen, day, draw = rng.random(count) < rate, rng.integers(month.first_day, month.end_day, count), rng.random(count)
    # Plans fix at the start of a month who leaves in it, so those who do keep their phone to the end.
    in_use = is_mobile & (lines.activated_at < month.start) & (lines.terminated_at == NEVER)
    rows = np.flatnonzero(chosen & in_use & (lines.is_inactive == 0))
    _journal(world, journal, rows, day[rows], _models(day[rows], draw[rows]), np.zeros(len(rows), dtype=np.int64))
    lines.device_since[rows] = day[rows]


def _models(used_from: Integers, draw: np.ndarray) -> Integers:
    """A model that was in the shops on the day, the newer the likelier."""
    years = used_from.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    chosen = np.zeros(len(used_from), dtype=np.int64)
    for year in np.unique(years):
        age = year - _SOLD_FROM
        weight = np.where((age >= 0) & (age <= MODEL_YEARS), 1.0 / (1.0 + np.maximum(age, 0)), 0.0)
        here = years == year
        chosen[here] = np.searchsorted(np.cumsum(weight) / weight.sum(), draw[here], side="right")
    return chosen


def _journal(
    world: World, journal: Journal, rows: Integers, day: Integers, model: Integers, is_instalment: Integers
) -> None:
    lines, count = world.lines, len(rows)
    number = world.counters.device + np.arange(1, count + 1)
    world.counters.device += count
    kind = np.where(model == _ROUTER, 1, np.where(model == _BOX, 2, 0))
    at = np.maximum(day * DAY_SECONDS + 10 * 3_600, lines.activated_at[rows])
    journal.add(
        "crm.device",
        count,
        device_id=number,
        effective_at=at,
        subscription_id=rows + 1,
        device_type=kind,
        brand_name=model,
        model_name=model,
        is_5g=_IS_5G[model],
        is_instalment=is_instalment,
        first_used_date=day,
    )
    lines.device[rows] = number
