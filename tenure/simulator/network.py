"""Network quality by region, day and technology, with outages that are felt by the lines there."""

import numpy as np

from tenure.simulator.catalogue import OFFERS, REGIONS
from tenure.simulator.columns import MILLION
from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.story import OUTAGES, place_of, year_of
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Floats, Integers, Month, day_date

TECHNOLOGIES = ("4g", "5g", "broadband")
_BROADBAND = TECHNOLOGIES.index("broadband")
# How well each region is built, in standard deviations; it moves every measure.
REGION_LEVELS = (0.2, 0.6, -0.3, 0.4, 0.3, 0.5, -0.6, -1.0)
# Monday to Sunday: more load, slower and more dropped.
_LOAD = (0.97, 0.95, 0.95, 0.97, 1.04, 1.08, 1.04)
_THROUGHPUT_KBPS = (48_000, 310_000, 420_000)
_DROPS = (0.0045, 0.0030, 0.0015)
_LATENCY_US = (42_000, 22_000, 12_000)
# Small outages: chance a region, technology and day; minutes of those touched (median) and the share touched.
_SMALL_CHANCE, _SMALL_MINUTES, _SMALL_SHARE = 0.02, 60, (0.03, 0.20)


def technology_share(world: World) -> Floats:
    """For each line (rows) the part of its use that goes over each technology (columns): half 4G, half 5G, or all
    broadband."""
    is_broadband = np.array([offer.service_line == "broadband" for offer in OFFERS])[world.lines.offer]
    return np.where(is_broadband[:, None], np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.5, 0.0]))


def hours_lost(world: World) -> Floats:
    """Hours without service of each line in the latest month that was run, by its region and technology."""
    minutes: Floats = (world.network_loss[world.lines.region] * technology_share(world)).sum(axis=1)
    return minutes / 60


def run_network(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the month's quality by region, day and technology; sets `world.outages` and `world.network_loss`."""
    rng = child(seed, "network", month.index)
    shape = (len(REGIONS), len(TECHNOLOGIES), month.days)
    level = np.array(REGION_LEVELS)[:, None, None]
    # Drawn for 31 days whatever the month has.
    struck = rng.random((*shape[:2], 31))[:, :, : month.days] < _SMALL_CHANCE * np.exp(-0.4 * level)
    length = np.clip(rng.lognormal(np.log(_SMALL_MINUTES), 0.6, (*shape[:2], 31))[:, :, : month.days], 5, 300)
    touched = rng.uniform(*_SMALL_SHARE, (*shape[:2], 31))[:, :, : month.days]
    share = np.where(struck, touched, 0.0)
    minutes = length * share
    _strike(minutes, share, month)
    minutes = np.rint(minutes)
    world.outages, world.network_loss = minutes, minutes.sum(axis=2)
    load = np.array(_LOAD)[(day_date(month.first_day).weekday() + np.arange(month.days)) % 7]
    noise = rng.normal(0, 1, (3, *shape[:2], 31))[..., : month.days]
    speed = np.array(_THROUGHPUT_KBPS)[None, :, None] * np.exp(0.12 * level + 0.03 * noise[0]) / load
    drops = np.array(_DROPS)[None, :, None] * np.exp(-0.25 * level + 0.08 * noise[1]) * load**2 + minutes / 40_000
    latency = np.array(_LATENCY_US)[None, :, None] * np.exp(-0.08 * level + 0.03 * noise[2]) * load
    region, technology, day = (index.ravel() for index in np.indices(shape))
    journal.add(
        "network.quality_daily",
        len(region),
        quality_key=region * len(TECHNOLOGIES) + technology,
        region_id=region,
        quality_date=(month.first_day + day) * DAY_SECONDS,
        technology_code=technology,
        availability_ratio=_whole(MILLION * (1 - minutes / 1_440)),
        drop_rate=_whole(MILLION * drops),
        throughput_mbps=_whole(speed),
        latency_ms=_whole(latency),
        outage_minutes=_whole(minutes),
        affected_subscription_count=_whole(share * _lines_by_technology(world)[:, :, None]),
    )


def _strike(minutes: Floats, share: Floats, month: Month) -> None:
    """Add the scripted outages of the month."""
    told, years = year_of(month.index)
    for outage in OUTAGES:
        if told in outage.months:
            region = place_of(outage.region_id, years)
            days = slice(outage.first_day, outage.first_day + outage.days)
            minutes[region, :, days] = np.array(outage.minutes)[:, None]
            share[region, :, days] = outage.share


def _lines_by_technology(world: World) -> Floats:
    """Lines in service by region and technology; a mobile line counts half for 4G and half for 5G."""
    lines, counts = world.lines, np.zeros((len(REGIONS), len(TECHNOLOGIES)))
    served = np.flatnonzero((lines.terminated_at == NEVER) & (lines.is_inactive == 0))
    np.add.at(counts, lines.region[served], technology_share(world)[served])
    return counts


def _whole(values: Floats) -> Integers:
    return np.rint(values).astype(np.int64).ravel()
