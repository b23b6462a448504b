"""The profit of a campaign against an integration over all thresholds, written out slowly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from ml.params import ProfitParams, load_params
from ml.profit import contact_gains, expected_maximum_profit

PARAMS = ProfitParams(
    customer_value_amount=200, offer_amount=10, contact_amount=1, acceptance_alpha=6, acceptance_beta=14
)


def _slowly(left: list[int], probability: list[float], params: ProfitParams) -> tuple[float, float]:
    """For each of many shares of acceptance, the best of all prefixes of the ranking, weighted by how likely it is."""
    shares = (np.arange(4000) + 0.5) / 4000
    density = beta.pdf(shares, params.acceptance_alpha, params.acceptance_beta) / 4000
    thresholds = [*sorted(set(probability), reverse=True)]
    profit, contacted = 0.0, 0.0
    for share, weight in zip(shares, density, strict=True):
        best, best_count = 0.0, 0
        for threshold in thresholds:
            reached = [is_left for is_left, chance in zip(left, probability, strict=True) if chance >= threshold]
            gain = sum(
                share * (params.customer_value_amount - params.offer_amount) if is_left else -params.offer_amount
                for is_left in reached
            ) - params.contact_amount * len(reached)
            if gain > best:
                best, best_count = gain, len(reached)
        profit += weight * best / len(left)
        contacted += weight * best_count / len(left)
    return profit, contacted


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_profit__is_that_of_the_best_threshold_for_each_share_of_acceptance(seed: int) -> None:
    random = np.random.default_rng(seed)
    left = (random.random(40) < 0.25).astype(int)
    # One digit, so that there are ties.
    probability = np.round(0.4 * left + random.random(40) * 0.6, 1)
    found = expected_maximum_profit(left, probability, PARAMS)
    profit, contacted = _slowly(left.tolist(), probability.tolist(), PARAMS)
    assert found.profit_amount == pytest.approx(profit, rel=1e-3)
    assert found.contact_share == pytest.approx(contacted, abs=2e-3)


def test_contacts_that_cost_more_than_they_keep__are_not_made() -> None:
    left = np.array([1, 0] * 50)
    dear = PARAMS.model_copy(update={"contact_amount": 1000.0})
    found = expected_maximum_profit(left, np.linspace(0, 1, 100), dear)
    assert (found.profit_amount, found.contact_share) == (0.0, 0.0)


def test_a_perfect_ranking__contacts_the_leavers_only() -> None:
    left = np.array([1] * 20 + [0] * 80)
    found = expected_maximum_profit(left, left.astype(float), PARAMS)
    # 190 kept for 0.3 of 20 in 100 on average, 1 a contact.
    assert found.profit_amount == pytest.approx(0.2 * (0.3 * 190 - 1), rel=1e-4)
    assert found.contact_share == pytest.approx(0.2, abs=1e-4)


def test_one_class__has_no_profit() -> None:
    with pytest.raises(ValueError, match="leavers and stayers"):
        expected_maximum_profit([0, 0], [0.1, 0.2], load_params().profit)


def test_gain__is_the_mean_of_what_contacts_earn_line_by_line() -> None:
    chance, value = np.array([0.30, 0.30, 0.02, 0.50]), np.array([400.0, 100.0, 400.0, 300.0])
    unit = value.mean() / PARAMS.customer_value_amount
    random = np.random.default_rng(4)
    draws = 200_000
    leaves = random.random((draws, 4)) < chance
    accepts = random.random((draws, 4)) < random.beta(6, 14, (draws, 1))
    offer, contact = 10 * unit, 1 * unit
    earned = np.where(leaves, np.where(accepts, value - offer, 0.0), -offer) - contact
    assert np.abs(contact_gains(chance, value, PARAMS) - earned.mean(axis=0)).max() < 0.5
    # The same chance of leaving pays for one who is worth four times as much, and not for the other.
    gains = contact_gains(chance, value, PARAMS)
    assert gains[0] > 0 > gains[1]


def test_gain__of_what_is_not_known_is_not_known() -> None:
    gains = contact_gains([np.nan, 0.5, 0.5], [100.0, np.nan, 100.0], PARAMS)
    assert np.isnan(gains).tolist() == [True, True, False]
    assert np.isnan(contact_gains([0.5], [np.nan], PARAMS)).all()
