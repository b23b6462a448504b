"""The churn estimator as a scikit-learn object: how well it ranks, that it repeats, and what it does with odd input."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ml.churn import ChurnClassifier, churn_classifier, sample_stayers
from ml.evaluate import calibration_error, top_decile_lift
from ml.params import load_params
from tests.ml.public_data import churn_set

SMALL: dict[str, Any] = {"boosting": {"max_iter": 30}, "forest": {"n_estimators": 10}, "blend_folds": 2}


@pytest.fixture(scope="module")
def small_model() -> ChurnClassifier:
    frame, left = churn_set("wa_churn")
    return ChurnClassifier(**SMALL).fit(frame.iloc[:2000], left[:2000])


def test_five_fold_auc__on_five_thousand_lines_is_as_good_as_tuned_boosting() -> None:
    frame, left = churn_set("mlc_churn")
    model = churn_classifier(load_params())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probability = cross_val_predict(model, frame, left, cv=folds, method="predict_proba")[:, 1]
    aucs = [roc_auc_score(left[test], probability[test]) for _, test in folds.split(frame, left)]
    # 2026-11-22: from 0.922 to 0.920, because the model has fewer trees since, so that training fits into the demo.
    assert 0.920 <= float(np.mean(aucs)) <= 0.95
    assert calibration_error(left, probability) < 0.035
    assert top_decile_lift(left, probability) > 5


def test_fit__repeats_to_the_last_bit() -> None:
    frame, left = churn_set("wa_churn")
    # Two threads and so many trees that they would hardly ever end in the same order twice.
    model = ChurnClassifier(**{**SMALL, "forest": {"n_estimators": 60}}, threads=2)
    first = clone(model).fit(frame.iloc[:1500], left[:1500]).predict_proba(frame.iloc[1500:])
    again = clone(model).fit(frame.iloc[:1500], left[:1500]).predict_proba(frame.iloc[1500:])
    assert first.tobytes() == again.tobytes()


def test_prediction__of_a_row_does_not_depend_on_the_rows_beside_it(small_model: ChurnClassifier) -> None:
    frame, _ = churn_set("wa_churn")
    together = small_model.predict_proba(frame.iloc[2000:2050])
    alone = np.vstack([small_model.predict_proba(frame.iloc[[position]]) for position in range(2000, 2050)])
    assert np.abs(together - alone).max() < 1e-12


def test_missing_infinite_and_unseen_values__give_a_finite_probability(small_model: ChurnClassifier) -> None:
    frame, _ = churn_set("wa_churn")
    odd = frame.iloc[2000:2006].copy()
    odd["monthly_charges"] = [np.nan, np.inf, -np.inf, 1e300, -1.0, 0.0]
    odd["contract"] = ["Ten years", None, "", "One year", np.nan, "未知"]
    odd["total_charges"] = np.nan
    odd["payment_method"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probability = small_model.predict_proba(odd)
    assert np.isfinite(probability).all()
    assert ((probability >= 0) & (probability <= 1)).all()
    assert np.allclose(probability.sum(axis=1), 1.0)
    encoder = small_model.encoder_
    assert encoder.unseen_counts(encoder.transform(odd)) == {"contract": 3}


def test_columns__are_taken_by_name_and_extra_ones_ignored(small_model: ChurnClassifier) -> None:
    frame, _ = churn_set("wa_churn")
    rows = frame.iloc[2000:2100]
    shuffled = rows[list(reversed(rows.columns))].assign(something_new=1)
    assert np.array_equal(small_model.predict_proba(rows), small_model.predict_proba(shuffled))
    with pytest.raises(ValueError, match="'contract', which the model was trained on, is missing"):
        small_model.predict_proba(rows.drop(columns="contract"))
    with pytest.raises(ValueError, match="'tenure' was numeric"):
        small_model.predict_proba(rows.assign(tenure="long"))


def test_numbers_as_decimals_and_booleans__are_numbers() -> None:
    frame, left = churn_set("wa_churn")
    plain = frame.iloc[:800][["monthly_charges", "tenure", "partner"]]
    typed = pd.DataFrame(
        {
            "monthly_charges": [Decimal(str(value)) for value in plain["monthly_charges"]],
            "tenure": plain["tenure"].astype("Int64"),
            "partner": plain["partner"].astype(bool),
        }
    )
    first = ChurnClassifier(**SMALL).fit(plain, left[:800])
    second = ChurnClassifier(**SMALL).fit(typed, left[:800])
    assert second.encoder_.categorical_ == []
    assert np.array_equal(first.predict_proba(plain), second.predict_proba(typed))


def test_array_input__works_like_a_frame() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(400, 3))
    left = (values[:, 0] + random.normal(size=400) > 0.8).astype(int)
    model = ChurnClassifier(**SMALL).fit(values, left)
    assert model.n_features_in_ == 3
    # The first column is all there is to know.
    assert roc_auc_score(left, model.predict_proba(values)[:, 1]) > roc_auc_score(left, values[:, 0])
    assert set(model.predict(values)) <= {0, 1}


@pytest.mark.parametrize("label", [0, 1])
def test_one_class__is_refused(label: int) -> None:
    with pytest.raises(ValueError, match="leavers and stayers, got 1 class"):
        ChurnClassifier(**SMALL).fit(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), [label] * 3)


def test_all_null_and_constant_columns__do_no_harm() -> None:
    frame, left = churn_set("wa_churn")
    rows = frame.iloc[:800].assign(nothing=np.nan, empty=None, same=1, word="x")
    probability = ChurnClassifier(**SMALL).fit(rows, left[:800]).predict_proba(rows)[:, 1]
    assert np.isfinite(probability).all()
    assert roc_auc_score(left[:800], probability) > 0.8


def test_sampling_stayers__keeps_all_leavers_and_their_share() -> None:
    left = np.zeros(10_000, dtype=int)
    left[::50] = 1
    kept, weight = sample_stayers(left, 1_000, seed=3)
    assert len(kept) == 1_000
    assert left[kept].sum() == left.sum()
    assert np.isclose(np.average(left[kept], weights=weight), left.mean())
    again, _ = sample_stayers(left, 1_000, seed=3)
    assert np.array_equal(kept, again)


def test_sampled_training__stays_calibrated() -> None:
    random = np.random.default_rng(5)
    values = random.normal(size=(20_000, 2))
    left = (random.random(20_000) < 1 / (1 + np.exp(3.5 - values[:, 0]))).astype(int)
    kept, weight = sample_stayers(left, 4_000, seed=0)
    model = ChurnClassifier(**SMALL).fit(values[kept], left[kept], sample_weight=weight)
    assert abs(model.predict_proba(values)[:, 1].mean() - left.mean()) < 0.005
