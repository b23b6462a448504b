"""Scoring churn end to end against `predict_proba` alone, on an operator of many lines.

Ours is all that `tenure score` does once Python has started: waiting for its lock, checking and loading the model,
reading the features, predicting, bands, the reasons of those at risk, and writing back in one transaction. The other
side has the model and the very same matrix in memory already, and only the call is counted. Each run is a process of
its own; Python's start and imports, which do not grow with the lines, are told but counted on neither side. A simulated
operator is built and trained on, and then made larger: every row to be scored is copied with the id of another line.
The other models (segments, lifetime value, offers) are not in use: what they do is no part of the comparison.
"""

from __future__ import annotations

import subprocess
import sys
import time
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np
import psycopg

from benchmarks.landing_warehouse import ROOT, LandingWarehouse, landing_warehouse
from benchmarks.larger_operator import copy_lines
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked

LINES = 600
MONTHS = 14
# Rows to be scored, at least.
ROWS = 200_000
TARGET = 0.6
PACKAGES = ("scikit-learn", "numpy", "pandas", "adbc-driver-postgresql", "psycopg")
FEATURES = "features.subscription_features"


def scoring() -> dict[str, Any]:
    """Rows/s from the feature table to the score table / rows/s of `predict_proba`."""
    rows, runs = rows_asked(ROWS), runs_asked()
    with landing_warehouse() as (warehouse, folder):
        warehouse.build_operator(folder, LINES, MONTHS)
        warehouse.tenure("train")
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            count = _enlarge(connection, rows)
            connection.execute("update scores.model_run set is_champion = false where model_name not like 'churn%'")
            pairs = [_pair(warehouse, connection, count) for _ in range(runs)]
            bands = connection.execute("select risk_band, count(*) from scores.churn_score group by 1 order by 1")
            told = ", ".join(f"{number} {band}" for band, number in bands)
            (reasons,) = connection.execute("select count(*) from scores.churn_reason").fetchone() or (0,)
        started = median(warehouse.timed([sys.executable, "-m", "ml", "models"]).seconds for _ in range(3))
        server = warehouse.server_version()
    each = ", ".join(f"{ours:.1f} and {bare:.1f}" for ours, bare in pairs)
    detail = (
        f"seconds end to end and of predict_proba alone: {each}; {count} lines, made from {LINES} by copying rows"
        f" ({told}), {reasons} reasons; Python's start and imports take {started:.1f} s more, counted on neither side;"
        " both sides gave the same probabilities in every run"
    )
    return result("scoring", [bare / ours for ours, bare in pairs], TARGET, "higher", detail, PACKAGES,
                  postgresql=server)  # fmt: skip


def _enlarge(connection: psycopg.Connection[Any], rows: int) -> int:
    """Copy the rows to be scored until there are at least `rows`; returns how many there are then."""
    counted = f"select count(*) from {FEATURES} where is_scoring"  # noqa: S608 (a constant)
    (first,) = connection.execute(counted).fetchone() or (0,)
    if not first:
        raise RunDoesNotCount("there is no line to score")
    copy_lines(connection, [FEATURES], -(-rows // first) - 1, where="is_scoring")
    (count,) = connection.execute(counted).fetchone() or (0,)
    return int(count)


def _pair(warehouse: LandingWarehouse, connection: psycopg.Connection[Any], count: int) -> tuple[float, float]:
    """Seconds end to end and of the bare call, which must agree on the probabilities."""
    _, _, ours = _timed(warehouse, "score")
    found = connection.execute(
        "select count(*), count(churn_probability), sum(churn_probability) from scores.churn_score"
    ).fetchone()
    scored, total, bare = _timed(warehouse, "predict")
    if found is None or (found[0], str(found[1]), f"{found[2]:.6f}") != (count, scored, total):
        raise RunDoesNotCount(f"of {count} lines {found} were scored, and predict_proba has {scored} with sum {total}")
    return float(ours), float(bare)


def _timed(warehouse: LandingWarehouse, side: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scoring", side], cwd=ROOT, env=warehouse.environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RunDoesNotCount(f"{side} failed: {done.stderr[-300:]}")
    return done.stdout.split()


def _score() -> tuple[object, ...]:
    """Lines scored, 0, and seconds."""
    from ml import pipeline
    from tenure.settings import get_settings

    settings = get_settings()
    started = time.perf_counter()
    found = pipeline.score(settings)
    return found["subscription_count"], 0, time.perf_counter() - started


def _predict() -> tuple[object, ...]:
    """Of `predict_proba` on the matrices that scoring uses: lines, sum of probabilities, seconds of the calls."""
    from ml.features import PLAN, FeatureColumn, has_history, read_scoring_rows, split_inputs
    from ml.model_file import load_model
    from ml.params import load_params
    from ml.registry import CHURN_MODELS, find_champion, model_path
    from tenure.db import connect
    from tenure.settings import get_settings

    settings, params = get_settings(), load_params()
    rows = read_scoring_rows(settings, params)
    count, total, seconds = 0, Decimal(0), 0.0
    for plan_type, name in CHURN_MODELS.items():
        with connect("scorer", settings=settings) as connection:
            champion = find_champion(connection, name)
        if champion is None:
            raise RunDoesNotCount(f"no model {name} is in use")
        model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
        inputs = [FeatureColumn(name, kind) for name, kind in champion.details["inputs"]]
        of_plan = rows[(rows[PLAN] == plan_type) & has_history(rows, params)]
        matrix = split_inputs(of_plan, inputs)
        started = time.perf_counter()
        probability = model.predict_proba(matrix)[:, 1]
        seconds += time.perf_counter() - started
        count += len(matrix)
        total += sum(Decimal(f"{chance:.6f}") for chance in np.round(probability, 6))
    return count, total, seconds


if __name__ == "__main__":
    print(*(_score() if sys.argv[1] == "score" else _predict()))
