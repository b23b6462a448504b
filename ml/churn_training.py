"""Training of the churn models, one a plan type: what is learnt from, when it is refused, what becomes champion."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import psycopg

from ml.churn import churn_classifier, sample_stayers
from ml.errors import TrainingRefused
from ml.evaluate import Evaluation, evaluate_churn
from ml.features import (
    LABEL,
    PLAN,
    FeatureColumn,
    feature_columns,
    feature_digest,
    has_plan,
    latest_labelled_date,
    read_training_rows,
    split_inputs,
)
from ml.leakage import check_names, guard_features
from ml.model_file import save_model
from ml.params import Params
from ml.promotion import Promotion, judge
from ml.registry import (
    CHURN_MODELS,
    ModelRun,
    data_digest,
    find_champion,
    make_run_id,
    model_path,
    record_run,
    settings_digest,
)
from ml.scores import band_limits
from ml.training import known_run, not_needed, result_of
from tenure.settings import Settings

Connection = psycopg.Connection[Any]


def train_churn(connection: Connection, settings: Settings, params: Params, plan_type: str) -> dict[str, Any]:
    """Train the churn model of a plan type on all labelled months, unless a run of this training month exists already.

    Its status is not_needed where no line was ever on such a plan. Raises TrainingRefused when the data cannot carry a
    model, LeakageError for a column of the future.
    """
    name = CHURN_MODELS[plan_type]
    columns = feature_columns(connection, params)
    check_names((column.name for column in columns if column.name not in params.leakage.allowed), params.leakage)
    if not has_plan(connection, plan_type):
        return not_needed(f"no subscription is {plan_type}")
    as_of_date = latest_labelled_date(connection, params, plan_type)
    if as_of_date is None:
        raise TrainingRefused("no month has complete labels yet, so there is nothing to learn from")
    kept = known_run(connection, settings, name, as_of_date, feature_digest(columns), params)
    if kept is not None:
        return result_of("kept", kept)
    connection.commit()
    rows = read_training_rows(settings, params, as_of_date, plan_type)
    check_trainable(rows[LABEL], params)
    if min(rows[LABEL].sum(), (1 - rows[LABEL]).sum()) < params.training.own_model_positive_count:
        # What drives people away differs less between the plans than between a few leavers and chance.
        rows = read_training_rows(settings, params, as_of_date)
    return result_of("trained", _fit_churn(connection, settings, params, columns, rows, as_of_date, plan_type))


def check_trainable(left: pd.Series, params: Params) -> None:
    """Raise TrainingRefused, saying which and how many, when the labels (n,) cannot carry a model."""
    limits = params.training
    rows, positives = len(left), int(left.sum())
    if rows == 0:
        raise TrainingRefused("there are no labelled rows, so there is nothing to learn from")
    if positives == 0 or positives == rows:
        what = "no one left" if positives == 0 else "everyone left"
        raise TrainingRefused(f"the labels have one class only: {what} in any of the {rows} labelled rows")
    if rows < limits.minimum_row_count:
        raise TrainingRefused(f"{rows} labelled rows are too few, {limits.minimum_row_count} are needed")
    fewer = min(positives, rows - positives)
    if fewer < limits.minimum_positive_count:
        what = "leavers" if fewer == positives else "stayers"
        raise TrainingRefused(f"{fewer} {what} in {rows} rows are too few, {limits.minimum_positive_count} are needed")


def _fit_churn(
    connection: Connection,
    settings: Settings,
    params: Params,
    columns: list[FeatureColumn],
    rows: pd.DataFrame,
    as_of_date: dt.date,
    plan_type: str,
) -> ModelRun:
    frame = split_inputs(rows, columns)
    left = rows[LABEL].to_numpy(dtype=int)
    guard_features(frame, left, params, rows["as_of_date"])
    inputs = [column for column in columns if column.kind != "date" and frame[column.name].nunique(dropna=False) > 1]
    frame = split_inputs(rows, inputs)
    if not inputs:
        raise TrainingRefused("every feature has one value only, so there is nothing to learn from")
    data = data_digest(rows)
    name = CHURN_MODELS[plan_type]
    run_id = make_run_id(name, as_of_date, data, feature_digest(columns), settings_digest(params))
    own = (rows[PLAN] == plan_type).to_numpy()
    measured = evaluate_churn(frame, left, rows["as_of_date"], params, lambda: churn_classifier(params), own)
    # The recipe was measured on months it had not seen; the model in use learns from those months too.
    kept, weight = sample_stayers(left, params.training.maximum_row_count, params.seed)
    model = churn_classifier(params, blend=measured.blend).fit(frame.iloc[kept], left[kept], sample_weight=weight)
    sha256 = save_model(model, model_path(settings, run_id), settings)
    champion = find_champion(connection, name)
    if champion is not None and champion.model_run_id == run_id:
        # Only its file is made again: it was judged when it was new.
        promotion = Promotion(True, champion.details["promotion"])
    else:
        promotion = judge(rows, left, measured, champion, settings, params)
    run = _churn_run(run_id, as_of_date, params, columns, inputs, measured, promotion, data, sha256, rows, plan_type)
    record_run(connection, run)
    connection.commit()
    return run


def _churn_run(
    run_id: str,
    as_of_date: dt.date,
    params: Params,
    columns: list[FeatureColumn],
    inputs: list[FeatureColumn],
    measured: Evaluation,
    promotion: Promotion,
    data: str,
    sha256: str,
    rows: pd.DataFrame,
    plan_type: str,
) -> ModelRun:
    details = {
        "plan_type": plan_type,
        "learnt_from_plan_types": sorted(rows[PLAN].unique()),
        "label_columns": list(params.labels.columns[plan_type]),
        "evaluation": measured.method,
        "promotion": promotion.reason,
        "blend": [round(value, 6) for value in measured.blend],
        "calibrated_decile_count": measured.calibrated_decile_count,
        "campaign_profit_amount": round(measured.profit.profit_amount, 6),
        "profitable_contact_share": round(measured.profit.contact_share, 6),
        "refit_from_date": min(rows["as_of_date"]).isoformat(),
        "refit_to_date": max(rows["as_of_date"]).isoformat(),
        "refit_row_count": len(rows),
        "bands": band_limits(measured.positive_rate, params.risk_bands),
        "inputs": [[column.name, column.kind] for column in inputs],
        "data_digest": data,
        "settings_digest": settings_digest(params),
    }
    return ModelRun(
        model_run_id=run_id,
        model_name=CHURN_MODELS[plan_type],
        as_of_date=as_of_date,
        train_from_date=measured.train_dates[0],
        train_to_date=measured.train_dates[1],
        test_from_date=measured.test_dates[0],
        test_to_date=measured.test_dates[1],
        train_row_count=measured.train_row_count,
        test_row_count=measured.test_row_count,
        positive_rate=measured.positive_rate,
        auc=measured.auc,
        top_decile_lift=measured.top_decile_lift,
        calibration_error=measured.calibration_error,
        feature_count=len(inputs),
        feature_digest=feature_digest(columns),
        parameters=json.dumps(details, sort_keys=True),
        model_sha256=sha256,
        is_champion=promotion.is_promoted,
    )
