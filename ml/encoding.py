"""Any feature frame to one numeric matrix: numbers with NaN where missing, categories as codes."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

FloatArray = npt.NDArray[np.float64]

# More levels than this would exceed the 255 bins of histogram boosting; the rarest become "other".
MAXIMUM_LEVELS = 120
LARGEST = 1e30


def as_frame(values: Any, names: Sequence[str] | None = None) -> pd.DataFrame:
    """A frame of `values` (frame, or 2-d array with columns named x0, x1, ... unless `names` are given)."""
    if isinstance(values, pd.DataFrame):
        return values
    array = np.asarray(values, dtype=object)
    if array.ndim != 2:
        raise ValueError(f"expected a frame or a two-dimensional array, got {array.ndim} dimension(s)")
    if names is None or len(names) != array.shape[1]:
        names = [f"x{position}" for position in range(array.shape[1])]
    return pd.DataFrame(array, columns=pd.Index(names)).infer_objects()


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers (booleans and decimals included); an all-missing object column counts as such."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return True
    if column.dtype != object:
        return False
    return all(issubclass(kind, (numbers.Number, Decimal, np.bool_)) for kind in set(map(type, column.dropna())))


def to_float(column: pd.Series) -> FloatArray:
    """Numbers as float64, missing and infinite values as NaN, absurdly large ones cut."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        values = column
    else:
        values = pd.to_numeric(column.astype(object).where(column.notna(), None), errors="raise")
    result: FloatArray = np.array(values.to_numpy(dtype="float64", na_value=np.nan))
    result[~np.isfinite(result)] = np.nan
    # Trees hold 32-bit numbers.
    return np.clip(result, -LARGEST, LARGEST)


class FrameEncoder(TransformerMixin, BaseEstimator):
    """Learn the columns of a frame and turn frames like it into a float matrix, numeric columns first.

    A category becomes its position among the learned levels; a level that is rare or was never seen becomes
    `len(levels)` ("other") and a missing one `len(levels) + 1`. Columns that were not learned are ignored.

    Attributes after fit: `numeric_`, `categorical_` (column names), `levels_` (levels per categorical column, sorted),
    `level_counts_` (number of codes per categorical column), `reference_` (a typical row, shape (columns,)).
    """

    def __init__(self, rare_level_count: int = 20) -> None:
        self.rare_level_count = rare_level_count

    def fit(self, X: Any, y: Any = None, reference_rows: npt.NDArray[np.bool_] | None = None) -> FrameEncoder:
        """Learn columns and levels; `reference_rows` (n,) selects the rows whose medians make the typical row."""
        frame = as_frame(X)
        if frame.shape[0] == 0 or frame.shape[1] == 0:
            raise ValueError(f"cannot learn from {frame.shape[0]} rows and {frame.shape[1]} columns")
        duplicated = frame.columns[frame.columns.duplicated()]
        if len(duplicated):
            raise ValueError(f"column {duplicated[0]!r} is there twice")
        self.feature_names_in_ = np.asarray([str(name) for name in frame.columns], dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.numeric_ = [str(name) for name in frame.columns if is_numeric(frame[name])]
        self.categorical_ = [str(name) for name in frame.columns if str(name) not in set(self.numeric_)]
        self.levels_ = {name: self._levels(frame[name]) for name in self.categorical_}
        self.level_counts_ = [len(self.levels_[name]) + 2 for name in self.categorical_]
        encoded = self.transform(frame)
        chosen = encoded if reference_rows is None or not reference_rows.any() else encoded[reference_rows]
        self.reference_ = np.array([_typical(chosen[:, i], i < len(self.numeric_)) for i in range(encoded.shape[1])])
        return self

    def _levels(self, column: pd.Series) -> list[str]:
        counts = column.dropna().astype(str).value_counts()
        kept = counts[counts >= min(self.rare_level_count, max(2, len(column) // 20))]
        # Sorted by count and then name, so that the cut does not depend on the order of rows.
        ranked = sorted(kept.index, key=lambda level: (-int(kept[level]), level))[:MAXIMUM_LEVELS]
        return sorted(ranked)

    def transform(self, X: Any) -> FloatArray:
        """Matrix (n, numeric + categorical). Raises ValueError naming a column that is missing or no longer numeric."""
        check_is_fitted(self, "levels_")
        frame = as_frame(X, list(self.feature_names_in_))
        columns = [self._numbers(frame, name) for name in self.numeric_]
        columns += [self._codes(frame, name) for name in self.categorical_]
        return np.column_stack(columns)

    def _numbers(self, frame: pd.DataFrame, name: str) -> FloatArray:
        column = _column(frame, name)
        try:
            return to_float(column)
        except (TypeError, ValueError):
            raise ValueError(f"column {name!r} was numeric when the model was trained and is not now") from None

    def _codes(self, frame: pd.DataFrame, name: str) -> FloatArray:
        column = _column(frame, name)
        levels = self.levels_[name]
        positions = {level: position for position, level in enumerate(levels)}
        other, missing = len(levels), len(levels) + 1
        # Each value is looked up once, however many rows have it; a missing one has the place -1, the last.
        places, values = pd.factorize(_texts(column))
        return np.array([*(positions.get(value, other) for value in values), missing], dtype=float)[places]

    def unseen_counts(self, encoded: FloatArray) -> dict[str, int]:
        """Values per categorical column of a matrix that `transform` made which fall under "other".

        They were never seen, or rare, when the model was trained.
        """
        columns = zip(self.categorical_, encoded.T[len(self.numeric_) :], strict=True)
        found = {name: int((codes == len(self.levels_[name])).sum()) for name, codes in columns}
        return {name: count for name, count in found.items() if count}


def _texts(column: pd.Series) -> Any:
    """The values as `str` gives them, missing where they are."""
    if isinstance(column.dtype, pd.StringDtype):
        return column
    return column.astype(object).map(str, na_action="ignore")


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if name not in frame.columns:
        raise ValueError(f"column {name!r}, which the model was trained on, is missing")
    return frame[name]


def _typical(values: FloatArray, is_number: bool) -> float:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    if is_number:
        return float(np.median(known))
    codes, counts = np.unique(known, return_counts=True)
    return float(codes[np.argmax(counts)])
