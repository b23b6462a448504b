"""Delivered files as pandas frames, and the state of lines as of an instant: what an analyst would build first."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from tests.oracle.deliveries import MANIFEST


def frame(folder: Path, entity: str, columns: list[str] | None = None) -> pd.DataFrame:
    """All rows of an entity, oldest file first; every value is text unless its format says otherwise."""
    parts = []
    for path in sorted((folder / entity).iterdir(), key=lambda path: path.name.split(".")[0].rsplit("_", 1)[1]):
        if path.name.endswith(MANIFEST):
            continue
        if path.suffix == ".parquet":
            parts.append(pq.read_table(path, columns=columns).to_pandas())
            continue
        content = path.read_bytes()
        text = io.BytesIO(gzip.decompress(content) if path.suffix == ".gz" else content)
        if ".jsonl" in path.name:
            parts.append(pd.read_json(text, lines=True, dtype=False))
        else:
            part = pd.read_csv(text, dtype=str, keep_default_na=False)
            parts.append(part.where(part != "", None))
    whole = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return whole[columns] if columns else whole


def local_days(texts: pd.Series) -> pd.Series:
    """Day number (since 1970-01-01) of dates and of instants with the operator's offset; none stays none."""
    days = pd.to_datetime(texts.str[:10], format="%Y-%m-%d")
    return (days - pd.Timestamp("1970-01-01")).dt.days


def as_of(history: pd.DataFrame, key: str, instant: str) -> pd.DataFrame:
    """The last row of each key with `effective_at` before the instant, from rows in order of time.

    Files come in that order, and texts of one offset sort by time.
    """
    past = history[history["effective_at"] < instant]
    return past.drop_duplicates(key, keep="last").set_index(key)


def month_starts(count: int) -> list[str]:
    """The first instants of the first `count` months of the simulated operator."""
    return [f"{month}-01T00:00:00+08:00" for month in pd.period_range("2025-08", periods=count, freq="M")]


class Estimate(NamedTuple):
    """A coefficient and its standard error."""

    coefficient: float
    error: float


def fit_logit(features: pd.DataFrame, outcome: pd.Series) -> dict[str, Estimate]:
    """Logit with an intercept, as good as unpenalised: the estimate of each feature's coefficient."""
    values = features.to_numpy(dtype=float)
    model = LogisticRegression(C=1e6, solver="newton-cholesky", max_iter=200).fit(values, outcome)
    chance = model.predict_proba(values)[:, 1]
    design = np.column_stack([np.ones(len(values)), values])
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))[1:]
    return {
        str(name): Estimate(float(coefficient), float(error))
        for name, coefficient, error in zip(features.columns, model.coef_[0], errors, strict=True)
    }
