"""Delivered files as pandas frames, and the state of lines as of an instant: what an analyst would build first."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

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
            parts.append(pd.read_json(text, lines=True, dtype=False, convert_dates=False))
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
    """The last row of each key with `effective_at` before the instant (texts of one offset sort by time)."""
    past = history[history["effective_at"] < instant]
    return past.sort_values("effective_at", kind="stable").drop_duplicates(key, keep="last").set_index(key)


def fit_logit(features: pd.DataFrame, outcome: pd.Series) -> pd.DataFrame:
    """Maximum likelihood logit with an intercept (Newton's method): coefficient and standard error by feature."""
    design = np.column_stack([np.ones(len(features)), features.to_numpy(dtype=float)])
    seen, weights = outcome.to_numpy(dtype=float), np.zeros(features.shape[1] + 1)
    weights[0] = np.log(seen.mean() / (1 - seen.mean()))
    for _ in range(30):
        chance = 1 / (1 + np.exp(-design @ weights))
        information = design.T @ (design * (chance * (1 - chance))[:, None])
        step = np.linalg.solve(information, design.T @ (seen - chance))
        weights += step
        if np.abs(step).max() < 1e-8:
            break
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    names = ["intercept", *features.columns]
    return pd.DataFrame({"coefficient": weights, "error": error}, index=names)
