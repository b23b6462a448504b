"""The measures against figures worked out by hand, and the split that keeps months apart."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.evaluate import (
    Decile,
    calibrated_decile_count,
    calibration_error,
    deciles,
    evaluate_churn,
    out_of_time_split,
    top_decile_lift,
)
from ml.params import load_params

PARAMS = load_params()


def test_top_decile_lift__counts_the_best_tenth() -> None:
    left = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    probability = np.linspace(1.0, 0.0, 20)
    # 2 of the best 2 left, 4 of 20 left over all: 1.0 / 0.2.
    assert top_decile_lift(left, probability) == pytest.approx(5.0)


def test_top_decile_lift__of_ties_does_not_depend_on_row_order() -> None:
    left = np.array([1] * 5 + [0] * 45)
    assert top_decile_lift(left, np.full(50, 0.3)) == pytest.approx(1.0)
    assert top_decile_lift(left[::-1], np.full(50, 0.3)) == pytest.approx(1.0)


def test_calibration_error__is_the_mean_gap_of_the_bins() -> None:
    left = np.array([0, 1] * 50)
    assert calibration_error(left, np.full(100, 0.5)) == pytest.approx(0.0)
    assert calibration_error(left, np.full(100, 0.8)) == pytest.approx(0.3)


def test_deciles__are_the_highest_probabilities_first() -> None:
    probability = np.arange(20) / 100
    left = np.array([0] * 17 + [1, 0, 1])
    found = deciles(left, probability)
    assert [one.decile for one in found] == list(range(1, 11))
    assert [one.leaver_count for one in found] == [1, 1] + [0] * 8
    assert {one.row_count for one in found} == {2}
    assert [found[0].expected_leaver_count, found[-1].expected_leaver_count] == pytest.approx([0.19 + 0.18, 0.01])
    assert sum(one.expected_leaver_count for one in found) == pytest.approx(probability.sum())


def test_deciles__of_fewer_rows_are_fewer() -> None:
    assert deciles(np.array([1, 0, 0]), np.array([0.1, 0.9, 0.5])) == [
        Decile(1, 1, 0, 0.9), Decile(2, 1, 0, 0.5), Decile(3, 1, 1, 0.1),
    ]  # fmt: skip
    assert deciles([], []) == []


def _months(count: int, rows: int = 200) -> tuple[pd.Series, np.ndarray]:
    dates = [day.date() for day in pd.date_range("2025-01-31", periods=count, freq="ME")]
    as_of_date = pd.Series(np.repeat(np.array(dates, dtype=object), rows))
    left = np.tile(np.array([1] * 20 + [0] * (rows - 20)), count)
    return as_of_date, left


def test_split__holds_out_the_newest_months_and_an_embargo() -> None:
    as_of_date, left = _months(12)
    split = out_of_time_split(as_of_date, left, PARAMS)
    assert split is not None
    assert split.test_dates == (dt.date(2025, 10, 31), dt.date(2025, 12, 31))
    # The labels of September reach into November, so they were not known at the end of October.
    assert split.train_dates == (dt.date(2025, 1, 31), dt.date(2025, 8, 31))
    assert set(as_of_date.iloc[split.train]) == set(as_of_date[as_of_date <= dt.date(2025, 8, 31)])
    assert not set(split.train) & set(split.test)


def test_split__needs_months() -> None:
    assert out_of_time_split(*_months(2), PARAMS) is None


def test_evaluation__without_months_falls_back_to_folds_and_says_so() -> None:
    from ml.churn import ChurnClassifier

    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(600, 2)), columns=["a", "b"])
    left = (frame["a"] + random.normal(size=600) > 1.2).to_numpy().astype(int)
    as_of_date = pd.Series(dt.date(2025, 1, 31), index=frame.index)
    model: dict[str, Any] = {"boosting": {"max_iter": 30}, "forest": {"n_estimators": 5}, "blend_folds": 2}
    found = evaluate_churn(frame, left, as_of_date, PARAMS, lambda: ChurnClassifier(**model))
    assert found.method == "cross_validation"
    assert found.auc > 0.7
    assert found.test_row_count == 600


def test_calibrated_deciles__are_those_that_hold_what_they_promise() -> None:
    probability = np.repeat(np.linspace(0.05, 0.5, 10), 200)
    left = np.concatenate([np.arange(200) < round(200 * chance) for chance in np.linspace(0.05, 0.5, 10)]).astype(int)
    assert calibrated_decile_count(left, probability) == 10
    # The first group promises 10 leavers of 200 and has 40; the last promises 100 and has none.
    left[:40] = 1
    left[-200:] = 0
    assert calibrated_decile_count(left, probability) == 8
