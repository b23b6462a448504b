"""Back-tests: each month by a model of the months before, parts that add up to the whole, nothing of the future."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from ml import backtest, pipeline
from ml.features import LABEL, PLAN, read_training_rows
from ml.params import load_params
from ml.registry import CHURN_MODELS, find_champion
from tenure.db import connect
from tenure.settings import Settings
from tests.conftest import BuiltWarehouse

MONTHS = 3
PARAMS = load_params().model_copy(
    update={"backtest": load_params().backtest.model_copy(update={"months": MONTHS, "minimum_positive_count": 3})}
)


@pytest.fixture
def built(built_warehouse: BuiltWarehouse) -> Iterator[Settings]:
    yield built_warehouse.settings
    with connect("scorer", settings=built_warehouse.settings) as connection:
        connection.execute("delete from scores.churn_backtest")


def test_backtest__adds_up_and_is_made_once(built: Settings) -> None:
    results = pipeline.backtest_if_needed(built, PARAMS)
    assert set(results) == set(CHURN_MODELS.values())
    assert pipeline.backtest_if_needed(built, PARAMS) == dict.fromkeys(results)
    for plan_type, name in CHURN_MODELS.items():
        rows = read_training_rows(built, PARAMS)
        rows = rows[rows[PLAN] == plan_type]
        days = sorted(rows["as_of_date"].unique())[-MONTHS:]
        measured = results[name]
        assert measured
        whole = {one.as_of_date: one for one in measured if one.slice_kind == backtest.ALL}
        assert [str(day) for day in sorted(whole)] == [str(day)[:10] for day in days]
        parts: dict[tuple[object, str], list[backtest.Measured]] = defaultdict(list)
        for one in measured:
            parts[one.as_of_date, one.slice_kind].append(one)
        for day in days:
            of_day = rows[rows["as_of_date"] == day]
            one = next(value for key, value in whole.items() if str(key) == str(day)[:10])
            assert (one.row_count, one.leaver_count) == (len(of_day), int(of_day[LABEL].sum()))
            for kind in (backtest.REGION, backtest.TIER):
                found = parts[one.as_of_date, kind]
                assert len(found) > 1
                assert sum(part.row_count for part in found) == one.row_count
                assert sum(part.leaver_count for part in found) == one.leaver_count
                assert sum(part.expected_leaver_count for part in found) == pytest.approx(one.expected_leaver_count)
            # A probability that means what it says: far from it and the features of the month before were not used.
            assert one.expected_leaver_count == pytest.approx(one.leaver_count, abs=4 * (one.leaver_count + 4) ** 0.5)
    with connect("scorer", settings=built) as connection:
        stored = connection.execute("select count(*) from scores.churn_backtest").fetchone()
    assert stored == (sum(len(measured or []) for measured in results.values()),)


def test_backtest__of_a_month_does_not_know_what_came_after_it(built: Settings) -> None:
    with connect("scorer", settings=built) as connection:
        run = find_champion(connection, "churn_postpaid")
        assert run is not None
        before = backtest.measure_months(connection, built, PARAMS, run)
        first = min(one.as_of_date for one in before)
    with connect("transformer", settings=built) as connection:
        connection.execute("create table features.kept_features as table features.subscription_features")
        connection.execute(
            "update features.subscription_features set tenure_days = 4000, age_years = null where as_of_date > %s",
            (first,),
        )
    try:
        with connect("scorer", settings=built) as connection:
            after = backtest.measure_months(connection, built, PARAMS, run)
    finally:
        with connect("transformer", settings=built) as connection:
            connection.execute("truncate features.subscription_features")
            connection.execute("insert into features.subscription_features select * from features.kept_features")
            connection.execute("drop table features.kept_features")
    assert [one for one in after if one.as_of_date == first] == [one for one in before if one.as_of_date == first]
    assert [one for one in after if one.as_of_date > first] != [one for one in before if one.as_of_date > first]
