"""Whether the world still is as a churn model learnt it: drift of its inputs and scores, and its age.

The population stability index of a measure is the sum over bins of (p - q) ln(p / q), p being the share of the rows
scored and q that of the reference rows (Siddiqi 2006, "Credit Risk Scorecards", who calls a shift of 0.25 or more a
considerable one). Where nothing has shifted it is about (1/n + 1/m) times a chi-squared variable with one degree of
freedom less than there are bins (Yurdakul and Naranjo 2020, "Statistical properties of the population stability
index"), so that a few rows drift by chance alone: the limit is never below what chance gives.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from psycopg.rows import class_row
from scipy.stats import chi2

from ml.encoding import FloatArray, FrameEncoder
from ml.params import DriftParams
from ml.registry import ModelRun
from ml.scores import decimal

AGE, SCORE, SHARE, FEATURE = "age", "score", "feature_share", "feature"
# Kinds of drift that call for a challenger: a model that is merely old gets one when its month is learnt from.
CALLING = (SCORE, SHARE)
COLUMNS = (
    "as_of_date", "model_run_id", "measure_kind", "measure_name", "measure_value", "limit_value", "is_beyond_limit",
    "row_count",
)  # fmt: skip
_SHARES = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class Profile:
    """How a measure lay in the reference rows: `limits` between bins, and rows per bin, the last without a value."""

    measure_kind: str
    measure_name: str
    limits: tuple[float, ...]
    row_counts: tuple[int, ...]


@dataclass(frozen=True)
class Drift:
    """A measure of drift: days for the age, a share (0-1) for feature_share, a stability index for the others."""

    measure_kind: str
    measure_name: str
    measure_value: float
    limit_value: float
    row_count: int

    @property
    def is_beyond_limit(self) -> bool:
        """Whether it is so far off that something has to be done."""
        return self.measure_value > self.limit_value


def make_profiles(encoder: FrameEncoder, encoded: FloatArray, probability: FloatArray) -> list[Profile]:
    """Profiles of a model's inputs and scores.

    `encoded` (n, columns) are the newest rows that it learnt from, as `encoder` makes them; `probability` (m,) is what
    it said of months that it had not learnt from: of those it has, a model is surer than of any other.
    """
    numeric, categories = len(encoder.numeric_), encoder.level_counts_
    limits = [_quantiles(column) for column in encoded.T[:numeric]]
    limits += [np.arange(count - 1, dtype=np.float64) + 0.5 for count in categories]
    names = [*encoder.numeric_, *encoder.categorical_]
    profiles = [_profile(FEATURE, *parts) for parts in zip(names, limits, encoded.T, strict=True)]
    return [*profiles, _profile(SCORE, "churn_probability", _quantiles(probability), probability)]


def measure_drift(
    profiles: Sequence[Profile],
    encoder: FrameEncoder,
    encoded: FloatArray,
    score: FloatArray,
    params: DriftParams,
) -> list[Drift]:
    """Drift of the rows scored, `encoded` (n, columns) and `score` (n,), from the profiles of the model.

    Inputs and scores each have a stability index; feature_share is the share of inputs beyond their limit. Nothing for
    no rows or no profiles.
    """
    if not len(encoded) or not profiles:
        return []
    kept = _sampled(np.arange(len(encoded)), params)
    columns = {name: encoded[kept, place] for place, name in enumerate([*encoder.numeric_, *encoder.categorical_])}
    columns_of = {FEATURE: columns, SCORE: {"churn_probability": score[kept]}}
    found = [
        _stability(profile, columns_of[profile.measure_kind][profile.measure_name], params, len(profiles))
        for profile in profiles
    ]
    features = [one for one in found if one.measure_kind == FEATURE]
    share = sum(one.is_beyond_limit for one in features) / len(features)
    return [*found, Drift(SHARE, "inputs beyond their limit", share, params.maximum_feature_share, len(kept))]


def model_age(run: ModelRun, as_of_date: dt.date, row_count: int, params: DriftParams) -> Drift:
    """Days from the newest month that a run learnt from to the day of the scores."""
    days = (as_of_date - dt.date.fromisoformat(run.details["refit_to_date"])).days
    return Drift(AGE, "days since the newest month learnt from", days, params.maximum_age_days, row_count)


def stored(as_of_date: dt.date, model_run_id: str, found: Iterable[Drift]) -> list[tuple[Any, ...]]:
    """Rows of scores.model_drift, in order of COLUMNS."""
    return [
        (
            as_of_date, model_run_id, one.measure_kind, one.measure_name, decimal(one.measure_value, 6),
            decimal(one.limit_value, 6), one.is_beyond_limit, one.row_count,
        )
        for one in found
    ]  # fmt: skip


def record_profiles(connection: psycopg.Connection[Any], model_run_id: str, profiles: Iterable[Profile]) -> None:
    """Replace the profiles of a run. No commit here."""
    connection.execute("delete from scores.model_profile where model_run_id = %s", (model_run_id,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into scores.model_profile (model_run_id, measure_kind, measure_name, limits, row_counts)"
            " values (%s, %s, %s, %s, %s)",
            [
                (model_run_id, one.measure_kind, one.measure_name, json.dumps(one.limits), json.dumps(one.row_counts))
                for one in profiles
            ],
        )


def read_profiles(connection: psycopg.Connection[Any], model_run_id: str) -> list[Profile]:
    """The profiles of a run, in a fixed order; none for a run of before there were any."""
    rows = connection.execute(
        "select measure_kind, measure_name, limits, row_counts from scores.model_profile where model_run_id = %s"
        " order by measure_kind, measure_name",
        (model_run_id,),
    ).fetchall()
    return [
        Profile(kind, name, tuple(json.loads(limits)), tuple(json.loads(counts))) for kind, name, limits, counts in rows
    ]


def what_has_drifted(connection: psycopg.Connection[Any], model_run_id: str) -> str | None:
    """What has drifted at the newest day that a run scored, in words; None where nothing calls for a challenger."""
    with connection.cursor(row_factory=class_row(Drift)) as cursor:
        found = cursor.execute(
            "select measure_kind, measure_name, measure_value::float8, limit_value::float8, row_count"
            " from scores.model_drift where model_run_id = %(run)s and measure_kind = any(%(kinds)s) and as_of_date ="
            " (select max(as_of_date) from scores.model_drift where model_run_id = %(run)s) order by measure_kind",
            {"run": model_run_id, "kinds": list(CALLING)},
        ).fetchall()
    return in_words([one for one in found if one.is_beyond_limit]) or None


def in_words(found: Iterable[Drift]) -> str:
    """Measures of drift as a line to read; empty without any."""
    words = {
        AGE: "{:.0f} days since the newest month learnt from (limit {:.0f})",
        SCORE: "scores have shifted by {:.2f} (stability index, limit {:.2f})",
        SHARE: "{:.0%} of inputs have shifted (limit {:.0%})",
        FEATURE: "{name} has shifted by {:.2f} (stability index, limit {:.2f})",
    }
    return "; ".join(
        words[one.measure_kind].format(one.measure_value, one.limit_value, name=one.measure_name) for one in found
    )


def reference_rows(as_of_date: pd.Series, own: npt.NDArray[np.bool_], params: DriftParams) -> npt.NDArray[np.intp]:
    """Positions of the rows that inputs are compared with: those that are `own` (n,), of the newest feature dates."""
    newest = sorted(as_of_date.unique())[-params.reference_months :]
    return _sampled(np.flatnonzero(own & as_of_date.isin(newest).to_numpy()), params)


def _sampled(rows: npt.NDArray[np.intp], params: DriftParams) -> npt.NDArray[np.intp]:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), params.sample_row_count)).astype(int)]


def _quantiles(values: FloatArray) -> FloatArray:
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, _SHARES, method="lower")) if len(known) else np.empty(0)


def _profile(kind: str, name: str, limits: FloatArray, values: FloatArray) -> Profile:
    return Profile(kind, name, tuple(limits.tolist()), tuple(_counts(limits, values).tolist()))


def _counts(limits: npt.ArrayLike, values: FloatArray) -> npt.NDArray[np.intp]:
    """Rows per bin: up to the first limit, above it up to the second, ..., above the last, and without a value."""
    edges, known = np.asarray(limits, dtype=float), values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(counts, len(values) - len(known))


def _stability(profile: Profile, values: FloatArray, params: DriftParams, measure_count: int) -> Drift:
    reference, now = np.asarray(profile.row_counts, dtype=float), _counts(profile.limits, values).astype(float)
    used = (reference + now) > 0
    # Half a row in every bin: an empty one would make the index infinite.
    q = (reference[used] + 0.5) / (reference.sum() + 0.5 * used.sum())
    p = (now[used] + 0.5) / (now.sum() + 0.5 * used.sum())
    index = float(np.sum((p - q) * np.log(p / q)))
    # So many measures are looked at each day that each alone must be surer.
    chance = chi2.ppf(1.0 - params.significance / measure_count, max(int(used.sum()) - 1, 1))
    limit = max(params.stability_limit, float(chance) * (1.0 / len(values) + 1.0 / max(reference.sum(), 1.0)))
    return Drift(profile.measure_kind, profile.measure_name, index, limit, len(values))
