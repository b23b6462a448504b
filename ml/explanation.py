"""Why one subscription has the score that it has: on demand, whatever its band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import psycopg

from ml.features import PLAN, FeatureColumn, check_contract, has_history, read_scoring_rows, split_inputs
from ml.model_file import load_model
from ml.params import Params
from ml.reasons import Reason, explain
from ml.registry import CHURN_MODELS, find_champion, model_path
from ml.scores import NOT_ENOUGH_HISTORY, risk_bands
from tenure.errors import TenureError
from tenure.settings import Settings


@dataclass(frozen=True)
class Explanation:
    """A subscription's probability (0-1, None with too little history), band and reasons, strongest first."""

    subscription_id: str
    as_of_date: str
    probability: float | None
    band: str
    reasons: tuple[Reason, ...]
    model_run_id: str


def explain_subscription(
    connection: psycopg.Connection[tuple[object, ...]], settings: Settings, params: Params, subscription_id: str
) -> Explanation:
    """Score one subscription with the champion, and say why.

    Raises TenureError for a subscription that is not on the network and when there is no model; ModelFileError and
    FeatureContractError as scoring does.
    """
    rows = read_scoring_rows(settings, params, subscription_id)
    if rows.empty:
        raise TenureError(
            f"subscription {subscription_id!r} is not on the network",
            hint="only subscriptions on the network are scored; marts.lost_customer has those that left",
        )
    plan_type = str(rows[PLAN].iloc[0])
    champion = find_champion(connection, CHURN_MODELS[plan_type])
    if champion is None:
        raise TenureError(f"there is no {plan_type} churn model in use", hint="run `tenure train` first")
    model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    inputs = [FeatureColumn(name, kind) for name, kind in champion.details["inputs"]]
    check_contract(rows, inputs)
    as_of_date = pd.Timestamp(rows["as_of_date"].iloc[0]).date().isoformat()
    if not has_history(rows, params)[0]:
        return Explanation(subscription_id, as_of_date, None, NOT_ENOUGH_HISTORY, (), champion.model_run_id)
    frame = split_inputs(rows, inputs)
    probability = np.round(model.predict_proba(frame)[:, 1], 6)
    return Explanation(
        subscription_id,
        as_of_date,
        float(probability[0]),
        str(risk_bands(probability, champion.details["bands"])[0]),
        tuple(explain(model, rows, params.reasons)),
        champion.model_run_id,
    )


def in_words(found: Explanation, params: Params) -> list[str]:
    """An explanation as lines to read."""
    who = f"Subscription {found.subscription_id}, as of {found.as_of_date}"
    model = f"Model {found.model_run_id}"
    if found.probability is None:
        return [f"{who}: too new for a score (less than {params.history.minimum:.0f} days)", model]
    labels = params.labels
    lines = [
        f"{who}: {found.probability:.1%} chance of leaving in the {labels.horizon_days} days that begin in "
        f"{labels.gap_days} days ({found.band} risk)"
    ]
    lines += [
        f"  {reason.rank}. {reason.text} (raises the odds of leaving {reason.odds_ratio:.1f} times)"
        for reason in found.reasons
    ]
    if not found.reasons:
        lines.append("  nothing about it raises the odds of leaving noticeably")
    return [*lines, model]
