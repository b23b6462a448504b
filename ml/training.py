"""Training: what is learnt from, when it is refused, and what becomes champion."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from ml.churn import churn_classifier, sample_stayers
from ml.errors import ModelFileError, TrainingRefused
from ml.evaluate import Evaluation, evaluate_churn
from ml.features import (
    LABEL,
    FeatureColumn,
    feature_columns,
    feature_digest,
    latest_labelled_date,
    read_training_rows,
    split_inputs,
)
from ml.leakage import check_names, guard_features
from ml.model_file import check_model_file, save_model
from ml.params import Params
from ml.promotion import Promotion, judge
from ml.registry import (
    CHURN_MODEL,
    SEGMENT_MODEL,
    ModelRun,
    data_digest,
    find_champion,
    find_run,
    make_run_id,
    model_path,
    record_run,
    settings_digest,
)
from ml.scores import band_limits
from ml.segments import read_behaviour, segment_model, stability
from tenure.settings import Settings

Connection = psycopg.Connection[Any]


def train_churn(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Train the churn model on all labelled months, unless a run of this training month exists already.

    Raises TrainingRefused when the data cannot carry a model, LeakageError for a column of the future.
    """
    columns = feature_columns(connection, params)
    check_names((column.name for column in columns if column.name not in params.leakage.allowed), params.leakage)
    as_of_date = latest_labelled_date(connection, params)
    if as_of_date is None:
        raise TrainingRefused("no month has complete labels yet, so there is nothing to learn from")
    digest = feature_digest(columns)
    kept = known_run(connection, settings, CHURN_MODEL, as_of_date, digest, params)
    if kept is not None:
        return result_of("kept", kept)
    connection.commit()
    rows = read_training_rows(settings, params, as_of_date)
    return result_of("trained", _fit_churn(connection, settings, params, columns, rows, as_of_date))


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
) -> ModelRun:
    check_trainable(rows[LABEL], params)
    frame = split_inputs(rows, columns)
    left = rows[LABEL].to_numpy(dtype=int)
    guard_features(frame, left, params, rows["as_of_date"])
    inputs = [column for column in columns if column.kind != "date" and frame[column.name].nunique(dropna=False) > 1]
    frame = split_inputs(rows, inputs)
    if not inputs:
        raise TrainingRefused("every feature has one value only, so there is nothing to learn from")
    data = data_digest(rows)
    run_id = make_run_id(CHURN_MODEL, as_of_date, data, feature_digest(columns), settings_digest(params))
    measured = evaluate_churn(frame, left, rows["as_of_date"], params, lambda: churn_classifier(params))
    # The recipe was measured on months it had not seen; the model in use learns from those months too.
    kept, weight = sample_stayers(left, params.training.maximum_row_count, params.seed)
    model = churn_classifier(params, blend=measured.blend).fit(frame.iloc[kept], left[kept], sample_weight=weight)
    sha256 = save_model(model, model_path(settings, run_id), settings)
    champion = find_champion(connection, CHURN_MODEL)
    if champion is not None and champion.model_run_id == run_id:
        # Only its file is made again: it was judged when it was new.
        promotion = Promotion(True, champion.details["promotion"])
    else:
        promotion = judge(rows, left, measured, champion, settings, params)
    run = _churn_run(run_id, as_of_date, params, columns, inputs, measured, promotion, data, sha256, rows)
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
) -> ModelRun:
    details = {
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
        model_name=CHURN_MODEL,
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


def train_segments(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Learn the behavioural clusters of the newest complete month, unless its run exists already.

    Raises TrainingRefused when no month is complete yet or there are too few customers.
    """
    row = connection.execute("select max(month) from build.subscription_monthly where not is_open_month").fetchone()
    month = row[0] if row else None
    if month is None:
        raise TrainingRefused("no month is complete yet, so there is no behaviour to cluster")
    behaviour = read_behaviour(connection, month, params)
    wanted = 2 * params.segments.minimum_customers_per_cluster
    if len(behaviour) < wanted:
        raise TrainingRefused(f"{len(behaviour)} customers are too few to cluster, {wanted} are needed")
    as_of_date = (pd.Timestamp(month) + pd.offsets.MonthEnd(0)).date()
    columns = [FeatureColumn(str(name), "numeric") for name in behaviour.columns]
    digest = feature_digest(columns)
    kept = known_run(connection, settings, SEGMENT_MODEL, as_of_date, digest, params)
    if kept is not None:
        return result_of("kept", kept)
    try:
        model = segment_model(params).fit(behaviour)
    except ValueError as error:
        raise TrainingRefused(f"customers cannot be clustered: {error}") from None
    data = data_digest(behaviour.reset_index())
    run_id = make_run_id(SEGMENT_MODEL, as_of_date, data, digest, settings_digest(params))
    sha256 = save_model(model, model_path(settings, run_id), settings)
    details = {
        "clusters": list(model.names_),
        "measures": list(model.measures_),
        "stability": _stability(connection, month, model, behaviour, params),
        "data_digest": data,
        "settings_digest": settings_digest(params),
    }
    first = (pd.Timestamp(month) - pd.DateOffset(months=params.segments.months - 1)).date()
    run = ModelRun(
        model_run_id=run_id,
        model_name=SEGMENT_MODEL,
        as_of_date=as_of_date,
        train_from_date=first,
        train_to_date=as_of_date,
        test_from_date=None,
        test_to_date=None,
        train_row_count=len(behaviour),
        test_row_count=None,
        positive_rate=None,
        auc=None,
        top_decile_lift=None,
        calibration_error=None,
        feature_count=len(model.measures_),
        feature_digest=digest,
        parameters=json.dumps(details, sort_keys=True),
        model_sha256=sha256,
        is_champion=True,
    )
    record_run(connection, run)
    connection.commit()
    return result_of("trained", run)


def _stability(
    connection: Connection, month: dt.date, model: Any, behaviour: pd.DataFrame, params: Params
) -> float | None:
    """Agreement with the clusters that the month before would have given; None when there was none."""
    before = (pd.Timestamp(month) - pd.DateOffset(months=1)).date()
    earlier = read_behaviour(connection, before, params)
    if len(earlier) < 2 * params.segments.minimum_customers_per_cluster:
        return None
    try:
        fitted = segment_model(params).fit(earlier)
    except ValueError:
        return None
    return round(stability(fitted, model, behaviour), 4)


def known_run(
    connection: Connection, settings: Settings, name: str, as_of_date: dt.date, digest: str, params: Params
) -> ModelRun | None:
    """The run of this month with these features and settings, if its file can still be used."""
    run = find_run(connection, name, as_of_date, digest, settings_digest(params))
    if run is None:
        return None
    try:
        check_model_file(model_path(settings, run.model_run_id), run.model_sha256, settings)
    except ModelFileError:
        return None
    return run


def refused(connection: Connection, name: str, reason: str) -> dict[str, Any]:
    """The result of a refused training: why, and which model stays in use."""
    champion = find_champion(connection, name)
    return {
        "status": "refused",
        "reason": reason,
        "model_run_id": champion.model_run_id if champion else None,
        "model_as_of_date": champion.as_of_date.isoformat() if champion else None,
    }


def result_of(status: str, run: ModelRun) -> dict[str, Any]:
    """What a training step returns: the run, its measures, and why it was made or kept."""
    reasons = {
        "kept": "its month, features and parameters were learnt already",
        "trained": "a new month, new features or new parameters",
    }
    reason = reasons[status]
    promotion = run.details.get("promotion")
    if promotion is not None and status == "trained":
        reason += f"; {'promoted' if run.is_champion else 'not promoted'}: {promotion}"
    return {
        "status": status,
        "reason": reason,
        "model_run_id": run.model_run_id,
        "model_as_of_date": run.as_of_date.isoformat(),
        "is_champion": run.is_champion,
        "auc": _rounded(run.auc),
        "top_decile_lift": _rounded(run.top_decile_lift),
        "calibration_error": _rounded(run.calibration_error),
        "positive_rate": _rounded(run.positive_rate),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(value, 4)
