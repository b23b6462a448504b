"""How the churn models would have done: each of the newest months scored by a model that knew only the months before.

A rolling-origin evaluation (Tashman 2000, "Out-of-sample tests of forecasting accuracy"): the origin moves a month at a
time, and between what is learnt from and the month that is scored lies the label window, as it does in use. It shows
what one test cannot: whether a model stays good over time, in every region and for every tier of value.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from sklearn.metrics import roc_auc_score

from ml.churn import churn_classifier, sample_stayers
from ml.evaluate import calibrated_decile_count, label_end, top_decile_lift
from ml.features import LABEL, PLAN, FeatureColumn, query_frame, read_training_rows, split_inputs
from ml.params import Params
from ml.registry import ModelRun
from ml.scores import decimal
from tenure.settings import Settings

ALL, REGION, TIER = "all", "region", "tier"
COLUMNS = (
    "model_run_id", "model_name", "as_of_date", "slice_kind", "slice_name", "row_count", "leaver_count",
    "expected_leaver_count", "auc", "top_decile_lift", "calibrated_decile_count",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """A month, or a region or tier of it: subscriptions, leavers and those expected, how well they were ranked.

    `auc`, `top_decile_lift` and `calibrated_decile_count` are None where there were too few leavers.
    """

    as_of_date: dt.date
    slice_kind: str
    slice_name: str
    row_count: int
    leaver_count: int
    expected_leaver_count: float
    auc: float | None
    top_decile_lift: float | None
    calibrated_decile_count: int | None


def measure_months(
    connection: psycopg.Connection[Any], settings: Settings, params: Params, run: ModelRun
) -> list[Measured]:
    """Score each of the newest labelled months as the recipe of `run` would have, learning from the months before.

    The run's inputs and weights of its learners are used. A month with too little before it is left out.
    """
    plan_type = str(run.details["plan_type"])
    is_pooled = len(run.details["learnt_from_plan_types"]) > 1
    rows = read_training_rows(settings, params, run.as_of_date, None if is_pooled else plan_type)
    slices = _slices(connection, rows)
    own = (rows[PLAN] == plan_type).to_numpy()
    found: list[Measured] = []
    for test, probability in _origins(rows, own, run, params):
        at, left = rows.iloc[test], rows[LABEL].to_numpy(dtype=int)[test]
        day = pd.Timestamp(at["as_of_date"].iloc[0]).date()
        found.append(_measure(day, ALL, "", left, probability, params))
        for kind in (REGION, TIER):
            names = slices[kind].to_numpy()[test]
            chosen = [(name, names == name) for name in sorted(set(names))]
            found += [_measure(day, kind, name, left[part], probability[part], params) for name, part in chosen]
    return found


def record(connection: psycopg.Connection[Any], run: ModelRun, found: list[Measured]) -> None:
    """Replace the back-test of the run's model by this one. No commit here."""
    connection.execute("delete from scores.churn_backtest where model_name = %s", (run.model_name,))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into scores.churn_backtest ({', '.join(COLUMNS)}) values ({', '.join(['%s'] * len(COLUMNS))})",  # noqa: S608 (constants)
            [
                (
                    run.model_run_id, run.model_name, one.as_of_date, one.slice_kind, one.slice_name, one.row_count,
                    one.leaver_count, decimal(one.expected_leaver_count, 4), decimal(one.auc, 6),
                    decimal(one.top_decile_lift, 6), one.calibrated_decile_count,
                )
                for one in found
            ],
        )  # fmt: skip


def is_done(connection: psycopg.Connection[Any], run: ModelRun) -> bool:
    """Whether the back-test of the run's model is that of this very run."""
    found = connection.execute(
        "select exists (select from scores.churn_backtest where model_run_id = %s)", (run.model_run_id,)
    ).fetchone()
    return bool(found and found[0])


def _origins(
    rows: pd.DataFrame, own: npt.NDArray[np.bool_], run: ModelRun, params: Params
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]]:
    """For each month: positions of its rows, and what a model of the months before said of them."""
    dates, left = pd.to_datetime(rows["as_of_date"]).dt.date.to_numpy(), rows[LABEL].to_numpy(dtype=int)
    frame = split_inputs(rows, [FeatureColumn(name, kind) for name, kind in run.details["inputs"]])
    blend = tuple(float(weight) for weight in run.details["blend"])
    for day in sorted(set(dates))[-params.backtest.months :]:
        train = np.flatnonzero([label_end(one, params) <= day for one in dates])
        test = np.flatnonzero((dates == day) & own)
        leavers = int(left[train].sum())
        if not len(test) or min(leavers, len(train) - leavers) < params.training.minimum_positive_count:
            continue
        kept, weight = sample_stayers(left[train], params.training.maximum_row_count, params.seed)
        learnt = train[kept]
        model = churn_classifier(params, blend=blend).fit(frame.iloc[learnt], left[learnt], sample_weight=weight)
        yield test, model.predict_proba(frame.iloc[test])[:, 1]


def _measure(
    day: dt.date, kind: str, name: str, left: npt.NDArray[np.int_], probability: npt.NDArray[np.float64], params: Params
) -> Measured:
    leavers = int(left.sum())
    is_known = params.backtest.minimum_positive_count <= leavers < len(left)
    return Measured(
        as_of_date=day,
        slice_kind=kind,
        slice_name=name,
        row_count=len(left),
        leaver_count=leavers,
        expected_leaver_count=float(probability.sum()),
        auc=float(roc_auc_score(left, probability)) if is_known else None,
        top_decile_lift=top_decile_lift(left, probability) if is_known else None,
        calibrated_decile_count=calibrated_decile_count(left, probability) if is_known else None,
    )


def _slices(connection: psycopg.Connection[Any], rows: pd.DataFrame) -> pd.DataFrame:
    """Region and tier of each of `rows` in the month of its as_of_date, (n, 2); "unknown" where there is none."""
    found = query_frame(
        connection,
        "select subscription_id, month, closing_region_id as region, closing_value_tier as tier"
        " from build.subscription_monthly where month >= %s",
        (rows["as_of_date"].min().replace(day=1),),
    )
    keys = pd.DataFrame(
        {
            "subscription_id": rows["subscription_id"].to_numpy(),
            "month": pd.to_datetime(rows["as_of_date"]).dt.to_period("M").dt.to_timestamp(),
        }
    )
    joined = keys.merge(found.assign(month=pd.to_datetime(found["month"])), how="left", on=["subscription_id", "month"])
    return joined[[REGION, TIER]].fillna("unknown")


def in_words(one: Measured) -> str:
    """A month as a line to read."""
    told = f"{one.as_of_date}: {one.leaver_count} of {one.row_count} left, {one.expected_leaver_count:.0f} expected"
    if one.auc is None or one.top_decile_lift is None:
        return f"{told}, too few to say how well they were ranked"
    ranked = f"AUC {one.auc:.3f}, lift of the top tenth {one.top_decile_lift:.1f}"
    return f"{told}, {ranked}, {one.calibrated_decile_count} of 10 deciles calibrated"
