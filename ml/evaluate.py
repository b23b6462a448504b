"""How good a churn model is: on later months than it saw, never on the rows it learned from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binom
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from ml.churn import sample_stayers
from ml.params import Params
from ml.profit import CampaignProfit, expected_maximum_profit

IntArray = npt.NDArray[np.int_]
Flags = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class OutOfTimeSplit:
    """Row positions to learn from and to test on, and the as_of_dates they cover."""

    train: IntArray
    test: IntArray
    train_dates: tuple[dt.date, dt.date]
    test_dates: tuple[dt.date, dt.date]


@dataclass(frozen=True)
class Evaluation:
    """Measures of a model. `auc` and `top_decile_lift` are ratios, `calibration_error` is in probability (0-1).

    `method` says whether they are of later months (out_of_time) or, for lack of months, of cross-validation.
    `calibrated_decile_count` is how many of ten groups by probability have the leavers that it promises. `test_rows`
    are the positions of the rows tested, in order, and `test_probability` what was predicted of them.
    """

    method: str
    auc: float
    top_decile_lift: float
    calibration_error: float
    calibrated_decile_count: int
    profit: CampaignProfit
    positive_rate: float
    train_row_count: int
    test_row_count: int
    train_dates: tuple[dt.date, dt.date]
    test_dates: tuple[dt.date, dt.date]
    blend: tuple[float, ...]
    test_rows: IntArray
    test_probability: FloatArray


@dataclass(frozen=True)
class Decile:
    """A tenth of the rows tested: how many left, and how many would by the sum of the probabilities.

    `decile` 1 is the tenth with the highest probabilities.
    """

    decile: int
    row_count: int
    leaver_count: int
    expected_leaver_count: float


def top_decile_lift(left: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Share of leavers among the tenth of rows with the highest probability, over the share among all.

    Ties at the edge of the decile count in proportion, so that the order of rows does not matter.
    """
    target, score = np.asarray(left, dtype=float), np.asarray(probability, dtype=float)
    if not len(target) or target.sum() == 0:
        return float("nan")
    size = max(1.0, len(target) / 10.0)
    edge = np.sort(score)[::-1][int(np.ceil(size)) - 1]
    above, tied = score > edge, score == edge
    found = target[above].sum() + target[tied].mean() * (size - above.sum())
    return float(found / size / target.mean())


def calibration_error(left: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean absolute gap between predicted and observed share over ten bins of equal size, weighted by rows."""
    parts = deciles(left, probability)
    rows = sum(part.row_count for part in parts)
    gaps = sum(abs(part.expected_leaver_count - part.leaver_count) for part in parts)
    return float(gaps / rows) if rows else float("nan")


def calibrated_decile_count(left: npt.ArrayLike, probability: npt.ArrayLike) -> int:
    """Of ten groups by probability, those whose leavers lie in the 99 % interval of the leavers expected.

    The number of leavers of a group of n with mean probability p is compared to the binomial of n and p.
    """
    parts = deciles(left, probability)
    bounds = [binom.interval(0.99, part.row_count, part.expected_leaver_count / part.row_count) for part in parts]
    return sum(bool(low <= part.leaver_count <= high) for part, (low, high) in zip(parts, bounds, strict=True))


def deciles(left: npt.ArrayLike, probability: npt.ArrayLike) -> list[Decile]:
    """Ten groups of equal size by probability, the highest first; fewer when there are fewer rows.

    Rows of the same probability are parted in the order in which they stand.
    """
    target, score = np.asarray(left, dtype=int), np.asarray(probability, dtype=float)
    parts = [part for part in np.array_split(np.argsort(score, kind="stable"), CALIBRATION_BINS) if len(part)]
    return [
        Decile(decile, len(part), int(target[part].sum()), float(score[part].sum()))
        for decile, part in enumerate(reversed(parts), 1)
    ]


def out_of_time_split(
    as_of_date: pd.Series, left: npt.ArrayLike, params: Params, judged: Flags | None = None
) -> OutOfTimeSplit | None:
    """Hold out the newest months; None when there are too few months or leavers for it.

    Only rows that are `judged` (n,) are tested on; the others may be learnt from.

    Between the two parts lies an embargo: a month whose label window reaches past the first test date is in neither,
    because at that date its outcomes were not known yet.
    """
    target = np.asarray(left, dtype=int)
    judged = np.ones(len(target), dtype=bool) if judged is None else judged
    dates = pd.to_datetime(as_of_date).dt.date.to_numpy()
    known = sorted(set(dates))
    for held_out in range(1, max(1, len(known) // 3) + 1):
        test_from = known[-held_out]
        train_dates = [d for d in known if label_end(d, params) <= test_from]
        if not train_dates:
            return None
        test = np.flatnonzero((dates >= test_from) & judged)
        enough = target[test].sum() >= params.training.test_positive_count
        if enough or held_out == max(1, len(known) // 3):
            train = np.flatnonzero(dates <= train_dates[-1])
            positives = min(int(target[train].sum()), int((1 - target[train]).sum()))
            if positives < params.training.minimum_positive_count // 2 or not 0 < target[test].sum() < len(test):
                return None
            return OutOfTimeSplit(train, test, (train_dates[0], train_dates[-1]), (test_from, known[-1]))
    return None


def label_end(as_of_date: dt.date, params: Params) -> dt.date:
    """The first day on which the label of an as_of_date is known."""
    # The horizon is a calendar month: it may be one day longer than the 30 days that are printed.
    return as_of_date + dt.timedelta(days=params.labels.gap_days + params.labels.horizon_days + 1)


def evaluate_churn(
    frame: pd.DataFrame,
    left: npt.ArrayLike,
    as_of_date: pd.Series,
    params: Params,
    make_model: Callable[[], Any],
    judged: Flags | None = None,
) -> Evaluation:
    """Fit what `make_model` returns on the earlier months and measure it on the later ones.

    With too few months for that, on cross-validation folds. `frame` is (n, features), `left` (n,) of 0 and 1, in an
    order that does not depend on how rows were read. Measured are the rows that are `judged` (n,), all by default. The
    blend learned here is given back for the final fit.
    """
    target = np.asarray(left, dtype=int)
    judged = np.ones(len(target), dtype=bool) if judged is None else judged
    split = out_of_time_split(as_of_date, target, params, judged)
    if split is None:
        return _cross_validate(frame, target, as_of_date, params, make_model, judged)
    kept, weight = sample_stayers(target[split.train], params.training.maximum_row_count, params.seed)
    rows = split.train[kept]
    model = make_model().fit(frame.iloc[rows], target[rows], sample_weight=weight)
    probability = model.predict_proba(frame.iloc[split.test])[:, 1]
    return _evaluation(
        "out_of_time",
        split.test,
        probability,
        target,
        float(target[judged].mean()),
        (len(split.train), len(split.test)),
        (split.train_dates, split.test_dates),
        tuple(float(value) for value in model.blend_),
        params,
    )


def _cross_validate(
    frame: pd.DataFrame,
    target: IntArray,
    as_of_date: pd.Series,
    params: Params,
    make_model: Callable[[], Any],
    judged: Flags,
) -> Evaluation:
    folds = min(params.training.cross_validation_folds, int(np.bincount(target, minlength=2).min()))
    probability = np.zeros(len(target))
    blends = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=params.seed).split(frame, target):
        kept, weight = sample_stayers(target[train], params.training.maximum_row_count, params.seed)
        model = make_model().fit(frame.iloc[train[kept]], target[train[kept]], sample_weight=weight)
        probability[test] = model.predict_proba(frame.iloc[test])[:, 1]
        blends.append(model.blend_)
    dates = pd.to_datetime(as_of_date).dt.date
    covered = (dates.min(), dates.max())
    blend = tuple(float(value) for value in np.mean(blends, axis=0))
    tested = np.flatnonzero(judged)
    counts, rate = (len(target), len(tested)), float(target[tested].mean())
    dates_covered = (covered, covered)
    return _evaluation(
        "cross_validation", tested, probability[tested], target, rate, counts, dates_covered, blend, params
    )


def _evaluation(
    method: str,
    tested: IntArray,
    probability: FloatArray,
    target: IntArray,
    positive_rate: float,
    row_counts: tuple[int, int],
    dates: tuple[tuple[dt.date, dt.date], tuple[dt.date, dt.date]],
    blend: tuple[float, ...],
    params: Params,
) -> Evaluation:
    left = target[tested]
    return Evaluation(
        method=method,
        auc=float(roc_auc_score(left, probability)),
        top_decile_lift=top_decile_lift(left, probability),
        calibration_error=calibration_error(left, probability),
        calibrated_decile_count=calibrated_decile_count(left, probability),
        profit=expected_maximum_profit(left, probability, params.profit),
        positive_rate=positive_rate,
        train_row_count=row_counts[0],
        test_row_count=row_counts[1],
        train_dates=dates[0],
        test_dates=dates[1],
        blend=blend,
        test_rows=tested,
        test_probability=probability,
    )
