"""Training of the churn models, one a plan type: what is learnt from, when it is refused, what becomes champion."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg

from ml.churn import churn_classifier, sample_stayers
from ml.drift import make_profiles, record_profiles, reference_rows, what_has_drifted
from ml.errors import TrainingRefused
from ml.evaluate import Evaluation, deciles, evaluate_churn
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
from ml.promotion import Promotion, judge, judge_challenger, outcomes
from ml.registry import (
    CHURN_MODELS,
    ModelRun,
    all_runs,
    data_digest,
    find_champion,
    make_run_id,
    model_path,
    record_deciles,
    record_run,
    settings_digest,
)
from ml.scores import band_limits
from ml.training import known_run, not_needed, result_of
from tenure.settings import Settings

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class _Lesson:
    """What a churn model learns from; a challenger names the run that it was made for."""

    plan_type: str
    as_of_date: dt.date
    columns: list[FeatureColumn]
    rows: pd.DataFrame
    challenged: str | None = None

    @property
    def left(self) -> npt.NDArray[np.int_]:
        """Whether each row, shape (n,), left in the horizon."""
        return self.rows[LABEL].to_numpy(dtype=int)

    @property
    def own(self) -> npt.NDArray[np.bool_]:
        """Whether each row, shape (n,), is of the plan type that is predicted."""
        return (self.rows[PLAN] == self.plan_type).to_numpy(dtype=bool)

    def run_id(self, params: Params) -> str:
        """The id of the run."""
        parts = data_digest(self.rows), feature_digest(self.columns), settings_digest(params)
        return make_run_id(CHURN_MODELS[self.plan_type], self.as_of_date, *parts)


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
    connection.commit()
    if kept is not None:
        return _challenge(connection, settings, params, columns, kept, plan_type) or result_of("kept", kept)
    rows = read_training_rows(settings, params, as_of_date, plan_type)
    check_trainable(rows[LABEL], params)
    if min(rows[LABEL].sum(), (1 - rows[LABEL]).sum()) < params.training.own_model_positive_count:
        # What drives people away differs less between the plans than between a few leavers and chance.
        rows = read_training_rows(settings, params, as_of_date)
    lesson = _Lesson(plan_type, as_of_date, columns, rows)
    inputs, measured = _measure(lesson, params)
    champion = find_champion(connection, name)
    if champion is not None and champion.model_run_id == lesson.run_id(params):
        # Only its file is made again: it was judged when it was new.
        promotion = Promotion(True, champion.details["promotion"])
    else:
        promotion = judge(rows, lesson.left, measured, champion, settings, params)
    return result_of("trained", _record(connection, settings, params, lesson, inputs, measured, promotion))


def _challenge(
    connection: Connection,
    settings: Settings,
    params: Params,
    columns: list[FeatureColumn],
    kept: ModelRun,
    plan_type: str,
) -> dict[str, Any] | None:
    """Train a challenger that knows the newest months only, once, if `kept` is in use and has drifted; else None."""
    why = what_has_drifted(connection, kept.model_run_id) if kept.is_champion and not _is_challenger(kept) else None
    if why is None:
        return None
    told = result_of("kept", kept)
    known = next((run for run in all_runs(connection) if run.details.get("challenged") == kept.model_run_id), None)
    if known is not None:
        return {**told, "reason": f"its challenger was not promoted: {known.details['promotion']}"}
    rows = read_training_rows(settings, params, kept.as_of_date, plan_type)
    everything = _Lesson(plan_type, kept.as_of_date, columns, rows)
    newest = sorted(rows["as_of_date"].unique())[-params.drift.challenger_months :]
    recent = rows[rows["as_of_date"].isin(newest)].reset_index(drop=True)
    lesson = replace(everything, rows=recent, challenged=kept.model_run_id)
    try:
        check_trainable(recent[LABEL], params)
        inputs, measured = _measure(lesson, params)
    except TrainingRefused as refusal:
        return {**told, "reason": f"{why}; there is no challenger: {refusal.message}"}
    # What is in use has learnt from the months of the test by now: its recipe is measured on them again.
    _, of_all = _measure(everything, params)
    promotion = judge_challenger(outcomes(recent, measured), outcomes(rows, of_all), why, params)
    return result_of("trained", _record(connection, settings, params, lesson, inputs, measured, promotion))


def _is_challenger(run: ModelRun) -> bool:
    return run.details.get("challenged") is not None


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


def _measure(lesson: _Lesson, params: Params) -> tuple[list[FeatureColumn], Evaluation]:
    """The inputs that have something to say, and how good the recipe is on months that it has not seen."""
    frame = split_inputs(lesson.rows, lesson.columns)
    guard_features(frame, lesson.left, params, lesson.rows["as_of_date"])
    inputs = [it for it in lesson.columns if it.kind != "date" and frame[it.name].nunique(dropna=False) > 1]
    if not inputs:
        raise TrainingRefused("every feature has one value only, so there is nothing to learn from")
    dates = lesson.rows["as_of_date"]
    frame = split_inputs(lesson.rows, inputs)
    return inputs, evaluate_churn(frame, lesson.left, dates, params, lambda: churn_classifier(params), lesson.own)


def _record(
    connection: Connection,
    settings: Settings,
    params: Params,
    lesson: _Lesson,
    inputs: list[FeatureColumn],
    measured: Evaluation,
    promotion: Promotion,
) -> ModelRun:
    """Fit the model that is used, on the months too that the recipe was measured on, and put it into the registry."""
    frame, left = split_inputs(lesson.rows, inputs), lesson.left
    kept, weight = sample_stayers(left, params.training.maximum_row_count, params.seed)
    model = churn_classifier(params, blend=measured.blend).fit(frame.iloc[kept], left[kept], sample_weight=weight)
    run_id = lesson.run_id(params)
    sha256 = save_model(model, model_path(settings, run_id), settings)
    run = _churn_run(lesson, params, inputs, measured, promotion, sha256)
    record_run(connection, run)
    record_deciles(connection, run_id, deciles(left[measured.test_rows], measured.test_probability))
    compared = reference_rows(lesson.rows["as_of_date"], lesson.own, params.drift)
    encoded = model.encoder_.transform(frame.iloc[compared])
    record_profiles(connection, run_id, make_profiles(model.encoder_, encoded, measured.test_probability))
    connection.commit()
    return run


def _churn_run(
    lesson: _Lesson,
    params: Params,
    inputs: list[FeatureColumn],
    measured: Evaluation,
    promotion: Promotion,
    sha256: str,
) -> ModelRun:
    rows, plan_type = lesson.rows, lesson.plan_type
    details = {
        "plan_type": plan_type,
        "challenged": lesson.challenged,
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
        "data_digest": data_digest(rows),
        "settings_digest": settings_digest(params),
    }
    return ModelRun(
        model_run_id=lesson.run_id(params),
        model_name=CHURN_MODELS[plan_type],
        as_of_date=lesson.as_of_date,
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
        feature_digest=feature_digest(lesson.columns),
        parameters=json.dumps(details, sort_keys=True),
        model_sha256=sha256,
        is_champion=promotion.is_promoted,
    )
