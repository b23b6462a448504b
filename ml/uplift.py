"""What a contact changes: the effect of being treated, for each subscription, from campaigns with a control group.

Outcomes are first turned into ones whose mean is the effect (the transformed outcome of Athey and Imbens 2016, made
less noisy with the group means, which is the doubly robust score for a known share of treated). A regression on what
was known before the assignment then says for whom it is larger: the mean of a ridge regression on ranks, steady where
the effect rises or falls evenly, and of a few small trees, which find thresholds and combinations. Differences between
subscriptions are kept only where the ranking they give holds on subscriptions it has not seen: the Qini coefficient
(Radcliffe 2007) with its bootstrap interval decides. Else everyone gets the mean effect, and a campaign of which the
mean shows none gets none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, VotingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ml.params import UpliftParams

FloatArray = npt.NDArray[np.float64]

GAIN, HARM, NO_EFFECT = "gain", "harm", "no effect shown"
_QUANTILES = 50
_TREES = 40


@dataclass(frozen=True)
class Qini:
    """Area between the ranking's gain and that of a random order, per subscription; with its 95 % interval."""

    coefficient: float
    low: float
    high: float


class UpliftModel(BaseEstimator):
    """Effect of a treatment on a 0-1 outcome, from a randomised trial.

    Attributes after fit: `mean_effect_` with `mean_low_` and `mean_high_` (95 %), `qini_` (coefficient, low, high) of
    predictions on unseen folds, `is_individual_` (whether differences between subscriptions are kept), `regression_`.
    """

    def __init__(
        self,
        penalty: float = 200.0,
        folds: int = 5,
        resamples: int = 400,
        minimum_row_count: int = 200,
        random_state: int = 0,
    ) -> None:
        self.penalty = penalty
        self.folds = folds
        self.resamples = resamples
        self.minimum_row_count = minimum_row_count
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, treated: npt.ArrayLike, outcome: npt.ArrayLike, share: npt.ArrayLike) -> UpliftModel:
        """Learn from a trial: X (n, numeric columns), treated and outcome (n,) of 0 and 1, share (n,) of treated.

        `share` is the probability of treatment of each row, which may differ between runs of a campaign. Raises
        ValueError when a group is empty.
        """
        is_treated, result = np.asarray(treated, dtype=float), np.asarray(outcome, dtype=float)
        chance = np.asarray(share, dtype=float)
        if not 0 < is_treated.sum() < len(is_treated):
            raise ValueError("a trial needs treated and control subscriptions")
        effect = transformed_outcome(is_treated, result, chance)
        deviation = float(effect.std(ddof=1)) / np.sqrt(len(effect)) if len(effect) > 1 else np.inf
        self.mean_effect_ = float(effect.mean())
        self.mean_low_ = self.mean_effect_ - 1.96 * deviation
        self.mean_high_ = self.mean_effect_ + 1.96 * deviation
        self.is_individual_, self.qini_ = False, (0.0, 0.0, 0.0)
        if len(X) >= self.minimum_row_count:
            unseen = self._cross_fitted(X, is_treated, effect)
            found = qini(unseen, is_treated, result, chance, self.resamples, self.random_state)
            self.qini_ = (found.coefficient, found.low, found.high)
            self.is_individual_ = found.low > 0.0
        with threadpool_limits(limits=1):
            self.regression_ = self._regression(len(X)).fit(X, effect - self.mean_effect_)
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Change in the probability of the outcome by treatment, shape (n,)."""
        check_is_fitted(self, "mean_effect_")
        if not self.is_individual_:
            return np.full(len(X), self.mean_effect_ if self.verdict_ != NO_EFFECT else 0.0)
        with threadpool_limits(limits=1):
            return np.asarray(self.mean_effect_ + self.regression_.predict(X))

    @property
    def verdict_(self) -> str:
        """What the mean effect says: gain, harm or no effect shown."""
        return GAIN if self.mean_low_ > 0 else HARM if self.mean_high_ < 0 else NO_EFFECT

    def _cross_fitted(self, X: pd.DataFrame, treated: FloatArray, effect: FloatArray) -> FloatArray:
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=self.random_state)
        unseen = np.zeros(len(X))
        for train, test in folds.split(X, treated):
            with threadpool_limits(limits=1):
                fitted = self._regression(len(train)).fit(X.iloc[train], effect[train])
                unseen[test] = fitted.predict(X.iloc[test])
        return unseen

    def _regression(self, count: int) -> Pipeline:
        trees = HistGradientBoostingRegressor(
            max_iter=_TREES,
            learning_rate=0.05,
            max_leaf_nodes=5,
            min_samples_leaf=max(20, count // 40),
            early_stopping=False,
            random_state=self.random_state,
        )
        # Ranks instead of amounts: a few giants would otherwise say what the effect is.
        return Pipeline(
            [
                ("impute", SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)),
                ("rank", QuantileTransformer(n_quantiles=min(_QUANTILES, count), random_state=self.random_state)),
                ("mean", VotingRegressor([("ridge", Ridge(alpha=self.penalty)), ("trees", trees)])),
            ]
        )


def uplift_model(chosen: UpliftParams, seed: int) -> UpliftModel:
    """The estimator as `params.yaml` describes it, not fitted."""
    return UpliftModel(
        penalty=chosen.penalty,
        folds=chosen.folds,
        resamples=chosen.resamples,
        minimum_row_count=chosen.minimum_row_count,
        random_state=seed,
    )


def transformed_outcome(treated: FloatArray, outcome: FloatArray, share: FloatArray) -> FloatArray:
    """For each row a value whose expectation is its effect, shape (n,)."""
    with_it = outcome[treated == 1].mean()
    without = outcome[treated == 0].mean()
    direct = with_it - without
    return np.asarray(
        direct + treated / share * (outcome - with_it) - (1.0 - treated) / (1.0 - share) * (outcome - without)
    )


def qini(
    score: npt.ArrayLike,
    treated: npt.ArrayLike,
    outcome: npt.ArrayLike,
    share: npt.ArrayLike,
    resamples: int = 400,
    seed: int = 0,
) -> Qini:
    """The Qini coefficient of a ranking by `score` (highest first) and its bootstrap interval.

    The gain of the best k is the sum over them of T Y / p - (1 - T) Y / (1 - p), which counts outcomes that treatment
    brought; the coefficient is the mean over k of gain(k) - k/n gain(n), in outcomes per subscription.
    """
    order = np.argsort(-np.asarray(score, dtype=float), kind="stable")
    is_treated, result = np.asarray(treated, dtype=float)[order], np.asarray(outcome, dtype=float)[order]
    chance = np.asarray(share, dtype=float)[order]
    ties = np.asarray(score, dtype=float)[order]
    gain = is_treated * result / chance - (1.0 - is_treated) * result / (1.0 - chance)
    rng = np.random.default_rng(seed)
    count = len(gain)
    weights = [np.ones(count)] + [rng.multinomial(count, np.full(count, 1.0 / count)) for _ in range(resamples)]
    values = [_coefficient(gain, np.asarray(weight, dtype=float), ties) for weight in weights]
    low, high = np.quantile(values[1:], (0.025, 0.975)) if resamples else (np.nan, np.nan)
    return Qini(float(values[0]), float(low), float(high))


def _coefficient(gain: FloatArray, weight: FloatArray, score: FloatArray) -> float:
    total = weight.sum()
    # Rows of one score have no order: the curve is a straight line over them.
    ends = np.flatnonzero(np.diff(score, append=np.nan) != 0)
    gained = np.concatenate([[0.0], np.cumsum(gain * weight)[ends]]) / total
    share = np.concatenate([[0.0], np.cumsum(weight)[ends]]) / total
    area = float(((gained[1:] + gained[:-1]) / 2.0 * np.diff(share)).sum())
    return area - gained[-1] / 2.0
