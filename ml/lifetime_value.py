"""What a subscription will still bring: survival times margin, discounted, with an interval that was back-tested.

Lifetime value is the sum over the months of the horizon of P(still there) x monthly contribution margin x discount
(Gupta and others 2006, "Modeling customer lifetime value", equation 1). Survival is a discrete-time hazard model,
fitted on every month end at once with the number of months ahead as an input (landmarking: van Houwelingen 2007), so
who has not left yet counts for as long as it was watched. Subscriptions under contract and prepaid ones leave for
different reasons and have a model each.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ml.features import query_frame
from ml.params import LifetimeParams, Params

CONTRACTUAL, PREPAID = "contractual", "prepaid"
KINDS = (CONTRACTUAL, PREPAID)
# What the hazard is judged by, besides the months ahead; all of them known at the month end.
INPUTS = (
    "tenure_days", "contract_days_left", "days_since_contract_end", "has_contract", "days_since_last_activity",
    "zero_use_day_count_30", "days_since_last_topup", "suspension_count_90", "revenue_trend_ratio",
    "voice_seconds_trend_ratio", "data_bytes_trend_ratio", "owner_line_count", "addon_count",
    "monthly_fee_amount", "age_years",
)  # fmt: skip
AHEAD = "months_ahead"
# Customers of the groups that intervals are made to hold for; fewer customers of a kind than this have none.
GROUP_SIZES = (5, 10, 20)
MINIMUM_CUSTOMERS = 20

FloatArray = npt.NDArray[np.float64]


class LifetimeModel(BaseEstimator):
    """Hazards by kind, and how far group sums of margin were off in the back-test.

    Attributes after fit, each by kind: `hazards_` (classifier of leaving in month h given x and h), `margin_means_`
    (mean monthly margin), `bias_` (realised / expected margin of the back-tests), `spread_` (share of its expected
    value by which a subscription's realised margin deviates, one standard deviation), `floor_` (the same for a value of
    0, in money), `scale_` (factor on the standard deviation of a group's sum that made the interval hold in the
    back-tests); and `longest_` (months ahead that were seen).
    """

    def __init__(
        self,
        horizon_months: int = 24,
        monthly_discount: float = 0.008,
        shrinkage_months: float = 1.0,
        boosting: dict[str, Any] | None = None,
        random_state: int = 0,
    ) -> None:
        self.horizon_months = horizon_months
        self.monthly_discount = monthly_discount
        self.shrinkage_months = shrinkage_months
        self.boosting = boosting
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, months_watched: npt.ArrayLike, has_left: npt.ArrayLike) -> LifetimeModel:
        """Learn hazards from subscriptions at month ends.

        X: (n, columns) with INPUTS, `kind`, `mean_margin` and `margin_month_count`. `months_watched`: (n,) months
        after the month end that the subscription was there or left in. `has_left`: (n,) whether it left in the last of
        these. Raises ValueError when there is nothing to learn from.
        """
        watched, left = np.asarray(months_watched, dtype=int), np.asarray(has_left, dtype=bool)
        if not len(X) or not watched.max(initial=0):
            raise ValueError("no month end has a month after it")
        self.longest_ = int(watched.max())
        self.hazards_: dict[str, Any] = {}
        self.constants_: dict[str, float] = {}
        self.margin_means_: dict[str, float] = {}
        for kind in KINDS:
            chosen = (X["kind"] == kind).to_numpy()
            rows, target = self._stacked(X[chosen], watched[chosen], left[chosen])
            self.constants_[kind] = float(target.mean()) if len(target) else float(left.sum() / max(watched.sum(), 1))
            self.margin_means_[kind] = float(X.loc[chosen, "mean_margin"].mean()) if chosen.any() else 0.0
            if 0 < target.sum() < len(target):
                model = HistGradientBoostingClassifier(random_state=self.random_state, **(self.boosting or {}))
                with threadpool_limits(limits=1):
                    self.hazards_[kind] = model.fit(rows, target)
        self.bias_, self.scale_ = dict.fromkeys(KINDS, 1.0), dict.fromkeys(KINDS, 1.0)
        self.spread_, self.floor_ = dict.fromkeys(KINDS, 0.0), dict.fromkeys(KINDS, 0.0)
        return self

    def survival(self, X: pd.DataFrame, months: int) -> FloatArray:
        """Probability of still being there after 1, 2, ... `months` months, shape (n, months)."""
        check_is_fitted(self, "longest_")
        hazard = np.zeros((len(X), months))
        for kind in KINDS:
            chosen = (X["kind"] == kind).to_numpy()
            if not chosen.any():
                continue
            base = _matrix(X[chosen])
            for month in range(months):
                # Beyond what was seen the hazard stays what it was in the last month seen.
                ahead = min(month + 1, self.longest_)
                hazard[chosen, month] = self._hazard(kind, np.column_stack([base, np.full(len(base), ahead)]))
        return np.asarray(np.cumprod(1.0 - hazard, axis=1))

    def monthly_margin(self, X: pd.DataFrame) -> FloatArray:
        """Expected margin of a month on the network, shape (n,), in the currency of the margins.

        The subscription's own mean, drawn towards that of its kind as if `shrinkage_months` more months had had it.
        """
        own = X["mean_margin"].to_numpy(dtype=float)
        count = X["margin_month_count"].to_numpy(dtype=float)
        kind = X["kind"].map(self.margin_means_).to_numpy(dtype=float)
        return np.where(
            np.isnan(own) | (count == 0),
            kind,
            (np.nan_to_num(own) * count + kind * self.shrinkage_months) / (count + self.shrinkage_months),
        )

    def expected(self, X: pd.DataFrame, months: int, is_discounted: bool = True) -> FloatArray:
        """Expected margin of the next `months` months, shape (n,)."""
        discount = (1.0 + self.monthly_discount) ** -np.arange(1, months + 1) if is_discounted else np.ones(months)
        # Who leaves within a month has brought half of it.
        survival = self.survival(X, months)
        present = (survival + np.column_stack([np.ones(len(X)), survival[:, :-1]])) / 2.0
        return np.asarray((present * discount).sum(axis=1) * self.monthly_margin(X) * _by_kind(X["kind"], self.bias_))

    def deviation(self, expected: npt.ArrayLike, kind: pd.Series) -> FloatArray:
        """One standard deviation of what each subscription will really bring, shape (n,)."""
        return _by_kind(kind, self.floor_) + _by_kind(kind, self.spread_) * np.abs(np.asarray(expected, dtype=float))

    def half_width(self, expected: npt.ArrayLike, kind: pd.Series) -> float:
        """By how much the sum over a group of subscriptions may be off, either way, in the stated share of groups."""
        return float(np.sqrt(((_by_kind(kind, self.scale_) * self.deviation(expected, kind)) ** 2).sum()))

    def calibrate(self, tested: pd.DataFrame, coverage: float) -> LifetimeModel:
        """Learn from back-tests how far off values are, of either kind by itself.

        `tested`: kind, customer_id, origin (month that was valued at), `expected` (by a model of that month, without
        its bias) and `realised` margin of each subscription. The interval of a group's sum is made to hold in a share
        `coverage` of groups of customers (split conformal prediction: Lei and others 2018), drawn at random in several
        sizes from each origin: what moves all lines of a customer, or of a month, is in it.
        """
        for kind in KINDS:
            rows = tested[tested["kind"] == kind]
            if rows["customer_id"].nunique() >= MINIMUM_CUSTOMERS:
                self._calibrate_kind(kind, rows, coverage)
        return self

    def _calibrate_kind(self, kind: str, rows: pd.DataFrame, coverage: float) -> None:
        actual, expected = rows["realised"].to_numpy(dtype=float), rows["expected"].to_numpy(dtype=float)
        total = expected.sum()
        self.bias_[kind] = float(np.clip(actual.sum() / total, 0.5, 2.0)) if total > 0 else 1.0
        expected = expected * self.bias_[kind]
        size, residual = np.abs(expected), np.abs(actual - expected)
        slope, floor = np.polyfit(size, residual, 1) if size.std() > 1e-6 * size.mean() else (0.0, residual.mean())
        # The mean absolute deviation of a normal variable is 0.8 of its standard deviation.
        self.spread_[kind], self.floor_[kind] = float(max(slope, 0.0) / 0.8), float(max(floor, 0.0) / 0.8)
        if self.spread_[kind] == 0.0:
            self.floor_[kind] = float(residual.mean() / 0.8)
        squares = self.deviation(expected, rows["kind"]) ** 2
        scores: list[FloatArray] = []
        for group in customer_groups(rows, self.random_state):
            sums = [np.bincount(group, weights=column) for column in (actual - expected, squares)]
            scores.append(np.abs(sums[0]) / np.sqrt(np.maximum(sums[1], 1e-18)))
        self.scale_[kind] = float(np.quantile(np.concatenate(scores), coverage))

    def _stacked(
        self, X: pd.DataFrame, watched: npt.NDArray[np.int_], left: npt.NDArray[np.bool_]
    ) -> tuple[FloatArray, npt.NDArray[np.int_]]:
        base = _matrix(X)
        # What is never known cannot split anything, and the binning of the trees fails on it.
        base[:, np.isnan(base).all(axis=0)] = 0.0
        row = np.repeat(np.arange(len(base)), watched)
        ahead = np.arange(len(row)) - np.repeat(np.cumsum(watched) - watched, watched) + 1
        target = (left[row] & (ahead == watched[row])).astype(int)
        return np.column_stack([base[row], ahead]), target

    def _hazard(self, kind: str, rows: FloatArray) -> FloatArray:
        if kind not in self.hazards_:
            return np.full(len(rows), self.constants_[kind])
        with threadpool_limits(limits=1):
            return np.asarray(self.hazards_[kind].predict_proba(rows)[:, 1])


def customer_groups(
    rows: pd.DataFrame, seed: int, sizes: tuple[int, ...] = GROUP_SIZES, repeats: int = 4
) -> list[npt.NDArray[np.int_]]:
    """Random partitions of the customers of `rows` (customer_id, origin): of each row the number of its group, (n,).

    A group has about `size` customers, all of one origin; each of `sizes` gives `repeats` partitions.
    """
    rng = np.random.default_rng(seed)
    customers, names = pd.factorize(rows["origin"].astype(str) + " " + rows["customer_id"].astype(str))
    origins = pd.factorize(rows["origin"])[0]
    origin_of = np.zeros(len(names), dtype=int)
    origin_of[customers] = origins
    found = []
    for size in sizes:
        for _ in range(repeats):
            order = rng.permutation(len(names))
            order = order[np.argsort(origin_of[order], kind="stable")]
            group_of = np.empty(len(names), dtype=int)
            start = 0
            for count in np.bincount(origin_of):
                parts = max(int(count) // size, 1)
                members = order[:count]
                group_of[members] = start + np.arange(count) % parts
                order, start = order[count:], start + parts
            found.append(group_of[customers])
    return found


def lifetime_model(params: Params) -> LifetimeModel:
    """The estimator as `params.yaml` describes it, not fitted."""
    chosen = params.lifetime_value
    return LifetimeModel(
        horizon_months=chosen.horizon_months,
        monthly_discount=(1.0 + chosen.annual_discount_rate) ** (1 / 12) - 1.0,
        shrinkage_months=chosen.shrinkage_months,
        boosting=chosen.boosting,
        random_state=params.seed,
    )


def fit_lifetime(panel: Panel, params: Params) -> tuple[LifetimeModel, dict[str, Any]]:
    """Fit on the whole panel, with intervals from a back-test that ends with the panel.

    Returns the model and what the back-test found: month, months, rows, groups, coverage, bias. Raises ValueError when
    there are too few months for one.
    """
    chosen = params.lifetime_value
    last = panel.last_month
    newest = last - chosen.back_test_months
    if newest <= panel.first_month:
        raise ValueError(f"a back-test of {chosen.back_test_months} months needs more months than there are")
    first = max(newest - chosen.back_test_origins + 1, panel.first_month + 1)
    tested = pd.concat([back_test(panel, origin, params) for origin in range(first, newest + 1)], ignore_index=True)
    model = lifetime_model(params).fit(*panel.training(last, chosen)).calibrate(tested, chosen.coverage)
    found = {
        "back_test_first_month": str(month_of(first)),
        "back_test_last_month": str(month_of(newest)),
        "back_test_months": chosen.back_test_months,
        "back_test_rows": len(tested),
        "back_test_bias": {kind: round(value, 4) for kind, value in model.bias_.items()},
        "interval_scale": {kind: round(value, 4) for kind, value in model.scale_.items()},
    }
    return model, found


def back_test(panel: Panel, origin: int, params: Params) -> pd.DataFrame:
    """What a model of the month `origin` expected of the months after it, and what came: rows for `calibrate`."""
    chosen = params.lifetime_value
    model = lifetime_model(params).fit(*panel.training(origin, chosen))
    rows, realised = panel.outcome(origin, chosen.back_test_months, chosen.mean_months)
    return rows[["subscription_id", "customer_id", "kind"]].assign(
        origin=origin, expected=model.expected(rows, chosen.back_test_months, is_discounted=False), realised=realised
    )


class Panel:
    """Subscriptions at month ends, when they left, and the margin of every month they were billed in.

    Months are counted from year 0 (`month_number`).
    """

    def __init__(self, rows: pd.DataFrame, left_month: pd.Series, margins: pd.DataFrame, last_month: int) -> None:
        self._left = left_month
        self._margins = margins
        self.last_month = last_month
        self.rows = rows
        self.first_month = int(rows["month"].min()) if len(rows) else last_month

    def at(self, month: int, mean_months: int) -> pd.DataFrame:
        """The subscriptions at the end of a month, with the mean margin of the newest months up to it."""
        return self._with_margins(self.rows[self.rows["month"] == month], month, mean_months)

    def scored(self, mean_months: int) -> pd.DataFrame:
        """The subscriptions at the as-of date, with the mean margin of the newest billed months."""
        return self._with_margins(self.rows[self.rows["is_scoring"]], self.last_month, mean_months)

    def _with_margins(self, rows: pd.DataFrame, month: int, mean_months: int) -> pd.DataFrame:
        recent = self._margins[self._margins["month"].between(month - mean_months + 1, month)]
        means = recent.groupby("subscription_id")["margin"].agg(["mean", "count"])
        return rows.assign(
            mean_margin=rows["subscription_id"].map(means["mean"]).astype("float64"),
            margin_month_count=rows["subscription_id"].map(means["count"]).fillna(0).astype("float64"),
        ).reset_index(drop=True)

    def training(self, last: int, chosen: LifetimeParams) -> tuple[pd.DataFrame, FloatArray, FloatArray]:
        """What was known at the end of month `last`: rows of every month end before, months watched, whether left."""
        months = [month for month in range(self.first_month, last) if (self.rows["month"] == month).any()]
        parts = [self.at(month, chosen.mean_months) for month in months]
        if not parts:
            raise ValueError("no month end has a month after it")
        rows = pd.concat(parts, ignore_index=True)
        left = rows["subscription_id"].map(self._left).to_numpy(dtype=float)
        longest = np.minimum(last - rows["month"].to_numpy(dtype=float), chosen.longest_months_ahead)
        ahead = np.where(np.isnan(left), np.inf, left - rows["month"].to_numpy(dtype=float))
        has_left = (ahead >= 1) & (ahead <= longest)
        watched = np.where(has_left, ahead, longest)
        # Who left in the very month of the row is no longer there to be watched.
        kept = ahead >= 1
        if kept.sum() > chosen.maximum_row_count:
            drawn = np.random.default_rng(0).choice(np.flatnonzero(kept), chosen.maximum_row_count, replace=False)
            kept = np.isin(np.arange(len(rows)), drawn)
        return rows[kept].reset_index(drop=True), watched[kept], has_left[kept].astype(float)

    def outcome(self, month: int, months: int, mean_months: int) -> tuple[pd.DataFrame, FloatArray]:
        """The subscriptions at the end of a month and the margin that each then brought within `months`."""
        rows = self.at(month, mean_months)
        later = self._margins[self._margins["month"].between(month + 1, month + months)]
        sums = later.groupby("subscription_id")["margin"].sum()
        return rows, rows["subscription_id"].map(sums).fillna(0.0).to_numpy(dtype=float)


def read_panel(connection: psycopg.Connection[Any], params: Params) -> tuple[Panel, str | None]:
    """The panel of the warehouse, and the currency of its margins (the one with most revenue).

    Months are those that are billed; the last one is the newest of which the bills are in.
    """
    found = connection.execute(
        "select currency_code from build.customer_profit_monthly where service_revenue_amount is not null"
        " group by 1 order by sum(abs(service_revenue_amount)) desc, 1 limit 1"
    ).fetchone()
    currency = found[0] if found else None
    margins = query_frame(
        connection,
        f"""
        select subscription_id, {_month("month")} as month, sum(running_margin_amount)::float8 as margin
        from build.customer_profit_monthly
        where subscription_id <> 'unallocated' and not is_open_month and service_revenue_amount is not null
            and currency_code = %s
        group by 1, 2 order by 1, 2
        """,  # noqa: S608 (constants)
        (currency,),
    )
    # Booleans become 0 and 1.
    columns = ", ".join(f"feature.{name}::text::{_FLOATS.get(name, 'float8')} as {name}" for name in INPUTS)
    rows = query_frame(
        connection,
        f"""
        select
            feature.subscription_id, {_month("feature.as_of_date")} as month, feature.customer_id, feature.is_scoring,
            case feature.plan_type when 'prepaid' then '{PREPAID}' else '{CONTRACTUAL}' end as kind, {columns}
        from features.subscription_features as feature
        where feature.as_of_date <= (select max(as_of_date) from features.subscription_features where is_scoring)
        order by 1, feature.as_of_date
        """,  # noqa: S608 (constants)
    )
    left = query_frame(
        connection,
        f"""
        select subscription_id, max({_month("month")}) as month from build.subscription_monthly
        where churn_type is not null and not is_closing group by 1
        """,  # noqa: S608 (constants)
    )
    last = int(margins["month"].max()) if len(margins) else 0
    return Panel(rows, left.set_index("subscription_id")["month"], margins, last), currency


_FLOATS = {"has_contract": "boolean::integer::float8"}


def _month(column: str) -> str:
    """SQL for the number of a month, from year 0."""
    return f"(extract(year from {column}) * 12 + extract(month from {column}) - 1)::int"


def month_of(number: int) -> dt.date:
    """First day of a month that was counted from year 0."""
    return dt.date(number // 12, number % 12 + 1, 1)


def month_number(day: dt.date) -> int:
    """Months from year 0."""
    return day.year * 12 + day.month - 1


def _by_kind(kind: pd.Series, values: dict[str, float]) -> FloatArray:
    return np.asarray(kind.map(values), dtype=float)


def _matrix(X: pd.DataFrame) -> FloatArray:
    return np.array(X.loc[:, list(INPUTS)], dtype=float)
