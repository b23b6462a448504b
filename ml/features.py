"""Reading the feature tables, and the contract between them and a model."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pandas as pd
import psycopg
from psycopg import sql

from ml.encoding import is_numeric
from ml.errors import FeatureContractError
from ml.params import Params
from tenure.db import connect
from tenure.settings import Settings

FEATURE_TABLE = ("features", "subscription_features")
LABEL_TABLE = ("features", "subscription_labels")
NUMERIC_TYPES = frozenset({"numeric", "real", "double precision", "smallint", "integer", "bigint"})
# The name of the training target in frames; no feature is called so.
LABEL = "has_left_in_horizon"
# Tells which churn model a row belongs to; in a model that learns from both plan types it is an input as well.
PLAN = "plan_type"
DATE_TYPES = frozenset({"date", "timestamp with time zone", "timestamp without time zone"})


@dataclass(frozen=True)
class FeatureColumn:
    """An input of a model: its name and kind (numeric, boolean, category or date)."""

    name: str
    kind: str


def feature_columns(connection: psycopg.Connection[Any], params: Params) -> list[FeatureColumn]:
    """The inputs that the feature table offers, by name. Raises FeatureContractError when there is no such table."""
    columns = _table_columns(connection, FEATURE_TABLE)
    if not columns:
        raise FeatureContractError("table features.subscription_features is missing", hint="run `tenure build` first")
    needed = [name for name in ("subscription_id", "as_of_date", "is_scoring", PLAN) if name not in columns]
    if needed:
        raise FeatureContractError(f"features.subscription_features has no column {needed[0]}")
    left_out = {*params.features.keys, *params.features.excluded}
    return [FeatureColumn(name, _kind(kind)) for name, kind in sorted(columns.items()) if name not in left_out]


def feature_digest(columns: Sequence[FeatureColumn]) -> str:
    """SHA-256 over names and kinds: two feature tables with the same digest fit the same model."""
    return hashlib.sha256(json.dumps([[c.name, c.kind] for c in columns]).encode()).hexdigest()


def frame_columns(frame: pd.DataFrame) -> list[FeatureColumn]:
    """The columns of a frame that did not come from the warehouse, as `feature_columns` would give them."""
    return [
        FeatureColumn(str(name), "numeric" if is_numeric(frame[name]) else "category") for name in sorted(frame.columns)
    ]


def has_plan(connection: psycopg.Connection[Any], plan_type: str) -> bool:
    """Whether any subscription is or was of this plan type."""
    row = connection.execute(
        sql.SQL("select exists (select from {} where {} = %s)").format(
            sql.Identifier(*FEATURE_TABLE), sql.Identifier(PLAN)
        ),
        (plan_type,),
    ).fetchone()
    return bool(row and row[0])


def latest_labelled_date(connection: psycopg.Connection[Any], params: Params, plan_type: str) -> dt.date | None:
    """The newest as_of_date at which labels of this plan type are complete, or None when there is none yet."""
    _check_label_table(connection, params)
    row = connection.execute(
        sql.SQL("select max(f.as_of_date) {} where {} is not null and f.{} = %s").format(
            _labelled(), _target(params), sql.Identifier(PLAN)
        ),
        (plan_type,),
    ).fetchone()
    return row[0] if row else None


def read_training_rows(
    settings: Settings, params: Params, up_to: dt.date | None = None, plan_type: str | None = None
) -> pd.DataFrame:
    """All labelled rows up to the as_of_date `up_to`, ordered by as_of_date and subscription_id.

    Columns: keys, features, and LABEL (1 left within the horizon as its plan type defines it, 0 stayed). With a
    `plan_type` only its rows. Left out are rows too new to be scored and rows with the flag `labels.left_out_flag`.
    """
    with connect("scorer", settings=settings) as connection:
        _check_label_table(connection, params)
        kept: sql.Composable = sql.SQL("")
        if params.labels.left_out_flag in _table_columns(connection, FEATURE_TABLE):
            kept = sql.SQL(" and not coalesce(f.{}, false)").format(sql.Identifier(params.labels.left_out_flag))
        if plan_type is not None:
            kept += sql.SQL(" and f.{} = {}").format(sql.Identifier(PLAN), sql.Literal(plan_type))
        statement = sql.SQL(
            "select {selected}, {target} as {label} {labelled}"
            " where {target} is not null and f.as_of_date <= {up_to}{kept} order by f.as_of_date, f.subscription_id"
        ).format(
            selected=_select_list(connection, params),
            target=_target(params),
            label=sql.Identifier(LABEL),
            labelled=_labelled(),
            up_to=sql.Literal(up_to or dt.date.max),
            kept=kept,
        )
        text = statement.as_string(connection)
    rows = _read(settings, text)
    return rows[has_history(rows, params)].reset_index(drop=True)


def read_scoring_rows(settings: Settings, params: Params, subscription_id: str | None = None) -> pd.DataFrame:
    """The rows of the newest as_of_date, one per subscription on the network, ordered by subscription_id.

    With a `subscription_id` only its row, or none.
    """
    with connect("scorer", settings=settings) as connection:
        only: sql.Composable = sql.SQL("")
        if subscription_id is not None:
            only = sql.SQL(" and f.subscription_id = {}").format(sql.Literal(subscription_id))
        statement = sql.SQL("select {} from {} f where f.is_scoring{} order by f.subscription_id").format(
            _select_list(connection, params), sql.Identifier(*FEATURE_TABLE), only
        )
        text = statement.as_string(connection)
    rows = _read(settings, text)
    if rows["as_of_date"].nunique() > 1:
        raise FeatureContractError("features.subscription_features marks more than one as_of_date for scoring")
    repeated = rows.loc[rows["subscription_id"].duplicated(), "subscription_id"]
    if len(repeated):
        raise FeatureContractError(
            f"features.subscription_features has subscription {repeated.iloc[0]} more than once to be scored"
        )
    return rows


def has_history(rows: pd.DataFrame, params: Params) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether each row, shape (n,), is old enough to be scored (`history` in params.yaml)."""
    if params.history.column not in rows.columns:
        return np.ones(len(rows), dtype=bool)
    age = pd.to_numeric(rows[params.history.column], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    return np.nan_to_num(age, nan=-np.inf) >= params.history.minimum


def split_inputs(rows: pd.DataFrame, columns: Sequence[FeatureColumn]) -> pd.DataFrame:
    """The feature columns of `rows`, in the order of `columns`."""
    return rows.loc[:, [column.name for column in columns]]


def check_contract(rows: pd.DataFrame, wanted: Sequence[FeatureColumn]) -> dict[str, list[str]]:
    """Check that `rows` carry what a model was trained on, before any of it is used.

    Returns {"unknown": columns the model does not know, which it ignores, "empty": columns without a value, which it
    treats as missing}. Raises FeatureContractError for a column that is missing or of another kind.
    """
    for column in wanted:
        if column.name not in rows.columns:
            raise FeatureContractError(
                f"feature {column.name!r} is missing, and the model was trained on it",
                hint="restore it in features.subscription_features, or train again",
            )
        values = rows[column.name]
        if not values.notna().any():
            continue
        if (column.kind in ("numeric", "boolean")) != is_numeric(values):
            raise FeatureContractError(
                f"feature {column.name!r} was {column.kind} when the model was trained and is not now",
                hint="restore it in features.subscription_features, or train again",
            )
    known = {column.name for column in wanted}
    return {
        "unknown": sorted(str(name) for name in rows.columns if name not in known),
        "empty": sorted(column.name for column in wanted if not rows[column.name].notna().any()),
    }


def _table_columns(connection: psycopg.Connection[Any], table: tuple[str, str]) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns where table_schema = %s and table_name = %s",
            table,
        ).fetchall()
    )


def _check_label_table(connection: psycopg.Connection[Any], params: Params) -> None:
    present = _table_columns(connection, LABEL_TABLE)
    missing = [name for names in params.labels.columns.values() for name in names if name not in present]
    if missing:
        raise FeatureContractError(f"features.subscription_labels has no column {missing[0]}")


def _labelled() -> sql.Composable:
    return sql.SQL(
        "from {} f join {} l on l.subscription_id = f.subscription_id and l.as_of_date = f.as_of_date"
    ).format(sql.Identifier(*FEATURE_TABLE), sql.Identifier(*LABEL_TABLE))


def _target(params: Params) -> sql.Composable:
    """1 when any label column of the row's plan type is 1, null while one of them is not known."""
    cases = []
    for plan_type, names in sorted(params.labels.columns.items()):
        columns = sql.SQL(", ").join(sql.SQL("l.{}").format(sql.Identifier(name)) for name in names)
        known = sql.SQL("when {0} then case when num_nulls({1}) = 0 then greatest({1})::integer end")
        cases.append(known.format(sql.Literal(plan_type), columns))
    return sql.SQL("case f.{} {} end").format(sql.Identifier(PLAN), sql.SQL(" ").join(cases))


def _kind(data_type: str) -> str:
    if data_type in NUMERIC_TYPES:
        return "numeric"
    if data_type in DATE_TYPES:
        return "date"
    return "boolean" if data_type == "boolean" else "category"


def _select_list(connection: psycopg.Connection[Any], params: Params) -> sql.Composable:
    inputs = {column.name: column.kind for column in feature_columns(connection, params)}
    present = _table_columns(connection, FEATURE_TABLE)
    items: list[sql.Composable] = []
    for name in [key for key in params.features.keys if key in present] + list(inputs):
        # Cast here: numeric would arrive as text, and Arrow has no word for some other types.
        cast = {"numeric": "double precision", "category": "text"}.get(inputs.get(name, ""), "")
        item = sql.SQL("f.{}").format(sql.Identifier(name))
        items.append(item + sql.SQL(f"::{cast} as {{}}").format(sql.Identifier(name)) if cast else item)
    return sql.SQL(", ").join(items)


def query_frame(connection: psycopg.Connection[Any], statement: str, parameters: tuple[Any, ...] = ()) -> pd.DataFrame:
    """The rows of a small query, columns by name."""
    cursor = connection.execute(statement, parameters)
    names = [column.name for column in cursor.description or ()]
    return pd.DataFrame(cursor.fetchall(), columns=names)


def _read(settings: Settings, statement: str) -> pd.DataFrame:
    with adbc.connect(settings.url("scorer")) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        table = cursor.fetch_arrow_table()
    rows = table.to_pandas()
    rows["subscription_id"] = rows["subscription_id"].astype(str)
    return rows
