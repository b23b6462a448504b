"""What VIP managers plan and do for the lines worth most: birthdays, renewals, upgrades, amends and calls."""

import numpy as np

from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.staff import staff_for
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Flags, Integers, Month

ACTION_TYPES = ("birthday", "renewal_visit", "upgrade", "service_recovery", "satisfaction_call")
OUTCOME_CODES = ("done", "no_answer", "refused", "cancelled")
VIP_SHARE = 0.05  # of the lines in service, those with the highest bills
_BIRTHDAY, _RENEWAL, _UPGRADE, _RECOVERY, _CALL = range(len(ACTION_TYPES))


def care_for_vips(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Plan the month's care on its first morning and write down what came of it."""
    lines, rng = world.lines, child(seed, "care actions", month.index)
    line = _vips(world, month)
    kind, day = _occasions(world, rng, month, line)
    line, day, kind = line[kind >= 0], day[kind >= 0], kind[kind >= 0]
    count = len(line)
    outcome = rng.choice(len(OUTCOME_CODES), count, p=(0.72, 0.16, 0.08, 0.04))
    at = day * DAY_SECONDS + rng.integers(34_200, 64_800, count)
    outcome = np.where(lines.terminated_at[line] <= at, OUTCOME_CODES.index("cancelled"), outcome)
    columns = {
        "care_action_id": int(month.code) * 10**6 + np.arange(1, count + 1),
        "customer_id": lines.customer[line] + 1,
        "subscription_id": line + 1,
        "staff_id": staff_for("vip_manager", lines.region[line], line),
        "action_type": kind,
        "planned_date": day,
    }
    planned_at = month.start + 8 * 3_600
    journal.add("marketing.care_action", count, **columns, effective_at=planned_at, done_at=-1, outcome_code=-1)
    done_at = np.where(outcome == OUTCOME_CODES.index("done"), at, -1)
    journal.add("marketing.care_action", count, **columns, effective_at=at, done_at=done_at, outcome_code=outcome)


def _vips(world: World, month: Month) -> Integers:
    """Lines of the opening of the month with the highest bills of the month before."""
    lines = world.lines
    there = np.flatnonzero(
        (lines.terminated_at > month.start) & (lines.activated_at < month.start) & (lines.bill_2 > 0)
    )
    count = round(VIP_SHARE * len(there))
    return np.sort(there[np.argsort(-lines.bill_2[there], kind="stable")[:count]])


def _occasions(world: World, rng: np.random.Generator, month: Month, line: Integers) -> tuple[Integers, Integers]:
    """The occasion to care for each line (-1 none) and the day planned; amends come first."""
    lines, count = world.lines, len(line)
    birthday = world.customers.id_number[lines.customer[line]] // 10**4 % 10**4
    month_of_year = month.first_date.month
    has_birthday = (world.customers.kind[lines.customer[line]] == 0) & (birthday // 100 == month_of_year)
    complained_before = (lines.complained_at[line] >= month.start - 31 * DAY_SECONDS) & (
        lines.complained_at[line] < month.start
    )
    ends = lines.contract_ends[line]
    ending = (ends >= month.end_day) & (ends < month.end_day + 60)
    draw = rng.random(count)
    kind = np.where(draw < 0.06, _CALL, np.where(draw < 0.10, _UPGRADE, -1))
    chosen: tuple[tuple[int, Flags], ...] = (
        (_BIRTHDAY, has_birthday),
        (_RENEWAL, ending & (draw < 0.6)),
        (_RECOVERY, complained_before),
    )
    for occasion, applies in chosen:
        kind = np.where(applies, occasion, kind)
    day = rng.integers(month.first_day + 1, month.end_day, count)
    day = np.where(kind == _BIRTHDAY, np.maximum(month.first_day + birthday % 100 - 1, month.first_day + 1), day)
    return np.where(lines.terminated_at[line] >= month.start, kind, -1), np.minimum(day, month.end_day - 1)
