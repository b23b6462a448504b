"""The registry: which models were trained on what, how good they were, and which one is in use.

A run's id is made from the data, the parameters and the features, never from the clock: training again on the same
warehouse gives the same id, the same file and no new row.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import sklearn
import skops
from psycopg import sql

from ml.evaluate import Decile
from ml.params import PLAN_TYPES, Params
from tenure.settings import Settings

# One model for each kind of plan: what counts as leaving, and what tells of it, is not the same.
CHURN_MODELS = {plan_type: f"churn_{plan_type}" for plan_type in PLAN_TYPES}
SEGMENT_MODEL = "customer_segments"
OFFER_MODEL = "offer_response"
LIFETIME_MODEL = "lifetime_value"


@dataclass(frozen=True)
class ModelRun:
    """One row of scores.model_run; `parameters` is JSON text, measures are None where they have no meaning."""

    model_run_id: str
    model_name: str
    as_of_date: dt.date
    train_from_date: dt.date | None
    train_to_date: dt.date | None
    test_from_date: dt.date | None
    test_to_date: dt.date | None
    train_row_count: int
    test_row_count: int | None
    positive_rate: float | None
    auc: float | None
    top_decile_lift: float | None
    calibration_error: float | None
    feature_count: int
    feature_digest: str
    parameters: str
    model_sha256: str
    is_champion: bool

    @property
    def details(self) -> dict[str, Any]:
        """The parameters, read."""
        loaded: dict[str, Any] = json.loads(self.parameters)
        return loaded


def settings_digest(params: Params) -> str:
    """SHA-256 over all parameters and the versions of the libraries that fit and store a model."""
    text = json.dumps(
        {"params": params.model_dump(mode="json"), "scikit-learn": sklearn.__version__, "skops": skops.__version__},
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def data_digest(frame: pd.DataFrame) -> str:
    """SHA-256 over names and values of a frame, in its order of rows and in order of column names."""
    digest = hashlib.sha256()
    for name in sorted(frame.columns):
        digest.update(f"{name}\x00{len(frame)}\x00".encode())
        column = frame[name]
        digest.update(np.ascontiguousarray(pd.util.hash_array(_plain(column))).tobytes())
    return digest.hexdigest()


def _plain(column: pd.Series) -> Any:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype("float64").to_numpy()
    return column.astype(object).map(str, na_action="ignore").fillna("\x00missing").to_numpy(dtype=object)


def make_run_id(model_name: str, as_of_date: dt.date, *parts: str) -> str:
    """The id of a run: readable, and a digest over `parts` (data, features, settings)."""
    digest = hashlib.sha256("\x00".join((model_name, as_of_date.isoformat(), *parts)).encode()).hexdigest()
    return f"{model_name}_{as_of_date:%Y%m%d}_{digest[:12]}"


def model_path(settings: Settings, model_run_id: str) -> Path:
    """Where the file of a run is."""
    return settings.models_dir / f"{model_run_id}.skops"


def find_champion(connection: psycopg.Connection[Any], model_name: str) -> ModelRun | None:
    """The run in use, or None when no model was ever good enough."""
    return _first(_read(connection, "model_name = %s and is_champion", (model_name,)))


def find_run(
    connection: psycopg.Connection[Any], model_name: str, month: dt.date, feature_digest: str, settings_sha256: str
) -> ModelRun | None:
    """The run of this training month with these features and settings, champion first; None when there is none."""
    found = _read(
        connection,
        "model_name = %s and date_trunc('month', as_of_date) = date_trunc('month', %s::date) and feature_digest = %s",
        (model_name, month, feature_digest),
    )
    return _first(run for run in found if run.details.get("settings_digest") == settings_sha256)


def all_runs(connection: psycopg.Connection[Any]) -> list[ModelRun]:
    """Every run, by model, newest first, the champion before the others of its date."""
    return _read(connection, "true", ())


def record_run(connection: psycopg.Connection[Any], run: ModelRun) -> None:
    """Add a run or replace the row of the same id; a champion takes over from the one before. No commit here."""
    if run.is_champion:
        connection.execute(
            "update scores.model_run set is_champion = false"
            " where model_name = %s and is_champion and model_run_id <> %s",
            (run.model_name, run.model_run_id),
        )
    names = [field.name for field in fields(ModelRun)]
    assignments = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names if name != "model_run_id"
    )
    values = asdict(run)
    connection.execute(
        sql.SQL("insert into scores.model_run ({}) values ({}) on conflict (model_run_id) do update set {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join([sql.Placeholder()] * len(names)),
            assignments,
        ),
        [_stored(values[name]) for name in names],
    )


def record_deciles(connection: psycopg.Connection[Any], model_run_id: str, found: Iterable[Decile]) -> None:
    """Replace the tenths of the test of a run. No commit here."""
    connection.execute("delete from scores.model_decile where model_run_id = %s", (model_run_id,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into scores.model_decile (model_run_id, decile, row_count, leaver_count, expected_leaver_count)"
            " values (%s, %s, %s, %s, %s)",
            [
                (model_run_id, one.decile, one.row_count, one.leaver_count, _stored(one.expected_leaver_count))
                for one in found
            ],
        )


def _stored(value: Any) -> Any:
    # Six digits are far beyond what the measures mean, and are the same on every machine.
    if isinstance(value, float):
        return None if np.isnan(value) else Decimal(f"{value:.6f}")
    return value


def _read(connection: psycopg.Connection[Any], condition: str, values: tuple[Any, ...]) -> list[ModelRun]:
    names = [field.name for field in fields(ModelRun)]
    order = "order by model_name, as_of_date desc, is_champion desc, model_run_id"
    statement = sql.SQL("select {} from scores.model_run where {} {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(condition), sql.SQL(order)
    )
    runs = []
    for row in connection.execute(statement, values).fetchall():
        plain: list[Any] = [float(value) if isinstance(value, Decimal) else value for value in row]
        runs.append(ModelRun(*plain))
    return runs


def _first(runs: Iterable[ModelRun]) -> ModelRun | None:
    return next(iter(runs), None)
