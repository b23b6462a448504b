"""How near anybody could come to the true hazards who sees of use what is delivered of it: counts of events.

The observer is told everything else: every other cause, the true rate of each line, the season, and how use begins to
fade and recovers. It works out, month by month, how much use each line has probably lost (a hidden Markov model,
forward only), and puts the mean of that where the truth has the loss itself. A model has to learn all of this and can
come no nearer than by luck.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import poisson

from tenure.db import connect
from tenure.settings import Settings

FloatArray = npt.NDArray[np.float64]
# As the simulator has them: use falls by 60 % of its depth in the first month of fading, and more travels with it.
DEPTHS = np.linspace(0.45, 0.85, 17)
FIRST_MONTH, TRAVELS = 0.6, 1.5
AWAY_SHARE = 0.25
COUNTS = """
    select subscription_id, date_trunc('month', activity_date)::date as month, sum(event_count)::integer as events,
        sum(roaming_event_count)::integer as roaming
    from intermediate.int_activity_day where subscription_id is not null group by 1, 2
"""


def probable_decline(settings: Settings, truth: Path) -> pd.DataFrame:
    """Columns subscription_id, begins (first day of the month after) and probable_decline (0-1) of mobile lines."""
    known = pd.concat([pd.read_parquet(path) for path in sorted(truth.glob("subscription_month_*.parquet"))])
    with connect("transformer", settings=settings) as connection:
        cursor = connection.execute(COUNTS)
        counted = pd.DataFrame(cursor.fetchall(), columns=["subscription_id", "month", "events", "roaming"])
    for frame in (known, counted):
        frame["month"] = pd.to_datetime(frame["month"])
    behaviour = json.loads((truth / "parameters.json").read_text(encoding="utf-8"))["behaviour"]
    seen = known.merge(counted, on=["subscription_id", "month"], how="left").fillna({"events": 0, "roaming": 0})
    # Only lines with some use on record are mobile ones.
    seen = seen[seen.groupby("subscription_id")["events"].transform("sum") > 0]
    tables = {
        name: seen.pivot(index="subscription_id", columns="month", values=name)
        for name in ("events", "roaming", "usage_decline", "voluntary_hazard", "logit_price_gap", "logit_bill_shock")
    }
    events, hazard = (tables[name].to_numpy(dtype=float) for name in ("events", "voluntary_hazard"))
    away = tables["roaming"].to_numpy(dtype=float) > AWAY_SHARE * events
    factor = np.where(away, TRAVELS, 1.0)
    # A month tells something of a line that was free to leave before and after it: it was neither new nor silent.
    is_free = ~np.isnan(hazard)
    tells = is_free & np.column_stack([is_free[:, 1:], is_free[:, -1:]])
    full = np.where(tells, factor * (1 - tables["usage_decline"].to_numpy(dtype=float)), 0.0)
    season = np.where(tells, events, 0.0).sum(axis=0) / np.maximum(full.sum(axis=0), 1.0)
    rate = np.where(tells, events, 0.0).sum(axis=1) / np.maximum((full * season).sum(axis=1), 1e-9)
    weights = behaviour["hazard"]
    gap = np.nan_to_num(tables["logit_price_gap"].to_numpy(dtype=float)) / weights["price_gap"]
    shock = np.nan_to_num(tables["logit_bill_shock"].to_numpy(dtype=float)) / weights["bill_shock"]
    begins = np.clip(behaviour["fade_start"] * np.exp(behaviour["fade_price_gap"] * gap) * (1 + shock), 0, 1)
    expected = rate[:, None] * season[None, :] * factor
    probable = _filtered(np.where(tells, events, np.nan), expected, begins, behaviour["fade_recovery"])
    found = pd.DataFrame(probable, index=tables["events"].index, columns=tables["events"].columns)
    long = found.reset_index().melt("subscription_id", var_name="month", value_name="probable_decline")
    return long.assign(begins=pd.to_datetime(long.pop("month")) + pd.DateOffset(months=1))


def _filtered(events: FloatArray, expected: FloatArray, begins: FloatArray, recovers: float) -> FloatArray:
    """Mean decline of each line and month, shape (lines, months), given its counts up to then (NaN tells nothing)."""
    count = len(DEPTHS)
    declines = np.concatenate([[0.0], FIRST_MONTH * DEPTHS, DEPTHS])
    state = np.zeros((len(events), len(declines)))
    state[:, 0] = 1.0
    mean = np.zeros(events.shape)
    for month in range(events.shape[1]):
        fading = state[:, 1 : 1 + count] + state[:, 1 + count :]
        moved = np.empty_like(state)
        start = begins[:, month]
        moved[:, 0] = state[:, 0] * (1 - start) + fading.sum(axis=1) * recovers
        moved[:, 1 : 1 + count] = (state[:, 0] * start / count)[:, None]
        moved[:, 1 + count :] = fading * (1 - recovers)
        now = events[:, month, None]
        likelihood = poisson.pmf(np.nan_to_num(now), expected[:, month, None] * (1 - declines) + 1e-9)
        moved *= np.where(np.isnan(now), 1.0, likelihood + 1e-300)
        state = moved / moved.sum(axis=1, keepdims=True)
        mean[:, month] = state @ declines
    return mean
