"""Behavioural clusters: found, named apart, and the same each time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.segments import SegmentModel, stability


def _customers() -> pd.DataFrame:
    random = np.random.default_rng(4)
    talkers = {"voice_minutes": random.lognormal(6.5, 0.2, 120), "data_mb": random.lognormal(3.0, 0.3, 120)}
    surfers = {"voice_minutes": random.lognormal(2.0, 0.3, 120), "data_mb": random.lognormal(9.0, 0.2, 120)}
    frame = pd.concat([pd.DataFrame(talkers), pd.DataFrame(surfers)], ignore_index=True)
    return frame.assign(message_count=np.nan, line_count=1.0)


def test_clusters__are_named_by_what_sets_them_apart() -> None:
    customers = _customers()
    model = SegmentModel(cluster_count=2).fit(customers)
    assert model.measures_ == ["voice_minutes", "data_mb"]
    names = model.predict(customers)
    assert set(names[:120]) | set(names[120:]) == set(model.names_)
    assert set(names[:120]).isdisjoint(names[120:])
    assert "calls" in names[0] and "data" in names[0]
    assert names[0].lower().split(", ")[0] in {"many calls", "little data"}


def test_names__all_differ() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.lognormal(size=(600, 3)), columns=["monthly_revenue", "data_mb", "voice_minutes"])
    model = SegmentModel(cluster_count=8).fit(frame)
    assert len(set(model.names_)) == len(model.names_) == 8


def test_fit__repeats_and_does_not_depend_on_row_order() -> None:
    customers = _customers()
    model = SegmentModel(cluster_count=2).fit(customers)
    again = SegmentModel(cluster_count=2).fit(customers)
    assert np.array_equal(model.centers_, again.centers_)
    assert list(model.predict(customers.iloc[::-1])) == list(model.predict(customers))[::-1]
    assert stability(model, again, customers) == pytest.approx(1.0)


def test_missing_and_absurd_values__are_placed() -> None:
    customers = _customers()
    model = SegmentModel(cluster_count=2).fit(customers)
    odd = pd.DataFrame({"voice_minutes": [np.nan, np.inf, -5.0], "data_mb": [np.nan, 1e300, 0.0]})
    assert set(model.predict(odd)) <= set(model.names_)


def test_customers_who_do_not_differ__cannot_be_clustered() -> None:
    with pytest.raises(ValueError, match="no measure differs"):
        SegmentModel().fit(pd.DataFrame({"monthly_revenue": [1.0] * 50, "data_mb": [np.nan] * 50}))
