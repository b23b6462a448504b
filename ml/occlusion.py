"""By how much the log odds of rows change when some of their features are set to typical values (occlusion)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from ml.churn import EDGE, NATIVE_THREADS, ChurnClassifier
from ml.encoding import FloatArray

IntArray = npt.NDArray[np.intp]
_COLUMN = re.compile(r"\bx(\d+)_|_x(\d+)_")
# Probabilities of a blend are cut here, those of its members at EDGE.
_LIMIT = float(logit(1.0 - EDGE / 10))


def log_odds_lost(
    model: ChurnClassifier, encoded: FloatArray, groups: Sequence[Sequence[int]], row: IntArray, group: IntArray
) -> FloatArray:
    """Log odds of rows less those with a group of columns at `reference_`, shape (m,).

    `encoded` is (n, columns) of `encoder_`; `groups` are column numbers; `row` (m,) and `group` (m,) say which row of
    `encoded` is looked at without which group.
    """
    if not len(row):
        return np.zeros(0)
    typical = np.asarray(model.encoder_.reference_)
    changed = encoded[row]
    for number, columns in enumerate(groups):
        changed[np.ix_(group == number, columns)] = typical[columns]
    before, after = np.zeros(len(encoded)), np.zeros(len(row))
    with threadpool_limits(limits=NATIVE_THREADS):
        for weight, member in zip(model.blend_, model.members_, strict=False):
            if _adds_up(member):
                shares, intercept = _shares(member, np.vstack([encoded, typical]))
                lost = shares[:-1] - shares[-1]
                whole = shares[:-1].sum(axis=1) + intercept
                by_group = np.column_stack([lost[:, columns].sum(axis=1) for columns in groups])
                parts = whole, whole[row] - by_group[row, group]
            else:
                parts = _log_odds(member, encoded), _log_odds(member, changed)
            before += weight * _cut(parts[0], float(logit(1.0 - EDGE)))
            after += weight * _cut(parts[1], float(logit(1.0 - EDGE)))
    intercept = model.blend_[-1]
    return np.asarray(_cut(before + intercept, _LIMIT)[row] - _cut(after + intercept, _LIMIT))


def _adds_up(member: Any) -> bool:
    """Whether the log odds of a member are a sum over columns, each transformed by itself."""
    return isinstance(member, Pipeline) and isinstance(member.steps[-1][1], LogisticRegression)


def _shares(member: Pipeline, encoded: FloatArray) -> tuple[FloatArray, float]:
    """What each column of `encoded` (n, columns) adds to the log odds, shape (n, columns); and the intercept."""
    transformed = member[:-1].transform(encoded)
    names = member[:-1].get_feature_names_out()
    owner = np.array([int(next(filter(None, found.groups()))) for found in map(_COLUMN.search, names) if found])
    logistic = member.steps[-1][1]
    # The features of a column stand apart (curves, and whether it is missing), so they are brought together first.
    order = np.argsort(owner, kind="stable")
    owners, starts = np.unique(owner[order], return_index=True)
    shares = np.zeros(encoded.shape)
    shares[:, owners] = np.add.reduceat((transformed * logistic.coef_[0])[:, order], starts, axis=1)
    return shares, float(logistic.intercept_[0])


def _log_odds(member: Any, encoded: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(member.predict_proba(encoded)[:, 1], EDGE, 1.0 - EDGE)))


def _cut(log_odds: FloatArray, limit: float) -> FloatArray:
    return np.clip(log_odds, -limit, limit)
