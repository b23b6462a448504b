"""The leakage guard: refuses columns that are known only after the outcome.

Three independent tests, in the order in which they can be explained to the owner of the column: its name says so; it
is a time that lies after as_of_date; or it alone tells leavers from stayers better than any honest column can.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from ml.churn import sample_stayers
from ml.encoding import FloatArray, FrameEncoder, is_numeric
from ml.errors import LeakageError
from ml.params import LeakageParams, Params

FOLDS = 3
# A category of more levels than the encoder keeps (an identifier, say) is judged by the levels it keeps.
LEVEL_MINIMUM = 2


def guard_features(
    frame: pd.DataFrame, left: npt.ArrayLike, params: Params, as_of_date: pd.Series | None = None
) -> None:
    """Raise LeakageError for the first column of `frame` (n, features) that cannot have been known at as_of_date.

    `left` (n,) is 1 for leavers. `as_of_date` (n,) gives each row's date; without it times are not compared.
    """
    limits = params.leakage
    columns = [str(name) for name in frame.columns if str(name) not in limits.allowed]
    check_names(columns, limits)
    for name in columns:
        if as_of_date is not None and name not in limits.known_in_advance:
            _check_times(frame[name], as_of_date, name)
    _check_strength(frame[columns], np.asarray(left, dtype=int), params)


def check_names(names: Iterable[str], limits: LeakageParams) -> None:
    """Raise LeakageError for the first name that speaks of the outcome."""
    for name in names:
        for pattern in limits.outcome_names:
            if re.fullmatch(pattern, name, flags=re.IGNORECASE):
                raise LeakageError(name, f"its name says that it is known only after the outcome (pattern {pattern})")


def _check_times(column: pd.Series, as_of_date: pd.Series, name: str) -> None:
    times = _as_times(column)
    if times is None:
        return
    # A time of the as-of day itself is known by the end of that day.
    limit = pd.to_datetime(as_of_date).dt.tz_localize(None) + pd.Timedelta(days=1)
    late = (times >= limit.to_numpy()) & times.notna().to_numpy()
    if late.any():
        at = int(np.flatnonzero(late)[0])
        raise LeakageError(
            name,
            f"{int(late.sum())} of its times lie after as_of_date, the first is {times.iloc[at].date()}"
            f" for {pd.Timestamp(as_of_date.iloc[at]).date()}",
        )


def _as_times(column: pd.Series) -> pd.Series | None:
    if pd.api.types.is_datetime64_any_dtype(column):
        times = column
    elif column.dtype == object or isinstance(column.dtype, pd.StringDtype):
        known = column.dropna()
        if known.empty or is_numeric(known) or not _looks_like_date(known.iloc[0]):
            return None
        times = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    else:
        return None
    return times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times


def _looks_like_date(value: Any) -> bool:
    return hasattr(value, "isoformat") or bool(re.match(r"\d{4}-\d{2}-\d{2}", str(value)))


def _check_strength(frame: pd.DataFrame, left: npt.NDArray[np.int_], params: Params) -> None:
    if frame.shape[1] == 0 or np.bincount(left, minlength=2).min() < FOLDS:
        return
    kept, weight = sample_stayers(left, params.leakage.sample_row_count, params.seed)
    sample, target = frame.iloc[kept], left[kept]
    encoder = FrameEncoder(rare_level_count=LEVEL_MINIMUM).fit(_times_as_days(sample))
    encoded = encoder.transform(_times_as_days(sample))
    names = [*encoder.numeric_, *encoder.categorical_]
    for position, name in enumerate(names):
        predicted = _out_of_fold(encoded[:, [position]], target, weight, position >= len(encoder.numeric_), params.seed)
        _judge(name, predicted, target, weight, params.leakage)


def _times_as_days(frame: pd.DataFrame) -> pd.DataFrame:
    changed = {}
    for name in frame.columns:
        times = _as_times(frame[name])
        if times is not None:
            changed[name] = (times - pd.Timestamp("2000-01-01")).dt.total_seconds() / 86400.0
    return frame.assign(**changed) if changed else frame


def _out_of_fold(
    values: FloatArray, target: npt.NDArray[np.int_], weight: FloatArray, is_category: bool, seed: int
) -> FloatArray:
    """The share of leavers that other rows with a like value had, for each row, shape (n,)."""
    predicted = np.zeros(len(target))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, target):
        if is_category:
            predicted[test] = _level_shares(values[train, 0], target[train], weight[train], values[test, 0])
        else:
            tree = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=8, random_state=seed)
            tree.fit(values[train], target[train], sample_weight=weight[train])
            predicted[test] = tree.predict_proba(values[test])[:, 1]
    return predicted


def _level_shares(codes: FloatArray, target: npt.NDArray[np.int_], weight: FloatArray, asked: FloatArray) -> FloatArray:
    width = int(max(codes.max(initial=0), asked.max(initial=0))) + 1
    rows = np.bincount(codes.astype(int), weights=weight, minlength=width)
    leavers = np.bincount(codes.astype(int), weights=weight * target, minlength=width)
    base = float((weight * target).sum() / weight.sum())
    # One row's weight of the average keeps a level seen once from being certain of anything.
    return np.asarray((leavers + base) / (rows + 1.0))[asked.astype(int)]


def _judge(
    name: str, predicted: FloatArray, target: npt.NDArray[np.int_], weight: FloatArray, limits: LeakageParams
) -> None:
    auc = float(roc_auc_score(target, predicted, sample_weight=weight))
    if auc > limits.maximum_single_auc:
        raise LeakageError(name, f"alone it ranks leavers almost perfectly (out-of-fold AUC {auc:.3f})")
    certain = predicted >= limits.maximum_slice_precision
    leavers = certain & (target == 1)
    if int(leavers.sum()) < limits.minimum_slice_count:
        return
    precision = float(weight[leavers].sum() / weight[certain].sum())
    recall = float(weight[leavers].sum() / weight[target == 1].sum())
    base = float(weight[target == 1].sum() / weight.sum())
    if precision >= limits.maximum_slice_precision > base and recall >= limits.minimum_slice_recall:
        raise LeakageError(
            name, f"some of its values mean {precision:.0%} left, and {recall:.0%} of all leavers have them"
        )
