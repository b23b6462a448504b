"""The churn estimator: an ordinary scikit-learn classifier that works on any feature frame."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, SplineTransformer
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ml.encoding import FloatArray, FrameEncoder, as_frame
from ml.params import Params

# Predictions are cut here before their log odds are blended: a forest may say 0 or 1.
EDGE = 1e-4
# Rows predicted at once: their matrix of splines then stays in the cache of the processor.
CHUNK = 4_000
# OpenMP and BLAS threads spin while they wait, which costs most where the machine is busy.
NATIVE_THREADS = 1
MEMBERS = ("boosting", "additive", "forest", "spline")
# Pull of the blend towards equal weights, in units of the log loss of one row.
BLEND_PENALTY = 1.0


class ChurnClassifier(ClassifierMixin, BaseEstimator):
    """Blend of boosted trees and stumps, a forest and a spline logistic regression, calibrated by the blend itself.

    The members' log odds on out-of-fold rows are combined by a logistic regression with non-negative weights: that
    both weighs the members and makes the result a calibrated probability. Input is a frame with numeric, boolean,
    categorical and missing values, or a two-dimensional array; infinite numbers count as missing.

    Parameters: `boosting`, `additive`, `forest`, `spline` (settings of the members), `full_evidence_count` (with fewer
    leavers than this the members are kept simpler in proportion), `blend_folds`, `rare_level_count`, `random_state`,
    `threads`; `blend` (a weight for each member and an intercept) skips the out-of-fold step.
    Attributes after fit: `classes_`, `encoder_`, `members_`, `blend_`, `feature_names_in_`, `n_features_in_`.
    """

    def __init__(
        self,
        boosting: dict[str, Any] | None = None,
        additive: dict[str, Any] | None = None,
        forest: dict[str, Any] | None = None,
        spline: dict[str, Any] | None = None,
        full_evidence_count: int = 600,
        blend_folds: int = 3,
        rare_level_count: int = 20,
        random_state: int = 0,
        threads: int = 2,
        blend: tuple[float, ...] | None = None,
    ) -> None:
        self.boosting = boosting
        self.additive = additive
        self.forest = forest
        self.spline = spline
        self.full_evidence_count = full_evidence_count
        self.blend_folds = blend_folds
        self.rare_level_count = rare_level_count
        self.random_state = random_state
        self.threads = threads
        self.blend = blend

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> ChurnClassifier:
        """Fit on X (n, features) and y (n,) of two classes. Raises ValueError when there is only one class."""
        frame = as_frame(X)
        target = np.asarray(y)
        self.classes_ = np.unique(target)
        if len(self.classes_) != 2:
            raise ValueError(f"a churn model needs leavers and stayers, got {len(self.classes_)} class(es)")
        if len(target) != len(frame):
            raise ValueError(f"{len(frame)} rows but {len(target)} labels")
        left = (target == self.classes_[1]).astype(int)
        weight = np.ones(len(left)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.encoder_ = FrameEncoder(self.rare_level_count).fit(frame, reference_rows=left == 0)
        self.feature_names_in_ = self.encoder_.feature_names_in_
        self.n_features_in_ = self.encoder_.n_features_in_
        encoded = self.encoder_.transform(frame)
        with threadpool_limits(limits=NATIVE_THREADS):
            templates = self._templates(len(left), int(min(left.sum(), len(left) - left.sum())))
            if self.blend is None:
                self.blend_ = self._fit_blend(templates, encoded, left, weight)
            else:
                self.blend_ = np.asarray(self.blend, dtype=float)
            self.members_ = [_fit(clone(member), encoded, left, weight) for member in templates]
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities (n, 2) of staying and leaving, each finite and in [0, 1]."""
        check_is_fitted(self, "members_")
        return self.predict_encoded(self.encoder_.transform(as_frame(X, list(self.feature_names_in_))))

    def predict_encoded(self, encoded: FloatArray) -> FloatArray:
        """As `predict_proba`, from a matrix that `encoder_` made."""
        chunks = [encoded[at : at + CHUNK] for at in range(0, len(encoded), CHUNK)]
        # Threads take whole chunks: inside of a member they would add up its trees in the order they happen to end in.
        # The limit is set here for all of them, and once more in each, because that of OpenMP is of a thread.
        with threadpool_limits(limits=NATIVE_THREADS), ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(self._log_odds, chunks))
        left = expit(np.concatenate(parts)) if parts else np.empty(0)
        return np.column_stack([1.0 - left, left])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likelier class of each row, shape (n,)."""
        return self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(int)]

    def _log_odds(self, encoded: FloatArray) -> FloatArray:
        with threadpool_limits(limits=NATIVE_THREADS):
            members = np.column_stack([_log_odds(member, encoded) for member in self.members_])
        return np.asarray(members @ self.blend_[:-1] + self.blend_[-1])

    def _fit_blend(
        self, templates: list[Any], encoded: FloatArray, left: npt.NDArray[np.int_], weight: FloatArray
    ) -> FloatArray:
        folds = min(self.blend_folds, int(np.bincount(left, minlength=2).min()))
        if folds < 2:
            return np.append(np.full(len(templates), 1 / len(templates)), 0.0)
        held_out = np.zeros((len(left), len(templates)))
        splitter = StratifiedKFold(folds, shuffle=True, random_state=self.random_state)
        for train, test in splitter.split(encoded, left):
            for position, template in enumerate(templates):
                member = _fit(clone(template), encoded[train], left[train], weight[train])
                held_out[test, position] = _log_odds(member, encoded[test])
        return _blend_weights(held_out, left, weight)

    def _templates(self, row_count: int, rarer_count: int) -> list[Any]:
        numeric = len(self.encoder_.numeric_)
        codes = self.encoder_.level_counts_
        # Few leavers cannot support many thresholds.
        evidence = min(1.0, rarer_count / self.full_evidence_count)
        is_category = [False] * numeric + [True] * len(codes)

        def boosted(given: dict[str, Any]) -> HistGradientBoostingClassifier:
            settings = {"random_state": self.random_state, "early_stopping": False, **given}
            # A fixed leaf size that suits ten thousand rows would leave a stump on a few hundred.
            settings["min_samples_leaf"] = max(2, min(int(settings.get("min_samples_leaf", 40)), row_count // 25))
            # Every level of a category needs a bin of its own.
            settings["max_bins"] = max([int(settings.get("max_bins", 255)), *codes])
            settings["max_iter"] = max(30, round(int(settings.get("max_iter", 150)) * evidence))
            return HistGradientBoostingClassifier(categorical_features=is_category, **settings)

        spline = {"n_knots": 6, "degree": 2, "inverse_penalty": 1.0, **(self.spline or {})}
        spline["inverse_penalty"] *= max(0.1, evidence)
        forest = {"random_state": self.random_state, "n_jobs": self.threads, **(self.forest or {})}
        wide = ExtraTreesClassifier(**forest)
        smooth = LogisticRegression(C=float(spline["inverse_penalty"]), max_iter=2000)
        filled = SimpleImputer(strategy="median", keep_empty_features=True)
        curves = Pipeline(
            [
                ("fill", SimpleImputer(strategy="median", keep_empty_features=True, add_indicator=True)),
                # Normal scores: evenly spread ranks would put the few far out, who leave, within one knot of the rest.
                (
                    "rank",
                    QuantileTransformer(
                        # A fold that the blend is learnt from has half of the rows.
                        n_quantiles=min(1000, max(2, row_count // 2)),
                        output_distribution="normal",
                        random_state=self.random_state,
                    ),
                ),
                ("spline", SplineTransformer(n_knots=int(spline["n_knots"]), degree=int(spline["degree"]))),
            ]
        )
        return [
            boosted(self.boosting or {}),
            # Stumps cannot speak of two features at once: where causes add up, few leavers are enough to tell them.
            boosted({"max_depth": 1, **(self.additive or {})}),
            Pipeline([("columns", _columns(filled, numeric, codes)), ("forest", wide)]),
            Pipeline([("columns", _columns(curves, numeric, codes)), ("logistic", smooth)]),
        ]


def churn_classifier(params: Params, blend: tuple[float, ...] | None = None) -> ChurnClassifier:
    """The estimator as `params.yaml` describes it, not fitted."""
    model = params.churn_model
    return ChurnClassifier(
        boosting=dict(model.boosting),
        additive=dict(model.additive),
        forest=dict(model.forest),
        spline=dict(model.spline),
        full_evidence_count=model.full_evidence_count,
        blend_folds=model.blend_folds,
        rare_level_count=model.rare_level_count,
        random_state=params.seed,
        threads=params.threads,
        blend=blend,
    )


def sample_stayers(left: npt.NDArray[np.int_], maximum: int, seed: int) -> tuple[npt.NDArray[np.int_], FloatArray]:
    """Positions and weights of at most `maximum` rows: all leavers, and stayers weighted up to their true number.

    `left` is (n,) of 0 and 1, in an order that does not depend on how rows were read.
    """
    leavers, stayers = np.flatnonzero(left == 1), np.flatnonzero(left == 0)
    if len(left) <= maximum or not len(leavers):
        return np.arange(len(left)), np.ones(len(left))
    if len(leavers) > maximum // 2:
        leavers_kept = np.sort(np.random.default_rng(seed + 1).choice(leavers, maximum // 2, replace=False))
    else:
        leavers_kept = leavers
    wanted = min(len(stayers), maximum - len(leavers_kept))
    stayers_kept = np.sort(np.random.default_rng(seed).choice(stayers, wanted, replace=False))
    kept = np.sort(np.concatenate([leavers_kept, stayers_kept]))
    weights = np.where(left[kept] == 1, len(leavers) / len(leavers_kept), len(stayers) / max(1, len(stayers_kept)))
    # Scaled to mean one, so that penalties mean the same with and without sampling.
    return kept, weights * (len(kept) / weights.sum())


def _columns(numeric_step: Any, numeric: int, codes: list[int]) -> ColumnTransformer:
    steps: list[tuple[str, Any, list[int]]] = []
    if numeric:
        steps.append(("numeric", numeric_step, list(range(numeric))))
    if codes:
        categories = [list(range(count)) for count in codes]
        one_hot = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
        steps.append(("categorical", one_hot, list(range(numeric, numeric + len(codes)))))
    return ColumnTransformer(steps)


def _fit(member: Any, encoded: FloatArray, left: npt.NDArray[np.int_], weight: FloatArray) -> Any:
    if isinstance(member, Pipeline):
        name, last = member.steps[-1]
        member.fit(encoded, left, **{f"{name}__sample_weight": weight})
        if isinstance(last, ExtraTreesClassifier):
            last.set_params(n_jobs=1)
        return member
    # Histogram boosting cannot bin a column without any value, which a fold may have: a constant says as little.
    is_empty = np.isnan(encoded).all(axis=0)
    filled = np.where(is_empty, 0.0, encoded) if is_empty.any() else encoded
    return member.fit(_snapped(filled, member.max_bins), left, sample_weight=weight)


def _snapped(encoded: FloatArray, level_count: int) -> FloatArray:
    """Each column at no more than `level_count` levels: every value at the nearest of the column's quantiles.

    Scikit-learn finds the limits of bins of weighted rows one quantile at a time, each with a sort of the column; where
    a column has few levels it takes the middles between them. These are the limits between the values snapped here too,
    so that a tree says the same of a value as of its level.
    """
    snapped = encoded.copy()
    shares = np.linspace(0.0, 1.0, level_count)
    for column in snapped.T:
        known = ~np.isnan(column)
        values = column[known]
        levels = np.unique(np.quantile(values, shares, method="nearest"))
        column[known] = levels[np.searchsorted((levels[:-1] + levels[1:]) / 2, values)]
    return snapped


def _log_odds(member: Any, encoded: FloatArray) -> FloatArray:
    return np.asarray(logit(np.clip(member.predict_proba(encoded)[:, 1], EDGE, 1 - EDGE)))


def _blend_weights(held_out: FloatArray, left: npt.NDArray[np.int_], weight: FloatArray) -> FloatArray:
    equal = np.full(held_out.shape[1], 1.0 / held_out.shape[1])

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        scores = held_out @ values[:-1] + values[-1]
        residual = weight * (expit(scores) - left)
        total = float(np.sum(weight * (np.logaddexp(0.0, scores) - left * scores)))
        pull = values[:-1] - equal
        gradient = np.append(held_out.T @ residual + 2 * BLEND_PENALTY * pull, residual.sum())
        return total + BLEND_PENALTY * float(pull @ pull), gradient

    bounds = [(0.0, None)] * held_out.shape[1] + [(None, None)]
    found = minimize(loss, np.append(equal, 0.0), jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)
