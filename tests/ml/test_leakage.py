"""The leakage guard: what it refuses, and that it leaves honest columns alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.errors import LeakageError
from ml.leakage import check_names, guard_features
from ml.params import load_params
from tenure.errors import TenureError
from tests.ml.public_data import churn_set

PARAMS = load_params()


@pytest.mark.parametrize("name", ["wa_churn", "mlc_churn"])
def test_honest_columns__pass(name: str) -> None:
    frame, left = churn_set(name)
    guard_features(frame, left, PARAMS)


@pytest.mark.parametrize(
    "name",
    [
        "churn",
        "is_churned",
        "churn_reason",
        "churned_at",
        "label_voluntary_churn",
        "termination_date",
        "cancellation_fee_amount",
        "deactivated_on",
        "days_until_churn",
        "final_invoice_amount",
        "next_month_revenue",
        "port_out_operator",
    ],
)
def test_names_of_the_outcome__are_refused(name: str) -> None:
    with pytest.raises(LeakageError) as caught:
        check_names(["tenure_days", name], PARAMS.leakage)
    assert caught.value.column == name
    assert "only after the outcome" in str(caught.value)
    assert isinstance(caught.value, TenureError)


@pytest.mark.parametrize(
    "name",
    [
        "tenure_days",
        "contract_days_left",
        "days_since_contract_end",
        "contract_term_months",
        "suspension_count_90",
        "reactivation_count_90",
        "is_returning_customer",
        "off_net_share_30",
        "region_churn_rate_3_months",
        "days_since_last_activity",
        "extra_offer_ids",
        "billed_to_date_amount",
    ],
)
def test_names_of_honest_features__pass(name: str) -> None:
    check_names([name], PARAMS.leakage)


def test_noisy_copy_of_the_label__is_refused_by_its_strength() -> None:
    frame, left = churn_set("wa_churn")
    noise = np.random.default_rng(0).normal(scale=0.2, size=len(left))
    with pytest.raises(LeakageError, match=r"'balance_code'.*alone it ranks leavers almost perfectly"):
        guard_features(frame.assign(balance_code=left + noise), left, PARAMS)


def test_category_given_only_to_some_who_left__is_refused() -> None:
    frame, left = churn_set("wa_churn")
    given = (left == 1) & (np.random.default_rng(0).random(len(left)) < 0.3)
    planted = frame.assign(survey_answer=np.where(given, "too expensive", "none"))
    with pytest.raises(LeakageError) as caught:
        guard_features(planted, left, PARAMS)
    assert caught.value.column == "survey_answer"


def test_missing_only_for_those_who_left__is_refused() -> None:
    frame, left = churn_set("mlc_churn")
    value = np.where(left == 1, np.nan, 5.0)
    with pytest.raises(LeakageError, match="'visit_score'"):
        guard_features(frame.assign(visit_score=value), left, PARAMS)


def test_identifier__is_not_mistaken_for_a_leak() -> None:
    frame, left = churn_set("wa_churn")
    guard_features(frame.assign(serial=[f"S{n:06d}" for n in range(len(left))]), left, PARAMS)


@pytest.mark.parametrize("kind", ["date", "timestamp", "text"])
def test_time_after_as_of_date__is_refused(kind: str) -> None:
    frame, left = churn_set("wa_churn")
    as_of_date = pd.Series(pd.Timestamp("2019-09-30"), index=frame.index)
    times = pd.Series(pd.Timestamp("2019-09-30 22:00"), index=frame.index)
    times.iloc[17] = pd.Timestamp("2019-10-03 08:00")
    columns: dict[str, pd.Series] = {
        "date": times.dt.date,
        "timestamp": times.dt.tz_localize("UTC"),
        "text": times.dt.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    with pytest.raises(LeakageError, match=r"'last_visit'.*1 of its times lie after as_of_date.*2019-10-03"):
        guard_features(frame.assign(last_visit=columns[kind]), left, PARAMS, as_of_date)


def test_time_up_to_as_of_date__passes() -> None:
    frame, left = churn_set("wa_churn")
    as_of_date = pd.Series(pd.Timestamp("2019-09-30"), index=frame.index)
    visits = pd.Series(pd.Timestamp("2019-09-30 23:59"), index=frame.index)
    guard_features(frame.assign(last_visit=visits), left, PARAMS, as_of_date)


def test_allowed_column__passes_by_decision() -> None:
    frame, left = churn_set("wa_churn")
    leakage = PARAMS.leakage.model_copy(update={"allowed": ("churn_score_of_bureau",)})
    guard_features(frame.assign(churn_score_of_bureau=left), left, PARAMS.model_copy(update={"leakage": leakage}))
