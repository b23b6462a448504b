"""A day's refresh: against the same with a short history, against building everything, and what checks cost."""

from __future__ import annotations

import random
import sys
from typing import Any

from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from benchmarks.refresh_history import LATE_DAYS, LINES, LONG_MONTHS, SHORT_MONTHS, History, histories

PACKAGES = ("dbt-core", "dbt-postgres")
# A build is killed after a number of models and checks drawn from these, which are about those of its larger part.
KILLED_AFTER = range(20, 500)
SEED = 5
_MODELS = """
from tenure.settings import get_settings
from tenure.transform import run_dbt
run_dbt(get_settings(), ["run", "--select", "tag:{tag}"])
"""


def refresh_flat() -> list[dict[str, Any]]:
    """`tenure build` after one new day, and after a day that is 40 days late, with 16-fold history / with 1-fold."""
    runs = runs_asked()
    new: list[tuple[float, float]] = []
    late: list[tuple[float, float]] = []
    with histories(SHORT_MONTHS, LONG_MONTHS, lines=rows_asked(LINES), held_days=runs) as (short, long):
        for number in range(runs):
            new.append((_day(short, number), _day(long, number)))
            late.append((_late(short, number), _late(long, number)))
        sizes = _sizes(short, long)
    return [
        result(
            "refresh_flat", [after / before for before, after in new], 1.15, "lower",
            f"one new day: {_pairs(new)}; {sizes}", PACKAGES,
        ),
        result(
            "refresh_flat_late", [after / before for before, after in late], 1.3, "lower",
            f"usage of one day, {LATE_DAYS} days late or more: {_pairs(late)}; {sizes}", PACKAGES,
        ),
    ]  # fmt: skip


def refresh_full() -> dict[str, Any]:
    """`tenure build` after one new day / `tenure build --full-refresh`, at 16-fold history."""
    runs = runs_asked()
    with histories(LONG_MONTHS, lines=rows_asked(LINES), held_days=runs) as (long,):
        pairs = []
        for number in range(runs):
            day = _day(long, number)
            content = long.marts_digest()
            pairs.append((long.run("build", "--full-refresh"), day))
            if long.marts_digest() != content:
                raise RunDoesNotCount("a refresh and a full build make different marts")
        sizes = _sizes(long)
    ratios = [day / full for full, day in pairs]
    return result("refresh_full", ratios, 0.05, "lower", f"full, then a day: {_pairs(pairs)}; {sizes}", PACKAGES)


def trust() -> list[dict[str, Any]]:
    """A day's build with every check / without, and the build after a SIGKILL / one that nothing disturbs."""
    runs = runs_asked()
    kills = random.Random(SEED).sample(KILLED_AFTER, runs)  # noqa: S311 (no secret)
    checked: list[tuple[float, float]] = []
    recovered: list[tuple[float, float]] = []
    with histories(SHORT_MONTHS * 4, lines=rows_asked(LINES), held_days=runs) as (history,):
        for number in range(runs):
            clean = _day(history, number)
            content = history.marts_digest()
            checked.append((_without_checks(history), clean))
            history.killed_build(kills[number])
            recovered.append((clean, history.run("build")))
            if history.marts_digest() != content:
                raise RunDoesNotCount("the build after a kill makes other marts")
        sizes = _sizes(history)
    return [
        result(
            "trust", [after / before for before, after in checked], 1.20, "lower",
            f"without checks, with every check: {_pairs(checked)}; {sizes}", PACKAGES,
        ),
        result(
            "trust_recovery", [after / before for before, after in recovered], 0.60, "lower",
            f"a clean build, one after a SIGKILL after {kills} nodes: {_pairs(recovered)}; {sizes}", PACKAGES,
        ),
    ]  # fmt: skip


def _day(history: History, number: int) -> float:
    history.land_day(number)
    return history.run("build")


def _late(history: History, number: int) -> float:
    history.land_late_day(number)
    return history.run("build")


def _without_checks(history: History) -> float:
    """The same models and scores, nothing checked and, because of that, nothing published."""
    steps = [
        history.timed([sys.executable, "-c", _MODELS.format(tag="base")]),
        history.timed([sys.executable, "-m", "ml", "score"]),
        history.timed([sys.executable, "-c", _MODELS.format(tag="scored")]),
    ]
    return sum(steps)


def _pairs(pairs: list[tuple[float, float]]) -> str:
    return "seconds " + ", ".join(f"{first:.1f} and {second:.1f}" for first, second in pairs)


def _sizes(*all_of: History) -> str:
    told = [
        f"{history.months} months: {history.rows('raw_usage.usage_event')} usage events, "
        f"{history.rows('build.subscription_monthly')} rows of subscription_monthly"
        for history in all_of
    ]
    return "; ".join(told)
