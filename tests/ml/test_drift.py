"""Drift: what has shifted is found and named, what has not is left alone, and few rows are no drift."""

from __future__ import annotations

import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from ml import drift
from ml.encoding import FrameEncoder
from ml.params import load_params

PARAMS = load_params().drift


def frame_of(count: int, seed: int, shift: float = 0.0, cheap: float = 0.3) -> pd.DataFrame:
    """Lines with minutes (a tenth unknown), a fee that never changes, and a plan."""
    rng = np.random.default_rng(seed)
    minutes = rng.gamma(2.0, 50.0, count) * math.exp(shift)
    minutes[rng.random(count) < 0.1] = np.nan
    return pd.DataFrame(
        {"minutes": minutes, "fee": np.full(count, 20.0), "plan": np.where(rng.random(count) < cheap, "S", "L")}
    )


def measured(reference: pd.DataFrame, now: pd.DataFrame, shift: float = 0.0) -> dict[str, drift.Drift]:
    """Drift from `reference` to `now`, by name; scores move by `shift` in units of log odds."""
    encoder = FrameEncoder().fit(reference)
    rng = np.random.default_rng(5)
    scores = [1 / (1 + np.exp(3 - rng.normal(size=len(rows)) - move)) for rows, move in ((reference, 0), (now, shift))]
    profiles = drift.make_profiles(encoder, encoder.transform(reference), scores[0])
    found = drift.measure_drift(profiles, encoder, encoder.transform(now), scores[1], PARAMS)
    return {one.measure_name: one for one in found}


def slow_index(reference: list[object], now: list[object]) -> float:
    """The population stability index of two lists of bins, with half a row in each."""
    counts = Counter(reference), Counter(now)
    bins = counts[0].keys() | counts[1].keys()
    total = 0.0
    for one in bins:
        q = (counts[0][one] + 0.5) / (len(reference) + 0.5 * len(bins))
        p = (counts[1][one] + 0.5) / (len(now) + 0.5 * len(bins))
        total += (p - q) * math.log(p / q)
    return total


def test_index__equals_the_formula_over_bins() -> None:
    reference, now = frame_of(3000, 1), frame_of(2000, 2, shift=0.4, cheap=0.6)
    found = measured(reference, now)
    known = np.sort(reference["minutes"].dropna().to_numpy())
    limits = [known[math.floor(share / 10 * (len(known) - 1))] for share in range(1, 10)]

    def bin_of(value: float) -> object:
        return "unknown" if math.isnan(value) else sum(value > limit for limit in limits)

    for name, bins in (("minutes", bin_of), ("plan", str), ("fee", str)):
        wanted = slow_index([bins(value) for value in reference[name]], [bins(value) for value in now[name]])
        assert found[name].measure_value == pytest.approx(wanted, rel=1e-9), name
    assert found["fee"].measure_value == 0


def test_what_has_shifted__is_beyond_its_limit_and_nothing_else() -> None:
    found = measured(frame_of(3000, 1), frame_of(3000, 2, shift=0.8))
    assert [name for name, one in found.items() if one.is_beyond_limit] == ["minutes", "inputs beyond their limit"]
    assert found["inputs beyond their limit"].measure_value == pytest.approx(1 / 3)
    assert [
        n for n, one in measured(frame_of(3000, 1), frame_of(3000, 2), shift=1.0).items() if one.is_beyond_limit
    ] == ["churn_probability"]


def test_new_and_missing_values__are_a_shift() -> None:
    now = frame_of(3000, 2)
    now.loc[:1500, "plan"] = "XL"
    now.loc[:1500, "minutes"] = np.nan
    found = measured(frame_of(3000, 1), now)
    assert found["plan"].is_beyond_limit
    assert found["minutes"].is_beyond_limit


@pytest.mark.parametrize("count", [8, 30, 200, 5000])
def test_without_a_shift__chance_alone_is_no_drift(count: int) -> None:
    days = [measured(frame_of(2000, seed), frame_of(count, 1000 + seed)) for seed in range(40)]
    alarms = sum(any(one.is_beyond_limit for one in found.values()) for found in days)
    # One in a hundred days by the parameters.
    assert alarms <= 3


def test_no_rows_and_no_profiles__say_nothing() -> None:
    reference = frame_of(300, 1)
    encoder = FrameEncoder().fit(reference)
    encoded, scores = encoder.transform(reference), np.full(300, 0.1)
    profiles = drift.make_profiles(encoder, encoded, scores)
    assert drift.measure_drift(profiles, encoder, encoded[:0], scores[:0], PARAMS) == []
    assert drift.measure_drift([], encoder, encoded, scores, PARAMS) == []


def test_profiles__survive_their_storage() -> None:
    reference = frame_of(500, 3)
    encoder = FrameEncoder().fit(reference)
    for one in drift.make_profiles(encoder, encoder.transform(reference), np.linspace(0, 1, 500)):
        assert tuple(json.loads(json.dumps(one.limits))) == one.limits
        assert sum(one.row_counts) == 500


def test_reference_rows__are_of_the_newest_months_of_the_plan_type() -> None:
    dates = pd.Series(pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-04-30"]))
    own = np.array([True, True, False, True, True])
    assert drift.reference_rows(dates, own, PARAMS.model_copy(update={"reference_months": 3})).tolist() == [1, 3, 4]
