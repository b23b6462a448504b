"""Training of the models of worth: what a contact changes, and what a line will bring."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import psycopg

from ml.errors import TrainingRefused
from ml.features import FeatureColumn, feature_digest
from ml.lifetime_value import INPUTS, fit_lifetime, month_of, read_panel
from ml.model_file import save_model
from ml.offers import fit_offers, read_trials
from ml.params import Params
from ml.registry import (
    LIFETIME_MODEL,
    OFFER_MODEL,
    ModelRun,
    data_digest,
    make_run_id,
    model_path,
    record_run,
    settings_digest,
)
from ml.training import known_run, result_of
from tenure.settings import Settings

Connection = psycopg.Connection[Any]


def train_offers(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Learn the effects of the finished campaigns, unless a run of this month exists already.

    Raises TrainingRefused when no campaign with a control group has ended.
    """
    as_of_date = _last_month_end(connection)
    digest = feature_digest([FeatureColumn(name, "numeric") for name in params.uplift.inputs])
    kept = known_run(connection, settings, OFFER_MODEL, as_of_date, digest, params)
    if kept is not None:
        return result_of("kept", kept)
    trials = read_trials(connection, params)
    if trials.empty:
        raise TrainingRefused("no campaign with a control group has ended yet, so no effect of a contact is known")
    model, found = fit_offers(trials, params)
    if not found:
        raise TrainingRefused("no campaign that has ended has a control group, so no effect of a contact is known")
    run = _run(
        settings,
        params,
        OFFER_MODEL,
        model,
        trials,
        digest,
        as_of_date,
        {"campaigns": found},
        len(params.uplift.inputs),
    )
    record_run(connection, run)
    connection.commit()
    return result_of("trained", run)


def train_lifetime(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Learn survival and margins, unless a run of this month exists already.

    Raises TrainingRefused when there are too few months for a back-test.
    """
    as_of_date = _last_month_end(connection)
    digest = feature_digest([FeatureColumn(name, "numeric") for name in INPUTS])
    kept = known_run(connection, settings, LIFETIME_MODEL, as_of_date, digest, params)
    if kept is not None:
        return result_of("kept", kept)
    panel, currency = read_panel(connection, params)
    try:
        model, found = fit_lifetime(panel, params)
    except ValueError as error:
        raise TrainingRefused(f"lifetime values cannot be learnt: {error}") from None
    details = {"back_test": found, "currency_code": currency, "last_billed_month": str(month_of(panel.last_month))}
    run = _run(settings, params, LIFETIME_MODEL, model, panel.rows, digest, as_of_date, details, len(INPUTS))
    record_run(connection, run)
    connection.commit()
    return result_of("trained", run)


def _last_month_end(connection: Connection) -> dt.date:
    row = connection.execute("select max(month) from build.subscription_monthly where not is_open_month").fetchone()
    if row is None or row[0] is None:
        raise TrainingRefused("no month is complete yet, so there is nothing to learn from")
    return (pd.Timestamp(row[0]) + pd.offsets.MonthEnd(0)).date()


def _run(
    settings: Settings, params: Params, name: str, model: Any, rows: pd.DataFrame, digest: str, as_of_date: dt.date,
    found: dict[str, Any], feature_count: int,
) -> ModelRun:  # fmt: skip
    data = data_digest(rows)
    run_id = make_run_id(name, as_of_date, data, digest, settings_digest(params))
    sha256 = save_model(model, model_path(settings, run_id), settings)
    details = {**found, "data_digest": data, "settings_digest": settings_digest(params)}
    return ModelRun(
        model_run_id=run_id,
        model_name=name,
        as_of_date=as_of_date,
        train_from_date=None,
        train_to_date=as_of_date,
        test_from_date=None,
        test_to_date=None,
        train_row_count=len(rows),
        test_row_count=None,
        positive_rate=None,
        auc=None,
        top_decile_lift=None,
        calibration_error=None,
        feature_count=feature_count,
        feature_digest=digest,
        parameters=json.dumps(details, sort_keys=True),
        model_sha256=sha256,
        is_champion=True,
    )
