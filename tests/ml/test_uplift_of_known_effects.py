"""Campaigns whose effect on every line is known: what ranking, verdict and choice of contacts make of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ml.offer_choice import choose
from ml.offers import SHARE, OfferResponseModel, fit_offers, respond
from ml.params import load_params
from ml.scores import HIGH
from ml.uplift import NO_EFFECT, qini

PARAMS = load_params()
INPUTS = list(PARAMS.uplift.inputs)
TRIAL, CANDIDATES, TREATED = 8000, 4000, 0.7
VALUE, COST = 100.0, 4.0
REPETITIONS = 25

FloatArray = npt.NDArray[np.float64]
# The change in the probability of the outcome that a contact makes, for each line.
EFFECTS: dict[str, Callable[[pd.DataFrame], FloatArray]] = {
    "rises evenly with tenure": lambda rows: np.asarray(0.22 * rows["tenure_days"].rank(pct=True) - 0.06),
    "for who fades, sleeping dogs among the old": lambda rows: np.where(
        rows["revenue_trend_ratio"] < 0.85, 0.25, np.where(rows["tenure_days"] > 1500, -0.12, 0.0)
    ),
    "only in the middle": lambda rows: np.where((rows["data_bytes_30"].rank(pct=True) - 0.5).abs() < 0.2, 0.25, -0.02),
    "only for two things together": lambda rows: np.where(
        (rows["revenue_trend_ratio"] < 0.95) & (rows["contract_days_left"].fillna(0) < 60), 0.25, 0.0
    ),
}


def lines(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Lines with the inputs of the uplift models, in the ranges of an operator."""
    drawn = {
        "tenure_days": rng.exponential(700, count),
        "monthly_fee_amount": rng.choice([19.0, 29.0, 59.0, 99.0, 139.0], count),
        "usage_charge_amount": rng.gamma(0.5, 10, count),
        "revenue_1_month_amount": rng.lognormal(4, 0.5, count),
        "data_bytes_30": rng.lognormal(22, 1.2, count),
        "voice_seconds_30": rng.lognormal(8, 1, count),
        "contract_days_left": np.where(rng.random(count) < 0.5, rng.uniform(0, 700, count), np.nan),
        "days_since_last_use": rng.geometric(0.4, count) - 1.0,
        "addon_count": rng.poisson(0.5, count).astype(float),
        "revenue_trend_ratio": rng.lognormal(0, 0.3, count),
    }
    return pd.DataFrame(drawn)[INPUTS]


def trial(rng: np.random.Generator, rows: pd.DataFrame, effect: FloatArray, name: str = "A campaign") -> pd.DataFrame:
    """A finished campaign on `rows`, as `read_trials` gives it."""
    treated = (rng.random(len(rows)) < TREATED).astype(int)
    # The young do it more often anyway: an effect is not to be mistaken for that.
    alone = 0.15 + 0.1 * (rows["tenure_days"] < rows["tenure_days"].quantile(0.3)).to_numpy()
    outcome = (rng.random(len(rows)) < np.clip(alone + effect * treated, 0, 1)).astype(int)
    return rows.assign(campaign_name=name, is_treated=treated, has_outcome=outcome, **{SHARE: TREATED})


@pytest.fixture(scope="module", params=list(EFFECTS))
def trained(request: pytest.FixtureRequest) -> tuple[str, OfferResponseModel]:
    """The name of an effect, and a model of a campaign that had it."""
    rng = np.random.default_rng(7)
    rows = lines(rng, TRIAL)
    return request.param, fit_offers(trial(rng, rows, EFFECTS[request.param](rows)), PARAMS)[0]


def test_ranking_of_unseen_lines__has_the_qini_of_the_true_effects_within_its_interval(
    trained: tuple[str, OfferResponseModel],
) -> None:
    name, model = trained
    rng = np.random.default_rng(9)
    rows = lines(rng, TRIAL)
    effect = EFFECTS[name](rows)
    table = trial(rng, rows, effect)
    outcome = (table["is_treated"], table["has_outcome"], table[SHARE])
    oracle = qini(effect, *outcome)
    ours = qini(model.predict(table, table["campaign_name"]), *outcome)
    assert oracle.low <= ours.coefficient <= oracle.high
    assert ours.low <= oracle.coefficient <= ours.high


def test_chosen_contacts__earn_most_of_what_the_true_effects_would_and_ask_nobody_who_opted_out(
    trained: tuple[str, OfferResponseModel],
) -> None:
    name, model = trained
    earned, best = earned_and_best(np.random.default_rng(8), name, model)
    assert earned >= 0.85 * best


def earned_and_best(rng: np.random.Generator, name: str, model: OfferResponseModel) -> tuple[float, float]:
    """True increment of the contacts that are chosen under a budget, and of those that the true effects would choose.

    Checks that nobody is contacted who opted out, is not eligible or has been asked too often, and the budget.
    """
    rows = lines(rng, CANDIDATES)
    effect = EFFECTS[name](rows)
    numbered = [str(number) for number in range(CANDIDATES)]
    candidates = rows.assign(
        subscription_id=numbered,
        customer_id=numbered,
        campaign_name="A campaign",
        outcome_code="took_offer",
        is_eligible=rng.random(CANDIDATES) < 0.95,
        is_consented=rng.random(CANDIDATES) < 0.8,
        recent_contact_count=rng.integers(0, 3, CANDIDATES),
        contact_cost_amount=COST,
        outcome_value_amount=VALUE,
        currency_code="CNY",
    )
    risk = pd.DataFrame({"churn_probability": 0.3, "risk_band": HIGH}, index=candidates["subscription_id"])
    chosen = respond(candidates, risk, model, PARAMS)[1].is_chosen
    assert not chosen[~candidates["is_consented"]].any()
    allowed = (
        candidates["is_eligible"]
        & candidates["is_consented"]
        & (candidates["recent_contact_count"] <= PARAMS.offers.maximum_recent_contacts)
    )
    assert not chosen[~allowed].any()
    assert COST * chosen.sum() <= PARAMS.offers.budget_amount
    oracle = choose(
        candidates.assign(increment=effect * VALUE, cost=COST, is_allowed=allowed),
        PARAMS.offers.budget_amount,
        PARAMS.offers.contacts_per_customer,
    )
    return float(VALUE * effect[chosen].sum()), oracle.increment


@pytest.mark.long
@pytest.mark.parametrize("name", EFFECTS)
def test_twenty_five_trials_of_an_effect__are_ranked_and_used_nearly_as_the_true_effects_would(name: str) -> None:
    # With the four effects a hundred trials. A true interval of 95 % misses one in twenty by chance, and a trial may
    # show too little to tell lines apart: everyone then gets the mean effect, and the choice is a poor one.
    within, pairs = 0, []
    for seed in range(REPETITIONS):
        rng = np.random.default_rng(5000 + seed)
        learnt = lines(rng, TRIAL)
        model = fit_offers(trial(rng, learnt, EFFECTS[name](learnt)), PARAMS)[0]
        rows = lines(rng, TRIAL)
        effect = EFFECTS[name](rows)
        table = trial(rng, rows, effect)
        outcome = (table["is_treated"], table["has_outcome"], table[SHARE])
        ours, oracle = qini(model.predict(table, table["campaign_name"]), *outcome), qini(effect, *outcome)
        within += ours.low <= oracle.coefficient <= ours.high
        pairs.append(earned_and_best(rng, name, model))
    shares = [earned / best for earned, best in pairs]
    earned, best = np.sum(pairs, axis=0)
    print(f"{name}: Qini within its interval {within} of {REPETITIONS}, share of the oracle's increment"
          f" {min(shares):.3f} to {max(shares):.3f}, all together {earned / best:.3f}")  # fmt: skip
    assert within >= 0.9 * REPETITIONS
    assert earned >= 0.85 * best
    assert sum(share >= 0.85 for share in shares) >= 0.9 * REPETITIONS


@pytest.mark.long
def test_campaign_without_effect_on_real_inputs__is_said_to_have_none_in_ninety_of_a_hundred() -> None:
    honest = 0
    for seed in range(100):
        rng = np.random.default_rng(1000 + seed)
        rows = lines(rng, 600)
        found = fit_offers(trial(rng, rows, np.zeros(len(rows))), PARAMS)[1][0]
        honest += found["verdict"] == NO_EFFECT and not found["is_individual"]
    print(f"{honest} of 100 campaigns without effect are said to have none")
    assert honest >= 90
