"""What a benchmark prints: the median of paired ratios with its bootstrap interval."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from statistics import median
from typing import Any, Literal

import numpy as np

_RESAMPLES = 10_000


class RunDoesNotCount(Exception):
    """The two sides did not make the same table, or one of them failed: there is no result."""


def runs_asked(default: int = 5) -> int:
    """How often both sides run (TENURE_BENCH_RUNS); fewer than five is for looking, not for reporting."""
    return int(os.environ.get("TENURE_BENCH_RUNS", default))


def rows_asked(default: int) -> int:
    """Rows of the generated file (TENURE_BENCH_ROWS)."""
    return int(os.environ.get("TENURE_BENCH_ROWS", default))


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Bounds of the bootstrap 95 % interval of the median; the seed is fixed."""
    rng = np.random.default_rng(1)
    picked = rng.choice(np.asarray(ratios), (_RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(picked, axis=1), (0.025, 0.975))
    return float(low), float(high)


def result(
    name: str,
    ratios: Sequence[float],
    target: float,
    better: Literal["higher", "lower"],
    detail: str,
    packages: Sequence[str] = (),
    **versions: str,
) -> dict[str, Any]:
    """The line of a benchmark. `ratios` has one value for each pair of runs."""
    low, high = interval(ratios)
    return {
        "name": name,
        "ratio": round(median(ratios), 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "target": target,
        "better": better,
        "runs": len(ratios),
        "versions": {"python": platform.python_version()} | {it: version(it) for it in packages} | versions,
        "detail": detail,
    }
