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


def _moving() -> tuple[SegmentModel, pd.DataFrame, pd.DataFrame]:
    """Talkers and surfers, of whom the first ten talkers surf in the second month."""
    before = _customers()
    now = before.copy()
    now.loc[:9, "data_mb"] = 9000.0
    now.loc[:9, "voice_minutes"] = 8.0
    return SegmentModel(cluster_count=2).fit(pd.concat([before, now])), before, now


def test_moves__are_of_those_in_another_cluster_and_say_what_changed() -> None:
    model, before, now = _moving()
    moves = model.moves(before, now)
    assert list(moves.index) == list(range(10))
    assert set(moves["previous_cluster_name"]) == {model.predict(before.loc[[0]])[0]}
    columns = before["data_mb"].iloc[:10], before["voice_minutes"].iloc[:10], moves["move_reason"]
    for data, minutes, reason in zip(*columns, strict=True):
        assert reason in (f"Data {data:,.0f} to 9,000 MB a month", f"Calls {minutes:,.0f} to 8 minutes a month")


def test_moves__leave_out_who_was_not_there_or_is_gone() -> None:
    model, before, now = _moving()
    assert list(model.moves(before.drop(index=[0, 1]), now.drop(index=[2])).index) == list(range(3, 10))
    assert model.moves(before, before).empty
    assert model.moves(before.iloc[:0], now).empty


def test_moves__of_a_measure_that_is_not_known_any_more_say_so() -> None:
    random = np.random.default_rng(2)
    low, high = random.normal(20.0, 1.0, 60), random.normal(200.0, 1.0, 60)
    before = pd.DataFrame({"data_mb": [*low, *high], "monthly_revenue": random.normal(50.0, 0.5, 120)})
    now = before.copy()
    now.loc[0, "data_mb"] = np.nan
    model = SegmentModel(cluster_count=2).fit(before)
    moves = model.moves(before, now)
    # What is not known counts as the median, which lies with one of the two.
    assert list(moves.index) in ([], [0])
    moves = model.moves(before.assign(data_mb=before["data_mb"].mask(before.index == 119)), before)
    assert all(reason == "Data: newly known" for reason in moves["move_reason"])
    assert len(moves) + len(model.moves(before, now)) == 1
