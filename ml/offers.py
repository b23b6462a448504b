"""Offer response: what each campaign changes for whom, learnt from its control groups, and who is contacted next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from sklearn.base import BaseEstimator

from ml.features import query_frame
from ml.offer_choice import Choice, choose
from ml.params import Params
from ml.scores import HIGH, MEDIUM
from ml.uplift import NO_EFFECT, UpliftModel, uplift_model

SHARE = "treated_share"


@dataclass(frozen=True)
class _Phrases:
    """How the response to an offer is told in a language."""

    outcomes: dict[str, str]
    alike: str
    any_customer: str
    none: str
    fewer: str
    more: str
    worth: str


_ENGLISH = _Phrases(
    outcomes={"stayed": "stay", "took_offer": "take the offer", "moved_up": "move to a dearer plan"},
    alike="customers like this one",
    any_customer="customers",
    none="{campaign}: its tests show no effect",
    fewer="{campaign}: leave alone; of 100 {who} contacted, {count:.1f} fewer {what}",
    more="{campaign}: of 100 {who} contacted, {count:.1f} more {what}",
    worth="; brings {currency} {increment:.2f}, costs {cost:.2f}",
)
_CHINESE = _Phrases(
    outcomes={"stayed": "留网", "took_offer": "接受优惠", "moved_up": "升档"},
    alike="名同类客户",
    any_customer="名客户",
    none="{campaign}：测试未显示效果",
    fewer="{campaign}：不宜联系；每联系100{who}，{what}减少{count:.1f}人",
    more="{campaign}：每联系100{who}，{what}增加{count:.1f}人",
    worth="；带来{increment:.2f} {currency}，成本{cost:.2f}",
)


class OfferResponseModel(BaseEstimator):
    """An UpliftModel for each campaign. Attributes after fit: `campaigns_` (name -> UpliftModel)."""

    def __init__(self, inputs: tuple[str, ...] = ()) -> None:
        self.inputs = inputs

    def predict(self, X: pd.DataFrame, campaign_name: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Change in the probability of each row's campaign outcome by a contact, shape (n,); NaN where not known."""
        names = np.asarray(campaign_name, dtype=object)
        uplift = np.full(len(X), np.nan)
        for name, model in self.campaigns_.items():
            rows = names == name
            if rows.any():
                uplift[rows] = model.predict(X.loc[rows, list(self.inputs)])
        return uplift


def fit_offers(trials: pd.DataFrame, params: Params) -> tuple[OfferResponseModel, list[dict[str, Any]]]:
    """Learn from finished trials (rows of `read_trials`), one model a campaign.

    Returns the model, and of each campaign name, rows, effect with interval, Qini with interval and verdict; a campaign
    without a control group is left out.
    """
    model = OfferResponseModel(inputs=tuple(params.uplift.inputs))
    model.campaigns_ = {}
    found = []
    for name, rows in trials.groupby("campaign_name", sort=True):
        usable = rows[rows[SHARE].between(0.0, 1.0, inclusive="neither")]
        if usable.empty:
            continue
        fitted: UpliftModel = uplift_model(params.uplift, params.seed).fit(
            usable[list(params.uplift.inputs)], usable["is_treated"], usable["has_outcome"], usable[SHARE]
        )
        model.campaigns_[str(name)] = fitted
        coefficient, low, high = fitted.qini_
        found.append(
            {
                "campaign_name": str(name),
                "rows": len(usable),
                "effect": round(fitted.mean_effect_, 6),
                "effect_low": round(fitted.mean_low_, 6),
                "effect_high": round(fitted.mean_high_, 6),
                "verdict": fitted.verdict_,
                "qini": round(coefficient, 6),
                "qini_low": round(low, 6),
                "qini_high": round(high, 6),
                "is_individual": fitted.is_individual_,
            }
        )
    return model, found


def respond(
    candidates: pd.DataFrame, risk: pd.DataFrame, model: OfferResponseModel, params: Params
) -> tuple[pd.DataFrame, Choice]:
    """What a contact would change for each candidate (rows of `read_candidates`), and who is chosen.

    `risk` has churn_probability and risk_band, indexed by subscription_id. An offer to stay was tried on lines at risk:
    others are not contacted with it, and nobody can be kept more surely than he would have left.

    Adds uplift_rate, verdict_name, is_individual, is_contactable, increment_amount, is_chosen, reason_text and
    reason_text_zh to the candidates of campaigns that the model knows.
    """
    known = candidates[candidates["campaign_name"].isin(list(model.campaigns_))].reset_index(drop=True)
    keeps = known["outcome_code"] == "stayed"
    probability = known["subscription_id"].map(risk["churn_probability"]).to_numpy(dtype=float)
    is_at_risk = known["subscription_id"].map(risk["risk_band"]).isin([HIGH, MEDIUM])
    uplift = model.predict(known, known["campaign_name"])
    bounded = np.where(keeps, np.fmin(uplift, np.nan_to_num(probability)), uplift)
    models = [model.campaigns_[name] for name in known["campaign_name"]]
    known = known.assign(
        uplift_rate=np.round(bounded, 6),
        verdict_name=[it.verdict_ for it in models],
        is_individual=[bool(it.is_individual_) for it in models],
        is_contactable=(
            known["is_eligible"]
            & known["is_consented"]
            & (known["recent_contact_count"] <= params.offers.maximum_recent_contacts)
            & (~keeps | is_at_risk)
        ),
    )
    known["increment_amount"] = np.round(known["uplift_rate"] * known["outcome_value_amount"], 2)
    limits = params.offers
    usable = known.assign(
        increment=known["increment_amount"].fillna(0.0),
        cost=known["contact_cost_amount"].fillna(0.0),
        is_allowed=known["is_contactable"] & known["increment_amount"].notna() & known["contact_cost_amount"].notna(),
    )
    choice = choose(usable, limits.budget_amount, limits.contacts_per_customer)
    known["is_chosen"] = choice.is_chosen
    known["reason_text"] = [_reason(row, _ENGLISH) for row in known.itertuples(index=False)]
    known["reason_text_zh"] = [_reason(row, _CHINESE) for row in known.itertuples(index=False)]
    return known, choice


def _reason(row: Any, phrases: _Phrases) -> str:
    parts = {
        "campaign": row.campaign_name,
        "what": phrases.outcomes.get(row.outcome_code, row.outcome_code),
        "who": phrases.alike if row.is_individual else phrases.any_customer,
        "count": abs(row.uplift_rate) * 100,
    }
    if row.uplift_rate == 0.0 and row.verdict_name == NO_EFFECT:
        return phrases.none.format(**parts)
    if row.uplift_rate < 0:
        return phrases.fewer.format(**parts)
    text = phrases.more.format(**parts)
    if not np.isnan(row.increment_amount) and not np.isnan(row.contact_cost_amount):
        text += phrases.worth.format(
            currency=row.currency_code, increment=row.increment_amount, cost=row.contact_cost_amount
        )
    return text


def read_trials(connection: psycopg.Connection[Any], params: Params) -> pd.DataFrame:
    """Lines assigned to finished campaign runs, with what was known of them at the month end before.

    Columns: campaign_name, campaign_id, is_treated, has_outcome, SHARE (of treated in the run) and the inputs.
    """
    found = query_frame(
        connection,
        f"""
        select
            campaign.campaign_name, contact.campaign_id, contact.subscription_id,
            (not contact.is_control)::int as is_treated, contact.has_outcome::int as has_outcome,
            avg((not contact.is_control)::int) over (partition by contact.campaign_id)::float8 as {SHARE},
            {_inputs(params)}
        from build.fct_campaign_contact as contact
        join build.dim_campaign as campaign using (campaign_id)
        join features.subscription_features as feature
            on feature.subscription_id = contact.subscription_id
            and feature.as_of_date = date_trunc('month', contact.assigned_date)::date - 1
        where contact.is_window_complete and contact.outcome_code <> 'came_back'
        order by contact.campaign_contact_id
        """,  # noqa: S608 (constants and checked names)
    )
    return _with_numbers(found)


def read_candidates(connection: psycopg.Connection[Any], params: Params) -> pd.DataFrame:
    """Rows of features.offer_candidate with the inputs as of now, by subscription and campaign."""
    found = query_frame(
        connection,
        f"""
        select
            candidate.as_of_date, candidate.subscription_id, candidate.customer_id, candidate.campaign_name,
            candidate.outcome_code, candidate.is_eligible, candidate.is_consented, candidate.recent_contact_count,
            candidate.contact_cost_amount::float8 as contact_cost_amount,
            candidate.outcome_value_amount::float8 as outcome_value_amount, candidate.currency_code,
            {_inputs(params)}
        from features.offer_candidate as candidate
        join features.subscription_features as feature using (subscription_id, as_of_date)
        order by candidate.subscription_id, candidate.campaign_name
        """,  # noqa: S608 (constants and checked names)
    )
    return _with_numbers(found)


def _inputs(params: Params) -> str:
    return ", ".join(f'feature."{name}"::float8 as "{name}"' for name in params.uplift.inputs)


def _with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with amounts and shares as floats, also where a whole column is empty."""
    numbers = [name for name in frame.columns if name.endswith("_amount") or name == SHARE]
    return frame.astype(dict.fromkeys(numbers, "float64"))
