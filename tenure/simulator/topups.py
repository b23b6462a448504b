"""Top-ups that pay for prepaid lines."""

import numpy as np

from tenure.simulator.journal import Journal
from tenure.simulator.life import is_prepaid
from tenure.simulator.presence import is_possible
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Integers, Month

_TOPUPS = (1_000, 2_000, 3_000, 5_000, 10_000, 20_000)


def make_topups(world: World, seed: int, journal: Journal, month: Month) -> tuple[Integers, Integers]:
    """Write the month's top-ups of prepaid lines; returns line and instant of each."""
    lines, rng = world.lines, child(seed, "topups", month.index)
    payer = is_prepaid(world) & (lines.terminated_at > month.start) & (lines.activated_at < month.end)
    spend = np.where(lines.bill_1 > 0, lines.bill_1, world.fees[lines.offer]) * 1.06 * (1 - 0.6 * lines.decline)
    usual = np.searchsorted(np.array(_TOPUPS[:-1]), spend * 0.8)
    count = rng.poisson(np.where(payer, spend / np.array(_TOPUPS)[usual], 0))
    line = np.repeat(np.arange(len(lines)), count)
    size = np.clip(usual[line] + rng.choice([-1, 0, 1], len(line), p=(0.2, 0.6, 0.2)), 0, len(_TOPUPS) - 1)
    day = rng.integers(month.first_day, month.end_day, len(line))
    at = day * DAY_SECONDS + rng.integers(28_800, 82_800, len(line))
    kept = is_possible(world, line, at, np.ones(len(line), dtype=bool), np.ones(len(line)))
    line, at, size = line[kept], at[kept], size[kept]
    order = np.argsort(at, kind="stable")
    line, at, size = line[order], at[order], size[order]
    journal.add(
        "usage.topup",
        len(line),
        topup_id=int(month.code) * 10**8 + np.arange(1, len(line) + 1),
        msisdn=np.where(at < lines.number_changed_at[line], lines.previous_msisdn[line], lines.msisdn[line]),
        topped_up_at=at,
        amount=np.array(_TOPUPS)[size],
        currency_code=0,
        channel_type=rng.choice(4, len(line), p=(0.66, 0.12, 0.14, 0.08)),
    )
    return line, at
