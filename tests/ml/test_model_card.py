"""Model cards say what the registry knows of a run, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from ml import pipeline
from ml.model_card import model_card
from ml.params import load_params
from ml.registry import CHURN_MODELS, ModelRun
from tenure.errors import TenureError
from tests.conftest import BuiltWarehouse

RUN = ModelRun(
    model_run_id="churn_prepaid_20260831_0123456789ab",
    model_name=CHURN_MODELS["prepaid"],
    as_of_date=dt.date(2026, 8, 31),
    train_from_date=dt.date(2025, 11, 30),
    train_to_date=dt.date(2026, 5, 31),
    test_from_date=dt.date(2026, 6, 30),
    test_to_date=dt.date(2026, 8, 31),
    train_row_count=12_345,
    test_row_count=3_144,
    positive_rate=0.0271,
    auc=0.7519,
    top_decile_lift=3.4321,
    calibration_error=0.0042,
    feature_count=2,
    feature_digest="f" * 64,
    parameters=json.dumps(
        {
            "evaluation": "out_of_time",
            "promotion": "the first model that is better than chance",
            "calibrated_decile_count": 9,
            "campaign_profit_amount": 1.2345,
            "plan_type": "prepaid",
            "learnt_from_plan_types": ["prepaid"],
            "label_columns": ["label_voluntary_churn", "label_inactive_churn"],
            "inputs": [["tenure_days", "numeric"], ["brand_name", "category"]],
            "data_digest": "d" * 64,
            "settings_digest": "5" * 64,
        }
    ),
    model_sha256="a" * 64,
    is_champion=True,
)


def test_card__has_every_figure_of_the_run() -> None:
    card = model_card(RUN, load_params())
    for figure in ("12345", "3144", "0.0271", "0.7519", "3.4321", "0.0042", "2025-11-30 to 2026-05-31", "2026-08-31"):
        assert figure in card
    for name in (
        "calibrated_decile_count | 9",
        "campaign_profit_amount | 1.2345",
        "`tenure_days`",
        "`brand_name`",
        RUN.model_run_id,
        "a" * 64,
        "d" * 64,
    ):
        assert name in card
    assert "Measured on feature dates after those it learnt from." in card
    assert "**In use.** The first model that is better than chance." in card
    label = f"voluntary churn or inactive churn: left within {load_params().labels.horizon_days} days"
    assert label in card
    assert "for a model of their own" not in card


def test_card__of_a_model_that_learnt_from_both_plans_says_so() -> None:
    details = RUN.details | {"learnt_from_plan_types": ["postpaid", "prepaid"]}
    card = model_card(replace(RUN, parameters=json.dumps(details)), load_params())
    assert "| plan types | postpaid, prepaid |" in card
    assert "Too few prepaid lines have left for a model of their own" in card


def test_card__of_a_run_that_was_not_measured_shows_no_measure() -> None:
    unmeasured = replace(RUN, auc=None, top_decile_lift=None, calibration_error=None, is_champion=False)
    card = model_card(unmeasured, load_params())
    assert "**Not in use.**" in card
    assert "None" not in card and "| auc |" not in card


def test_card__of_every_run_of_a_warehouse(built_warehouse: BuiltWarehouse) -> None:
    runs = pipeline.models(built_warehouse.settings)
    assert {run["model_name"] for run in runs} >= {*CHURN_MODELS.values(), "lifetime_value"}
    for run in runs:
        card = pipeline.card(built_warehouse.settings, run["model_run_id"])
        assert card.startswith(f"# {run['model_run_id']}\n")
        assert run["model_sha256"] in card
        assert "## Where not to trust it\n\n- " in card


def test_card__of_no_run_says_what_to_do(built_warehouse: BuiltWarehouse) -> None:
    with pytest.raises(TenureError, match="`tenure models` lists them"):
        pipeline.card(built_warehouse.settings, "churn_of_nobody")
