"""What contacts of a retention campaign earn: of a whole ranking (EMPC), and of each line by its own value.

Verbraken, Verbeke and Baesens, "A novel profit maximizing metric for measuring classification performance of customer
churn prediction models", IEEE Transactions on Knowledge and Data Engineering 25 (5), 2013, equations 13 and 18. With a
value of each customer instead of one for all: Janssens, Bogaert, Bague and Van den Poel, "B2Boost: instance-dependent
profit-driven modelling of B2B churn", Annals of Operations Research, 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta as beta_distribution
from sklearn.metrics import roc_curve

from ml.params import ProfitParams

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CampaignProfit:
    """Expected profit of a retention campaign per subscription scored, and the share of them that it pays to contact.

    `profit_amount` is in the unit of the parameters' amounts; `contact_share` is in 0-1.
    """

    profit_amount: float
    contact_share: float


def expected_maximum_profit(left: npt.ArrayLike, probability: npt.ArrayLike, params: ProfitParams) -> CampaignProfit:
    """Profit of contacting the most probable leavers, down to the best threshold for each share of acceptance.

    A leaver who is contacted accepts with a share that is not known: it follows a beta distribution. Each keeps his
    value less the offer; a stayer who is contacted takes the offer for nothing; every contact costs. `left` (n,) is of
    0 and 1, both present (ValueError otherwise), `probability` (n,) ranks.
    """
    target = np.asarray(left, dtype=float)
    if not 0 < target.sum() < len(target):
        raise ValueError("the profit of a campaign needs leavers and stayers")
    if params.customer_value_amount <= params.offer_amount:
        return CampaignProfit(0.0, 0.0)
    stayers_reached, leavers_reached = _hull(*roc_curve(target, np.asarray(probability, dtype=float))[:2])
    leaver_share = float(target.mean())
    reached = leaver_share * leavers_reached + (1 - leaver_share) * stayers_reached
    # Profit at each corner is a line in the share of acceptance: slope x share + level.
    slope = (params.customer_value_amount - params.offer_amount) * leaver_share * leavers_reached
    level = -params.contact_amount * reached - params.offer_amount * (1 - leaver_share) * stayers_reached
    # On the convex hull the corners take over from each other in order, so the lines' crossings are sorted.
    crossings = np.clip((level[:-1] - level[1:]) / np.diff(slope), 0.0, 1.0)
    bounds = np.concatenate([[0.0], np.maximum.accumulate(crossings), [1.0]])
    alpha, beta = params.acceptance_alpha, params.acceptance_beta
    weight = np.diff(beta_distribution.cdf(bounds, alpha, beta))
    mean = alpha / (alpha + beta) * np.diff(beta_distribution.cdf(bounds, alpha + 1, beta))
    return CampaignProfit(float(slope @ mean + level @ weight), float(reached @ weight))


def contact_gains(probability: npt.ArrayLike, value: npt.ArrayLike, params: ProfitParams) -> FloatArray:
    """What contacting each line is expected to earn, shape (n,), in the unit of `value`; NaN where one is not known.

    `probability` (n,) is the chance of leaving, `value` (n,) what the line is expected to bring. A leaver who accepts
    keeps his own value less the offer, a stayer takes the offer for nothing, every contact costs: p a (v - d) -
    (1 - p) d - f, with a the mean share of acceptance, d and f the offer and the contact. These are in proportion to
    the mean value, as they are to `customer_value_amount` in the parameters. It pays to contact those above 0.
    """
    chance, worth = np.asarray(probability, dtype=float), np.asarray(value, dtype=float)
    known = ~np.isnan(worth)
    unit = (float(worth[known].mean()) if known.any() else np.nan) / params.customer_value_amount
    accepted = params.acceptance_alpha / (params.acceptance_alpha + params.acceptance_beta)
    offer, contact = params.offer_amount * unit, params.contact_amount * unit
    return np.asarray(chance * accepted * (worth - offer) - (1.0 - chance) * offer - contact)


def _hull(false_rate: FloatArray, true_rate: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The corners of the upper convex hull of a ROC curve, from (0, 0), with rising true rate."""
    corners: list[tuple[float, float]] = []
    for point in zip(false_rate.tolist(), true_rate.tolist(), strict=True):
        while len(corners) > 1 and _is_below(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    # A last level stretch reaches stayers only: no share of acceptance makes it pay.
    kept = [corner for at, corner in enumerate(corners) if at == 0 or corner[1] > corners[at - 1][1]]
    return np.array([corner[0] for corner in kept]), np.array([corner[1] for corner in kept])


def _is_below(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) <= (last[1] - first[1]) * (middle[0] - first[0])
