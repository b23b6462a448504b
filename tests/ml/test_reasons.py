"""Reasons of rows: which one is said of which row, and by what name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.churn import ChurnClassifier
from ml.params import ReasonEntry, ReasonParams, ReasonText
from ml.reasons import CHUNK, explain
from tests.ml.test_churn_estimator import SMALL

REGION = ReasonText(when="region_id", say="region_name", text="In {value} more leave", zh="{value}离网率高")
FEWER = ReasonText(when="calls", at_most=10, text="Called {value} times", zh="通话{value}次")
PARAMS = ReasonParams(
    per_subscription=2,
    minimum_odds_ratio=1.1,
    catalogue=(
        ReasonEntry(features=("region_id",), texts=(REGION,)),
        ReasonEntry(features=("calls",), texts=(FEWER,)),
    ),
)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    count = 2 * CHUNK + 100
    region = rng.choice(["R1", "R2", "R3"], count, p=[0.45, 0.45, 0.1])
    return pd.DataFrame({"region_id": region, "calls": rng.integers(0, 40, count)})


@pytest.fixture(scope="module")
def model(rows: pd.DataFrame) -> ChurnClassifier:
    chance = 0.05 + 0.35 * (rows["region_id"] == "R3") + 0.3 * (rows["calls"] <= 10)
    left = (np.random.default_rng(6).random(len(rows)) < chance).astype(int)
    return ChurnClassifier(**SMALL).fit(rows, left)


def test_region__is_called_by_its_name(model: ChurnClassifier, rows: pd.DataFrame) -> None:
    names = {"R1": "Nanjing", "R2": "Suzhou", "R3": "Foshan"}
    told = explain(model, rows.assign(region_name=rows["region_id"].map(names)), PARAMS)
    of_region = {reason.text for reason in told if "more leave" in reason.text}
    assert "In Foshan more leave" in of_region
    assert not any("R3" in text for text in of_region)
    # Rows that carry no names are told by code.
    assert "In R3 more leave" in {reason.text for reason in explain(model, rows, PARAMS)}


def test_reasons__are_of_the_row_that_they_speak_of(model: ChurnClassifier, rows: pd.DataFrame) -> None:
    told = explain(model, rows, PARAMS)
    assert [(reason.row, reason.rank) for reason in told] == sorted((reason.row, reason.rank) for reason in told)
    calls = rows["calls"].to_numpy()
    spoken_of = [reason for reason in told if reason.text.startswith("Called")]
    assert {reason.row for reason in spoken_of} == set(np.flatnonzero(calls <= 10))
    assert all(reason.text == f"Called {calls[reason.row]} times" for reason in spoken_of)
    # Rows are explained in parts; a row alone is told the same.
    for row in (0, CHUNK - 1, CHUNK, 2 * CHUNK, len(rows) - 1):
        alone = [(reason.rank, reason.text) for reason in explain(model, rows.iloc[[row]], PARAMS)]
        assert alone == [(reason.rank, reason.text) for reason in told if reason.row == row]
