"""What every training has in common: runs that are kept or refused, and what is told of them; and the clusters."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from ml.errors import ModelFileError, TrainingRefused
from ml.features import FeatureColumn, feature_digest
from ml.model_file import check_model_file, save_model
from ml.params import Params
from ml.registry import (
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
from ml.segments import read_behaviour, read_lessons, segment_model, stability
from tenure.settings import Settings

Connection = psycopg.Connection[Any]


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
    lessons = read_lessons(connection, month, params)
    try:
        model = segment_model(params).fit(lessons)
    except ValueError as error:
        raise TrainingRefused(f"customers cannot be clustered: {error}") from None
    data = data_digest(lessons.reset_index())
    run_id = make_run_id(SEGMENT_MODEL, as_of_date, data, digest, settings_digest(params))
    sha256 = save_model(model, model_path(settings, run_id), settings)
    details = {
        "clusters": list(model.names_),
        "measures": list(model.measures_),
        "stability": _stability(connection, month, model, behaviour, params),
        "data_digest": data,
        "settings_digest": settings_digest(params),
    }
    months = params.segments.months + params.segments.fit_months
    first = (pd.Timestamp(month) - pd.DateOffset(months=months - 2)).date()
    run = ModelRun(
        model_run_id=run_id,
        model_name=SEGMENT_MODEL,
        as_of_date=as_of_date,
        train_from_date=first,
        train_to_date=as_of_date,
        test_from_date=None,
        test_to_date=None,
        train_row_count=len(lessons),
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
    earlier = read_lessons(connection, before, params)
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


def not_needed(reason: str) -> dict[str, Any]:
    """The result of a training that this operator has no use for."""
    return {"status": "not_needed", "reason": reason, "model_run_id": None}


def result_of(status: str, run: ModelRun) -> dict[str, Any]:
    """What a training step returns: the run, its measures, and why it was made or kept."""
    reasons = {
        "kept": "its month, features and parameters were learnt already",
        "trained": "a new month, new features or new parameters",
        "challenger": "a challenger that knows the newest months only",
    }
    reason = reasons["challenger" if status == "trained" and run.details.get("challenged") else status]
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
