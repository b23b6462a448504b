"""Scoring: every subscription on the network once, the reasons of those at risk, every customer's segment."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import psycopg

from ml import drift, worth_scoring
from ml.churn_scoring import Champion, ChurnScores, score_churn
from ml.features import read_scoring_rows
from ml.model_file import load_model
from ml.params import Params
from ml.registry import CHURN_MODELS, SEGMENT_MODEL, find_champion, model_path
from ml.scores import decimal, replace_rows
from ml.segments import NEW_CUSTOMER, NOT_CLUSTERED, read_behaviour, read_customers
from tenure.errors import TenureError
from tenure.settings import Settings

Connection = psycopg.Connection[Any]
_PLACED = ("customer_id", "value_tier", "cluster_name", "previous_cluster_name", "move_reason")


def score(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Score the newest as_of_date and replace its rows in all score tables, in one transaction."""
    # The server is at work while rows are read, so models are loaded meanwhile.
    with ThreadPoolExecutor(1) as aside:
        reading = aside.submit(read_scoring_rows, settings, params)
        champions = {plan_type: _champion(connection, name, settings) for plan_type, name in CHURN_MODELS.items()}
        rows = reading.result()
    if rows.empty:
        raise TenureError(
            "there is no subscription to score", hint="run `tenure land` and `tenure build` first, then score again"
        )
    as_of_date = pd.Timestamp(rows["as_of_date"].iloc[0]).date()
    found = score_churn(rows, champions, params)
    customers, segment_run_id = _place_customers(connection, as_of_date, settings, params)
    risk = pd.DataFrame(
        {"churn_probability": found.probability, "risk_band": found.bands}, index=rows["subscription_id"]
    )
    values = worth_scoring.lifetime_rows(connection, as_of_date, risk, settings, params)
    responses = worth_scoring.offer_rows(connection, as_of_date, risk, settings, params)
    names = rows["subscription_id"].tolist()
    with connection.transaction():
        count = replace_rows(
            connection,
            "churn_score",
            (
                "as_of_date",
                "subscription_id",
                "churn_probability",
                "risk_band",
                "horizon_days",
                "gap_days",
                "model_run_id",
            ),
            as_of_date,
            _score_rows(names, as_of_date, found, params),
        )
        reason_count = replace_rows(
            connection,
            "churn_reason",
            ("as_of_date", "subscription_id", "reason_rank", "reason_text", "reason_text_zh", "model_run_id"),
            as_of_date,
            ((as_of_date, names[r.row], r.rank, r.text, r.text_zh, found.run_ids[r.row]) for r in found.reasons),
        )
        replace_rows(
            connection,
            "model_drift",
            drift.COLUMNS,
            as_of_date,
            (row for run_id, measures in found.drift.items() for row in drift.stored(as_of_date, run_id, measures)),
        )
        customer_count = replace_rows(
            connection,
            "customer_segment",
            (
                "as_of_date",
                "customer_id",
                "value_tier",
                "cluster_name",
                "previous_cluster_name",
                "move_reason",
                "model_run_id",
            ),
            as_of_date,
            ((as_of_date, *row, segment_run_id) for row in customers[list(_PLACED)].itertuples(index=False, name=None)),
        )
        value_count = replace_rows(
            connection, "subscription_lifetime_value", worth_scoring.VALUE_COLUMNS, as_of_date, values
        )
        response_count = replace_rows(
            connection, "offer_response", worth_scoring.RESPONSE_COLUMNS, as_of_date, responses
        )
    connection.commit()
    return {
        "as_of_date": as_of_date.isoformat(),
        "model_run_ids": {plan_type: one.run.model_run_id if one else None for plan_type, one in champions.items()},
        "subscription_count": count,
        "bands": dict(sorted(Counter(found.bands.tolist()).items())),
        "reason_count": reason_count,
        "customer_count": customer_count,
        "value_count": value_count,
        "worth_contacting_count": sum(
            (row[worth_scoring.VALUE_COLUMNS.index("contact_gain_amount")] or 0) > 0 for row in values
        ),
        "response_count": response_count,
        "chosen_count": sum(bool(row[worth_scoring.RESPONSE_COLUMNS.index("is_chosen")]) for row in responses),
        "unseen_values": found.unseen_values,
        "unknown_columns": found.unknown_columns,
        "empty_columns": found.empty_columns,
        "drift": {
            run_id: drift.in_words(one for one in measures if one.is_beyond_limit)
            for run_id, measures in found.drift.items()
        },
    }


def _champion(connection: Connection, name: str, settings: Settings) -> Champion | None:
    run = find_champion(connection, name)
    if run is None:
        return None
    model = load_model(model_path(settings, run.model_run_id), run.model_sha256, settings)
    return Champion(run, model, drift.read_profiles(connection, run.model_run_id))


def _score_rows(names: list[str], as_of_date: dt.date, found: ChurnScores, params: Params) -> Iterator[tuple[Any, ...]]:
    labels = params.labels
    columns = (names, found.probability, found.bands, found.run_ids)
    for subscription_id, chance, band, run_id in zip(*columns, strict=True):
        yield as_of_date, subscription_id, decimal(chance, 6), band, labels.horizon_days, labels.gap_days, run_id


def _place_customers(
    connection: Connection, as_of_date: dt.date, settings: Settings, params: Params
) -> tuple[pd.DataFrame, str | None]:
    """Customers on the network with the columns _PLACED, and the run that made the clusters.

    The month before is placed by the same model: who moved did something else, not the model.
    """
    customers = read_customers(connection, as_of_date.replace(day=1), params.segments.tiers)
    champion = find_champion(connection, SEGMENT_MODEL)
    if champion is None:
        return customers.assign(cluster_name=NOT_CLUSTERED, previous_cluster_name=None, move_reason=None), None
    model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    month = champion.as_of_date.replace(day=1)
    behaviour = read_behaviour(connection, month, params)
    before = read_behaviour(connection, (pd.Timestamp(month) - pd.DateOffset(months=1)).date(), params)
    moves = model.moves(before, behaviour)
    named = pd.Series(model.predict(behaviour), index=behaviour.index) if len(behaviour) else pd.Series(dtype=object)
    # A customer whose first line is of the open month has shown no complete month of behaviour yet.
    names = customers["customer_id"].map(named).fillna(NEW_CUSTOMER)
    told = {name: customers["customer_id"].map(moves[name]) for name in moves.columns}
    told = {name: values.astype(object).where(values.notna(), None) for name, values in told.items()}
    return customers.assign(cluster_name=names, **told), champion.model_run_id
