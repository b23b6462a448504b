"""The three steps that a run calls: train when it is time, score, say what models there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import psycopg

from ml import backtest, churn_training, scoring, training, worth_training
from ml.errors import TrainingRefused
from ml.explanation import explain_subscription, in_words
from ml.model_card import model_card
from ml.params import Params, load_params
from ml.registry import CHURN_MODELS, LIFETIME_MODEL, OFFER_MODEL, SEGMENT_MODEL, all_runs, find_champion
from tenure.db import connect
from tenure.errors import TenureError
from tenure.settings import Settings

LOCK = "tenure models"
Step = Callable[[psycopg.Connection[Any], Settings, Params], dict[str, Any]]
STEPS: dict[str, Step] = {
    **{name: partial(churn_training.train_churn, plan_type=plan_type) for plan_type, name in CHURN_MODELS.items()},
    SEGMENT_MODEL: training.train_segments,
    LIFETIME_MODEL: worth_training.train_lifetime,
    OFFER_MODEL: worth_training.train_offers,
}


def train_if_needed(settings: Settings, params: Params | None = None) -> dict[str, Any]:
    """Train each model that has not yet learnt from the newest month it could learn from.

    Returns a dict by model (churn_postpaid, churn_prepaid, customer_segments, lifetime_value, offer_response), each
    with "status" (trained, kept, refused or not_needed), "reason" and, where there is a model, "model_run_id" and its
    measures. Too little data is no error: the last good model stays, and says why. Raises LeakageError when a feature
    is known only after the outcome.
    """
    params = params or load_params()
    results: dict[str, Any] = {}
    with _alone(settings) as connection:
        for name, step in STEPS.items():
            try:
                results[name] = step(connection, settings, params)
            except TrainingRefused as refusal:
                connection.rollback()
                results[name] = training.refused(connection, name, str(refusal))
    return results


def score(settings: Settings, params: Params | None = None) -> dict[str, Any]:
    """Score every subscription on the network, and place every customer, at the newest as_of_date.

    Returns {"as_of_date", "model_run_ids", "subscription_count", "bands", "reason_count", "customer_count",
    "unseen_values", "unknown_columns", "empty_columns", "drift"}; drift says of each churn model what is beyond its
    limit. A row whose plan type has no model is not_enough_history with no probability. Scoring again replaces the rows
    of that date by the same rows. Raises ModelFileError, FeatureContractError; nothing is written then.
    """
    with _alone(settings) as connection:
        return scoring.score(connection, settings, params or load_params())


def backtest_if_needed(settings: Settings, params: Params | None = None) -> dict[str, list[backtest.Measured] | None]:
    """Back-test the churn models in use, each once: by model what was measured, None where it stood already.

    A model that is not there is left out.
    """
    params = params or load_params()
    results: dict[str, list[backtest.Measured] | None] = {}
    with connect("scorer", settings=settings) as connection:
        for name in CHURN_MODELS.values():
            champion = find_champion(connection, name)
            if champion is None:
                continue
            results[name] = None
            if not backtest.is_done(connection, champion):
                results[name] = backtest.measure_months(connection, settings, params, champion)
                backtest.record(connection, champion, results[name] or [])
                connection.commit()
    return results


def explain(settings: Settings, subscription_id: str, params: Params | None = None) -> list[str]:
    """Why a subscription has the score that it has, as lines to read. Raises as `explain_subscription` does."""
    params = params or load_params()
    with connect("scorer", settings=settings) as connection:
        return in_words(explain_subscription(connection, settings, params, subscription_id), params)


def card(settings: Settings, model_run_id: str, params: Params | None = None) -> str:
    """The model card of a run, as Markdown. Raises TenureError where there is no such run."""
    with connect("scorer", settings=settings) as connection:
        run = next((run for run in all_runs(connection) if run.model_run_id == model_run_id), None)
    if run is None:
        raise TenureError(f"there is no model run {model_run_id}", hint="`tenure models` lists them")
    return model_card(run, params or load_params())


def models(settings: Settings) -> list[dict[str, Any]]:
    """Every model run, newest first, as JSON-able dicts of scores.model_run."""
    with connect("scorer", settings=settings) as connection:
        found = [asdict(run) for run in all_runs(connection)]
    return [{name: _plain(value) for name, value in run.items()} for run in found]


@contextmanager
def _alone(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    # Two runs at once would train twice and could leave two champions.
    with connect("scorer", autocommit=True, settings=settings) as guard:
        guard.execute("select pg_advisory_lock(hashtext(%s))", (LOCK,))
        with connect("scorer", settings=settings) as connection:
            yield connection


def _plain(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
