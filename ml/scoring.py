"""Scoring: every subscription on the network once, the reasons of those at risk, every customer's segment."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg

from ml import worth_scoring
from ml.features import FeatureColumn, check_contract, has_history, read_scoring_rows, split_inputs
from ml.model_file import load_model
from ml.params import Params
from ml.reasons import Reason, explain
from ml.registry import CHURN_MODEL, SEGMENT_MODEL, ModelRun, find_champion, model_path
from ml.scores import HIGH, MEDIUM, NOT_ENOUGH_HISTORY, replace_rows, risk_bands
from ml.segments import NEW_CUSTOMER, NOT_CLUSTERED, read_behaviour, read_customers
from tenure.errors import TenureError
from tenure.settings import Settings

Connection = psycopg.Connection[Any]
Names = npt.NDArray[np.object_]


def score(connection: Connection, settings: Settings, params: Params) -> dict[str, Any]:
    """Score the newest as_of_date and replace its rows in all score tables, in one transaction."""
    rows = read_scoring_rows(settings, params)
    if rows.empty:
        raise TenureError(
            "there is no subscription to score", hint="run `tenure land` and `tenure build` first, then score again"
        )
    as_of_date = pd.Timestamp(rows["as_of_date"].iloc[0]).date()
    champion = find_champion(connection, CHURN_MODEL)
    probability = np.full(len(rows), np.nan)
    bands: Names = np.full(len(rows), NOT_ENOUGH_HISTORY, dtype=object)
    reasons: list[Reason] = []
    findings: dict[str, Any] = {"unseen_values": {}, "unknown_columns": [], "empty_columns": []}
    if champion is not None:
        probability, bands, reasons, findings = _score_churn(rows, champion, settings, params)
    customers, segment_run_id = _place_customers(connection, as_of_date, settings, params)
    run_id = champion.model_run_id if champion else None
    values = worth_scoring.lifetime_rows(connection, as_of_date, settings, params)
    risk = pd.DataFrame({"churn_probability": probability, "risk_band": bands}, index=rows["subscription_id"])
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
            _score_rows(names, as_of_date, probability, bands, run_id, params),
        )
        reason_count = replace_rows(
            connection,
            "churn_reason",
            ("as_of_date", "subscription_id", "reason_rank", "reason_text", "model_run_id"),
            as_of_date,
            ((as_of_date, names[r.row], r.rank, r.text, run_id) for r in reasons),
        )
        customer_count = replace_rows(
            connection,
            "customer_segment",
            ("as_of_date", "customer_id", "value_tier", "cluster_name", "model_run_id"),
            as_of_date,
            (
                (as_of_date, row.customer_id, row.value_tier, row.cluster_name, segment_run_id)
                for row in customers.itertuples(index=False)
            ),
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
        "model_run_id": run_id,
        "subscription_count": count,
        "bands": dict(sorted(Counter(bands.tolist()).items())),
        "reason_count": reason_count,
        "customer_count": customer_count,
        "value_count": value_count,
        "response_count": response_count,
        "chosen_count": sum(bool(row[worth_scoring.RESPONSE_COLUMNS.index("is_chosen")]) for row in responses),
        **findings,
    }


def _score_churn(
    rows: pd.DataFrame, champion: ModelRun, settings: Settings, params: Params
) -> tuple[npt.NDArray[np.float64], Names, list[Reason], dict[str, Any]]:
    model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    details = champion.details
    inputs = [FeatureColumn(name, kind) for name, kind in details["inputs"]]
    known = {*params.features.keys, *params.features.excluded}
    found = check_contract(rows.drop(columns=[name for name in rows.columns if name in known]), inputs)
    frame = split_inputs(rows, inputs)
    encoded = model.encoder_.transform(frame)
    # Six digits: what is stored is then the same on every machine, and the bands agree with what is stored.
    probability = np.round(model.predict_encoded(encoded)[:, 1], 6)
    probability[~has_history(rows, params)] = np.nan
    bands = risk_bands(probability, details["bands"])
    at_risk = np.flatnonzero(np.isin(bands, (HIGH, MEDIUM)))
    reasons = [
        Reason(int(at_risk[reason.row]), reason.rank, reason.text, reason.odds_ratio)
        for reason in explain(model, frame.iloc[at_risk], params.reasons)
    ]
    findings = {
        "unseen_values": model.encoder_.unseen_counts(encoded),
        "unknown_columns": found["unknown"],
        "empty_columns": found["empty"],
    }
    return probability, bands, reasons, findings


def _score_rows(
    names: list[str],
    as_of_date: dt.date,
    probability: npt.NDArray[np.float64],
    bands: Names,
    run_id: str | None,
    params: Params,
) -> Iterator[tuple[Any, ...]]:
    labels = params.labels
    for subscription_id, chance, band in zip(names, probability, bands, strict=True):
        stored = None if np.isnan(chance) else Decimal(f"{chance:.6f}")
        yield as_of_date, subscription_id, stored, band, labels.horizon_days, labels.gap_days, run_id


def _place_customers(
    connection: Connection, as_of_date: dt.date, settings: Settings, params: Params
) -> tuple[pd.DataFrame, str | None]:
    """Customers on the network with value_tier and cluster_name, and the run that made the clusters."""
    customers = read_customers(connection, as_of_date.replace(day=1), params.segments.tiers)
    champion = find_champion(connection, SEGMENT_MODEL)
    if champion is None:
        return customers.assign(cluster_name=NOT_CLUSTERED), None
    model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    behaviour = read_behaviour(connection, champion.as_of_date.replace(day=1), params)
    named = pd.Series(model.predict(behaviour), index=behaviour.index) if len(behaviour) else pd.Series(dtype=object)
    # A customer whose first line is of the open month has shown no complete month of behaviour yet.
    names = customers["customer_id"].map(named).fillna(NEW_CUSTOMER)
    return customers.assign(cluster_name=names), champion.model_run_id
