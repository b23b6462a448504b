"""A churn model that has drifted gets one challenger, which takes over only if it is better."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from ml import pipeline
from ml.drift import AGE, FEATURE, SCORE, SHARE
from ml.registry import ModelRun, all_runs, find_champion, model_path
from tenure.db import connect
from tenure.settings import Settings
from tests.conftest import BuiltWarehouse

NAMES = ("churn_postpaid", "churn_prepaid")


def runs(settings: Settings) -> list[ModelRun]:
    with connect("scorer", settings=settings) as connection:
        return all_runs(connection)


@pytest.fixture
def built(built_warehouse: BuiltWarehouse) -> Iterator[Settings]:
    """A built warehouse, with the runs, the drift and the scores it had afterwards."""
    settings = built_warehouse.settings
    before = {run.model_run_id: run.is_champion for run in runs(settings)}
    yield settings
    with connect("scorer", settings=settings) as connection:
        for run in all_runs(connection):
            if run.model_run_id not in before:
                model_path(settings, run.model_run_id).unlink()
                for table in ("model_run", "model_decile", "model_profile", "model_drift"):
                    connection.execute(f"delete from scores.{table} where model_run_id = %s", (run.model_run_id,))
        for run_id, is_champion in before.items():
            connection.execute(
                "update scores.model_run set is_champion = %s where model_run_id = %s", (is_champion, run_id)
            )
    pipeline.score(settings)


def drift_of(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    with connect("scorer", settings=settings) as connection:
        rows = connection.execute(
            "select run.model_name, drift.measure_kind, drift.measure_name, drift.measure_value, drift.limit_value,"
            " drift.is_beyond_limit, drift.row_count from scores.model_drift as drift join scores.model_run as run"
            " using (model_run_id) where drift.as_of_date = (select max(as_of_date) from scores.churn_score)"
        ).fetchall()
    return {name: [row[1:] for row in rows if row[0] == name] for name in NAMES}


def test_every_model_in_use__says_how_far_it_has_drifted(built: Settings) -> None:
    with connect("scorer", settings=built) as connection:
        for name, rows in drift_of(built).items():
            champion = find_champion(connection, name)
            assert champion is not None
            kinds = [row[0] for row in rows]
            assert kinds.count(FEATURE) == champion.feature_count
            assert [kinds.count(kind) for kind in (AGE, SCORE, SHARE)] == [1, 1, 1]
            as_of_date: dt.date = connection.execute("select max(as_of_date) from scores.churn_score").fetchone()[0]
            learnt = dt.date.fromisoformat(champion.details["refit_to_date"])
            (age,) = [row for row in rows if row[0] == AGE]
            assert age[2] == (as_of_date - learnt).days
            assert all(row[4] == (row[2] > row[3]) for row in rows)
            features = [row for row in rows if row[0] == FEATURE]
            (share,) = [row for row in rows if row[0] == SHARE]
            assert float(share[2]) == pytest.approx(sum(row[4] for row in features) / len(features), abs=1e-6)


def test_model_that_has_not_drifted__is_left_alone(built: Settings) -> None:
    with connect("scorer", settings=built) as connection:
        connection.execute(
            "update scores.model_drift set measure_value = 0, is_beyond_limit = false where measure_kind = any(%s)",
            ([SCORE, SHARE],),
        )
    assert {result["status"] for result in pipeline.train_if_needed(built).values()} == {"kept"}


def test_model_that_has_drifted__gets_one_challenger(built: Settings) -> None:
    before = {run.model_run_id for run in runs(built)}
    with connect("scorer", settings=built) as connection:
        connection.execute(
            "update scores.model_drift set measure_value = 0.9, is_beyond_limit = true where measure_kind = %s",
            (SCORE,),
        )
    first = pipeline.train_if_needed(built)
    new = {run.details["plan_type"]: run for run in runs(built) if run.model_run_id not in before}
    assert new
    for plan_type, run in new.items():
        told = first[f"churn_{plan_type}"]
        assert told["status"] == "trained"
        assert run.details["challenged"] in before
        assert "scores have shifted by 0.90 (stability index, limit" in told["reason"]
        assert told["reason"].startswith("a challenger that knows the newest months only; ")
        assert ("; promoted: " in told["reason"]) == run.is_champion
        standard = next(one for one in runs(built) if one.model_run_id == run.details["challenged"])
        assert standard.is_champion != run.is_champion
        assert run.details["refit_from_date"] > standard.details["refit_from_date"]
        assert run.details["refit_to_date"] == standard.details["refit_to_date"]
    for name in {f"churn_{plan_type}" for plan_type in ("postpaid", "prepaid")} - {f"churn_{one}" for one in new}:
        assert first[name]["status"] == "kept"
        assert "there is no challenger: " in first[name]["reason"]
    again = pipeline.train_if_needed(built)
    assert {run.model_run_id for run in runs(built)} == before | {run.model_run_id for run in new.values()}
    for plan_type, run in new.items():
        told = again[f"churn_{plan_type}"]
        assert told["status"] == "kept"
        assert ("its challenger was not promoted: " in told["reason"]) == (not run.is_champion)
    assert pipeline.score(built)["subscription_count"] > 0
