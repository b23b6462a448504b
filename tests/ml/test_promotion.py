"""Which of two models is used: the better one on months that neither has learnt from, and the reason is kept."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ml.churn import churn_classifier
from ml.evaluate import Evaluation, evaluate_churn
from ml.features import LABEL, frame_columns
from ml.model_file import save_model
from ml.params import load_params
from ml.promotion import judge, judge_challenger, outcomes
from ml.registry import CHURN_MODELS, ModelRun, model_path
from tenure.settings import Settings

PARAMS = load_params()
MONTHS = pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30"])
LINES = 500


def rows_of(seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Lines at six month ends; `usage` tells who leaves."""
    rng = np.random.default_rng(seed)
    count = LINES * len(MONTHS)
    frame = pd.DataFrame({"usage": rng.normal(size=count), "other": rng.normal(size=count)})
    frame["as_of_date"] = np.repeat(MONTHS, LINES)
    left = (rng.random(count) < 1 / (1 + np.exp(2.2 + 1.6 * frame["usage"]))).astype(int)
    return frame, left.to_numpy()


@pytest.fixture(scope="module")
def measured() -> Evaluation:
    frame, left = rows_of()
    return evaluate_churn(
        frame[["usage", "other"]], left, frame["as_of_date"], PARAMS, lambda: churn_classifier(PARAMS)
    )


def champion(settings: Settings, columns: list[str], until: str, is_good: bool) -> ModelRun:
    """A registered model that learnt from the months until a day: the truth, or labels drawn at random."""
    frame, left = rows_of()
    known = frame["as_of_date"] <= until
    labels = left if is_good else np.random.default_rng(3).permutation(left)
    inputs = frame.loc[known, columns]
    model = churn_classifier(PARAMS).fit(inputs, labels[known])
    run_id = f"churn_test_{until}_{is_good}_{'_'.join(columns)}"
    sha256 = save_model(model, model_path(settings, run_id), settings)
    details = {"refit_to_date": until, "inputs": [[it.name, it.kind] for it in frame_columns(inputs)]}
    day = dt.date.fromisoformat(until)
    return ModelRun(
        run_id,
        CHURN_MODELS["postpaid"],
        day,
        day,
        day,
        None,
        None,
        1,
        1,
        0.1,
        0.7,
        2.0,
        0.01,
        2,
        "",
        json.dumps(details),
        sha256,
        True,
    )


def test_first_model__is_promoted(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    assert judge(frame, left, measured, None, settings, PARAMS).is_promoted


def test_better_challenger__takes_over_and_says_by_how_much(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    found = judge(frame, left, measured, champion(settings, ["usage", "other"], "2026-03-31", False), settings, PARAMS)
    assert found.is_promoted
    assert "of the one in use, on " in found.reason


def test_worse_challenger__stays_a_challenger(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    noise = np.random.default_rng(4).random(len(measured.test_rows))
    worse = replace(measured, test_probability=noise)
    found = judge(frame, left, worse, champion(settings, ["usage", "other"], "2026-03-31", True), settings, PARAMS)
    assert not found.is_promoted
    assert "AUC 0." in found.reason


def test_model_like_chance__is_not_promoted_even_alone(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    found = judge(frame, left, replace(measured, auc=0.51), None, settings, PARAMS)
    assert (found.is_promoted, found.reason) == (False, "no better than chance on later months")


def test_champion_that_has_seen_every_month__cannot_be_compared(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    found = judge(frame, left, measured, champion(settings, ["usage", "other"], "2026-06-30", True), settings, PARAMS)
    assert found.is_promoted
    assert "0 leavers since the one in use" in found.reason


def test_champion_whose_feature_is_gone__gives_way(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    old = champion(settings, ["usage", "other"], "2026-03-31", True)
    found = judge(frame.drop(columns="other"), left, measured, old, settings, PARAMS)
    assert found.is_promoted
    assert "cannot be used any more: feature 'other' is missing" in found.reason


def test_champion_whose_file_was_changed__gives_way(settings: Settings, measured: Evaluation) -> None:
    frame, left = rows_of()
    old = champion(settings, ["usage", "other"], "2026-02-28", True)
    model_path(settings, old.model_run_id).write_bytes(b"not a model")
    found = judge(frame, left, measured, old, settings, PARAMS)
    assert found.is_promoted
    assert "cannot be used any more" in found.reason


def known_rows() -> pd.DataFrame:
    """The rows with their lines and labels, as training reads them."""
    frame, left = rows_of()
    return frame.assign(subscription_id=np.tile(np.arange(LINES), len(MONTHS)).astype(str), **{LABEL: left})


def test_challenger__is_compared_on_the_rows_that_both_were_tested_on(measured: Evaluation) -> None:
    rows = known_rows()
    recent = rows[rows["as_of_date"] >= "2026-04-30"].reset_index(drop=True)
    frame, left = recent[["usage", "other"]], recent[LABEL].to_numpy()
    of_recent = evaluate_churn(frame, left, recent["as_of_date"], PARAMS, lambda: churn_classifier(PARAMS))
    both = outcomes(rows, measured).index.intersection(outcomes(recent, of_recent).index)
    assert set(both.get_level_values("as_of_date")) == {MONTHS[-1]}
    found = judge_challenger(outcomes(recent, of_recent), outcomes(rows, measured), "scores have shifted", PARAMS)
    assert found.reason.startswith("scores have shifted; the newest months alone give AUC 0.")
    assert found.reason.endswith(f"on {LINES} lines of later months")


@pytest.mark.parametrize("is_better", [True, False])
def test_challenger__takes_over_only_if_it_ranks_better(measured: Evaluation, is_better: bool) -> None:
    standard = outcomes(known_rows(), measured)
    noise = standard.assign(probability=np.random.default_rng(4).random(len(standard)))
    sides = (standard, noise) if is_better else (noise, standard)
    assert judge_challenger(*sides, "scores have shifted", PARAMS).is_promoted is is_better
    assert not judge_challenger(standard, standard, "scores have shifted", PARAMS).is_promoted


def test_challenger__with_few_leavers_to_compare_is_not_promoted(measured: Evaluation) -> None:
    standard = outcomes(known_rows(), measured)
    few = pd.concat([standard[standard["left"] == 1].head(5), standard[standard["left"] == 0].head(200)])
    found = judge_challenger(few, few, "scores have shifted", PARAMS)
    assert (found.is_promoted, found.reason) == (
        False, "scores have shifted; 5 leavers are too few to compare the challenger",
    )  # fmt: skip
