"""Behavioural clusters of customers, named in words by what sets them apart, and the value tier of each customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import psycopg
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ml.encoding import FloatArray, to_float
from ml.params import Params

# With few starts k-means ends in another local optimum each month, and everybody seems to have moved.
STARTS = 20
NEW_CUSTOMER = "New this month"
NOT_CLUSTERED = "Not clustered"

# What is said of a cluster far above and far below the mean of a measure.
WORDS = {
    "monthly_revenue": ("high spend", "low spend"),
    "voice_minutes": ("many calls", "few calls"),
    "data_mb": ("heavy data", "little data"),
    "message_count": ("many messages", "few messages"),
    "line_count": ("several lines", "one line"),
    "tenure_days": ("long-standing", "recent"),
    "prepaid_share": ("prepaid", "postpaid"),
    "revenue_trend": ("spending more", "spending less"),
}
# How a change of a measure is told, from one month to the next.
CHANGES = {
    "monthly_revenue": "Spends {0:,.0f} to {1:,.0f} a month",
    "voice_minutes": "Calls {0:,.0f} to {1:,.0f} minutes a month",
    "data_mb": "Data {0:,.0f} to {1:,.0f} MB a month",
    "message_count": "Messages {0:,.0f} to {1:,.0f} a month",
    "line_count": "Lines {0:.1f} to {1:.1f}",
    "tenure_days": "A customer for {1:,.0f} days now",
    "prepaid_share": "Prepaid share of its lines {0:.0%} to {1:.0%}",
    "revenue_trend": "Spend over the window {0:+.0%}, now {1:+.0%}",
}
# Skewed measures are compared by ratio, the others by difference.
RATIO_MEASURES = ("monthly_revenue", "voice_minutes", "data_mb", "message_count", "line_count", "tenure_days")


class SegmentModel(BaseEstimator):
    """k-means on standardised customer measures, as a scikit-learn estimator with fixed seed.

    Attributes after fit: `measures_`, `fill_`, `mean_`, `scale_` (one per measure), `centers_` (clusters, measures) in
    standard deviations, `names_` (one per cluster, each different).
    """

    def __init__(
        self,
        cluster_count: int = 6,
        minimum_customers_per_cluster: int = 15,
        sample_row_count: int = 20000,
        naming_threshold: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.cluster_count = cluster_count
        self.minimum_customers_per_cluster = minimum_customers_per_cluster
        self.sample_row_count = sample_row_count
        self.naming_threshold = naming_threshold
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: Any = None) -> SegmentModel:
        """Learn clusters from customers (n, measures). Raises ValueError when no measure differs between customers."""
        raw = {str(name): _scaled(X[name], str(name)) for name in X.columns}
        self.measures_ = [name for name, values in raw.items() if _varies(values)]
        if not self.measures_:
            raise ValueError("no measure differs between customers")
        matrix = np.column_stack([raw[name] for name in self.measures_])
        self.fill_ = np.nanmedian(matrix, axis=0)
        matrix = np.where(np.isnan(matrix), self.fill_, matrix)
        self.mean_, self.scale_ = matrix.mean(axis=0), matrix.std(axis=0)
        # A few giants would otherwise be a cluster each.
        standard = np.clip((matrix - self.mean_) / self.scale_, -3.0, 3.0)
        if len(standard) > self.sample_row_count:
            chosen = np.random.default_rng(self.random_state).choice(len(standard), self.sample_row_count, False)
            standard = standard[np.sort(chosen)]
        count = max(1, min(self.cluster_count, len(standard) // self.minimum_customers_per_cluster))
        count = min(count, len(np.unique(standard, axis=0)))
        # One thread: the sums of k-means are not bit-equal on different numbers of threads.
        with threadpool_limits(limits=1):
            fitted = KMeans(count, n_init=STARTS, random_state=self.random_state).fit(standard)
        # Sums over a cluster may differ in the last bit by machine, and so could the order of equal centres.
        centers = np.round(fitted.cluster_centers_, 9)
        self.centers_ = centers[np.lexsort(centers.T[::-1])]
        self.names_ = _names(self.centers_, self.measures_, self.naming_threshold)
        return self

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.object_]:
        """The cluster name of each customer, shape (n,)."""
        return np.asarray(self.names_, dtype=object)[self._nearest(self._standard(X))]

    def moves(self, before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
        """Who of the customers in both frames (by index) is in another cluster now, and what moved them there.

        Columns `previous_cluster_name` and `move_reason`, by customer: the change of the measure that did most of what
        makes the new cluster nearer than the old one.
        """
        both = before.index.intersection(now.index)
        old, new = self._standard(before.loc[both]), self._standard(now.loc[both])
        was, is_now = self._nearest(old), self._nearest(new)
        moved = np.flatnonzero(was != is_now)
        old, new, was, is_now = old[moved], new[moved], was[moved], is_now[moved]
        towards, away = self.centers_[is_now], self.centers_[was]
        gain = ((old - towards) ** 2 - (new - towards) ** 2) - ((old - away) ** 2 - (new - away) ** 2)
        strongest = gain.argmax(axis=1) if len(moved) else np.empty(0, dtype=int)
        values = before.loc[both[moved]], now.loc[both[moved]]
        return pd.DataFrame(
            {
                "previous_cluster_name": np.asarray(self.names_, dtype=object)[was],
                "move_reason": [
                    _change(self.measures_[measure], *(frame[self.measures_[measure]].iloc[row] for frame in values))
                    for row, measure in enumerate(strongest)
                ],
            },
            index=both[moved],
        )

    def _standard(self, X: pd.DataFrame) -> FloatArray:
        check_is_fitted(self, "centers_")
        matrix = np.column_stack([_scaled(X[name], name) for name in self.measures_])
        matrix = np.where(np.isnan(matrix), self.fill_, matrix)
        return np.clip((matrix - self.mean_) / self.scale_, -3.0, 3.0)

    def _nearest(self, standard: FloatArray) -> npt.NDArray[np.intp]:
        return ((standard[:, None, :] - self.centers_[None, :, :]) ** 2).sum(axis=2).argmin(axis=1)


def segment_model(params: Params) -> SegmentModel:
    """The estimator as `params.yaml` describes it, not fitted."""
    chosen = params.segments
    return SegmentModel(
        cluster_count=chosen.cluster_count,
        minimum_customers_per_cluster=chosen.minimum_customers_per_cluster,
        sample_row_count=chosen.sample_row_count,
        naming_threshold=chosen.naming_threshold,
        random_state=params.seed,
    )


def stability(earlier: SegmentModel, later: SegmentModel, customers: pd.DataFrame) -> float:
    """Agreement of two models on the same customers: adjusted Rand index, 1 the same clusters, 0 chance."""
    return float(adjusted_rand_score(list(earlier.predict(customers)), list(later.predict(customers))))


def read_lessons(connection: psycopg.Connection[Any], last_month: dt.date, params: Params) -> pd.DataFrame:
    """Behaviour of the customers of each of the `segments.fit_months` newest months, one below the other.

    Clusters learnt from one month alone would be others every month, and a move between them would mean nothing.
    """
    months = [pd.Timestamp(last_month) - pd.DateOffset(months=back) for back in range(params.segments.fit_months)]
    return pd.concat([read_behaviour(connection, month.date(), params) for month in reversed(months)])


def read_behaviour(connection: psycopg.Connection[Any], last_month: dt.date, params: Params) -> pd.DataFrame:
    """Measures per customer over the newest `segments.months` months up to `last_month`, indexed by customer_id.

    Only complete months, so that clusters do not drift while a month fills. Monthly means over the months in which
    the customer had a line; a measure that was not delivered is missing, not zero.
    """
    first = (pd.Timestamp(last_month) - pd.DateOffset(months=params.segments.months - 1)).date()
    rows = connection.execute(
        """
        with monthly as (
            select customer_id, month,
                   count(*) as line_count,
                   sum(service_revenue_amount)::double precision as revenue,
                   sum(voice_seconds)::double precision / 60 as voice_minutes,
                   sum(data_bytes)::double precision / 1e6 as data_mb,
                   sum(sms_count)::double precision as message_count,
                   max(tenure_days)::double precision as tenure_days,
                   avg(case when coalesce(closing_plan_type, opening_plan_type) = 'prepaid' then 1.0 else 0.0 end)
                       ::double precision as prepaid_share
            from build.subscription_monthly
            where month between %(first)s and %(last)s and not is_open_month
                -- Nobody is placed who was erased.
                and customer_id not like 'erased-%%'
            group by customer_id, month
        )
        select customer_id, avg(revenue) as monthly_revenue, avg(voice_minutes) as voice_minutes,
               avg(data_mb) as data_mb, avg(message_count) as message_count,
               avg(line_count)::double precision as line_count, max(tenure_days) as tenure_days,
               avg(prepaid_share) as prepaid_share,
               (max(revenue) filter (where month = %(last)s) - max(revenue) filter (where month = %(first)s))
                   / nullif(greatest(avg(revenue), 0), 0) as revenue_trend
        from monthly group by customer_id order by customer_id
        """,
        {"first": first, "last": last_month},
    ).fetchall()
    return pd.DataFrame(rows, columns=["customer_id", *_measure_order()]).set_index("customer_id")


def read_customers(connection: psycopg.Connection[Any], month: dt.date, tiers: Sequence[str]) -> pd.DataFrame:
    """Customers with a line on the network at the end of `month` (or now, in the open one), and their best tier."""
    rows = connection.execute(
        """
        select customer_id, min(coalesce(array_position(%(tiers)s::text[], closing_value_tier), %(last)s))
        from build.subscription_monthly
        where month = %(month)s and is_closing and customer_id not like 'erased-%%'
        group by customer_id order by customer_id
        """,
        {"tiers": list(tiers), "last": len(tiers), "month": month},
    ).fetchall()
    frame = pd.DataFrame(rows, columns=["customer_id", "position"])
    frame["value_tier"] = [tiers[int(position) - 1] for position in frame["position"]]
    return frame[["customer_id", "value_tier"]]


def _measure_order() -> list[str]:
    return list(WORDS)


def _scaled(column: pd.Series, name: str) -> FloatArray:
    values = to_float(column)
    return np.log1p(np.maximum(values, 0.0)) if name in RATIO_MEASURES else np.clip(values, -3.0, 3.0)


def _change(measure: str, before: Any, now: Any) -> str:
    text = CHANGES.get(measure, f"{measure.replace('_', ' ').capitalize()} {{0:,.2f}} to {{1:,.2f}}")
    values = [float("nan") if value is None else float(value) for value in (before, now)]
    if np.isnan(values).any():
        return f"{text.split(' {')[0]}: {'no longer' if np.isnan(values[1]) else 'newly'} known"
    return text.format(*values)


def _varies(values: FloatArray) -> bool:
    known = values[~np.isnan(values)]
    return len(known) > 1 and float(known.std()) > 1e-9


def _names(centers: FloatArray, measures: list[str], threshold: float) -> list[str]:
    """Different names for all clusters: as few words as set each apart from the others."""
    order = [np.argsort(-np.abs(center), kind="stable") for center in centers]
    names: list[str] = []
    for words in range(2, len(measures) + 1):
        names = [
            _name(center, measures, ranked[:words], threshold) for center, ranked in zip(centers, order, strict=True)
        ]
        if len(set(names)) == len(names):
            return names
        threshold *= 0.7
    # Two clusters that lie on the same side of every mean differ by degree only.
    seen: dict[str, int] = {}
    for position, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            names[position] = f"{name} ({seen[name]})"
    return names


def _name(center: FloatArray, measures: list[str], chosen: npt.NDArray[np.int_], threshold: float) -> str:
    words = [
        WORDS.get(measures[i], (f"high {measures[i]}", f"low {measures[i]}"))[0 if center[i] > 0 else 1]
        for i in chosen
        if abs(center[i]) >= threshold
    ]
    return ", ".join(words).capitalize() if words else "Typical"
