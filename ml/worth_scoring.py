"""Scoring of the models of worth: the lifetime value of every line, and the response of every candidate of an offer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import psycopg

from ml.lifetime_value import LifetimeModel, read_panel
from ml.model_file import load_model
from ml.offers import OfferResponseModel, read_candidates, respond
from ml.params import Params
from ml.profit import contact_gains
from ml.registry import LIFETIME_MODEL, OFFER_MODEL, find_champion, model_path
from ml.scores import decimal
from tenure.settings import Settings

Connection = psycopg.Connection[Any]
Rows = list[tuple[Any, ...]]

VALUE_COLUMNS = (
    "as_of_date", "subscription_id", "customer_id", "value_kind", "expected_months", "monthly_margin_amount",
    "value_amount", "deviation_amount", "interval_scale", "horizon_months", "annual_discount_rate", "currency_code",
    "contact_gain_amount", "model_run_id",
)  # fmt: skip
RESPONSE_COLUMNS = (
    "as_of_date", "subscription_id", "campaign_name", "outcome_code", "verdict_name", "uplift_rate", "is_individual",
    "is_contactable", "outcome_value_amount", "contact_cost_amount", "increment_amount", "currency_code", "is_chosen",
    "reason_text", "reason_text_zh", "model_run_id",
)  # fmt: skip


def lifetime_rows(
    connection: Connection, as_of_date: dt.date, risk: pd.DataFrame, settings: Settings, params: Params
) -> Rows:
    """Rows of scores.subscription_lifetime_value; none without a model. `risk` is as in `offer_rows`."""
    champion = find_champion(connection, LIFETIME_MODEL)
    if champion is None:
        return []
    model: LifetimeModel = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    panel, _ = read_panel(connection, params)
    rows = panel.scored(params.lifetime_value.mean_months)
    months = params.lifetime_value.horizon_months
    survival = model.survival(rows, months)
    value = model.expected(rows, months)
    deviation = model.deviation(value, rows["kind"])
    margin = model.monthly_margin(rows)
    gain = contact_gains(
        rows["subscription_id"].map(risk["churn_probability"]).to_numpy(dtype=float), value, params.profit
    )
    return [
        (
            as_of_date, row.subscription_id, row.customer_id, row.kind, decimal(survival[place].sum(), 2),
            decimal(margin[place], 2), decimal(value[place], 2), decimal(deviation[place], 2),
            decimal(model.scale_[str(row.kind)], 4), months, decimal(params.lifetime_value.annual_discount_rate, 4),
            champion.details["currency_code"], decimal(gain[place], 2), champion.model_run_id,
        )
        for place, row in enumerate(rows.itertuples(index=False))
    ]  # fmt: skip


def offer_rows(
    connection: Connection, as_of_date: dt.date, risk: pd.DataFrame, settings: Settings, params: Params
) -> Rows:
    """Rows of scores.offer_response; none without a model. `risk`: see `offers.respond`."""
    champion = find_champion(connection, OFFER_MODEL)
    if champion is None:
        return []
    model: OfferResponseModel = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    candidates = read_candidates(connection, params)
    if candidates.empty:
        return []
    found, _ = respond(candidates, risk, model, params)
    return [
        (
            as_of_date, row.subscription_id, row.campaign_name, row.outcome_code, row.verdict_name,
            decimal(row.uplift_rate, 6), row.is_individual, row.is_contactable, decimal(row.outcome_value_amount, 2),
            decimal(row.contact_cost_amount, 4), decimal(row.increment_amount, 2), row.currency_code, row.is_chosen,
            row.reason_text, row.reason_text_zh, champion.model_run_id,
        )
        for row in found.itertuples(index=False)
    ]  # fmt: skip
