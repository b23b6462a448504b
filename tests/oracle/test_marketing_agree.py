"""Campaigns, points, leads, opportunities and competition agree with a slow, independent count over the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.oracle.campaign_value import campaign_values
from tests.oracle.loyalty import COLUMNS, breakage, liability, owed, remaining
from tests.oracle.operator import Clock
from tests.oracle.summaries import Opinion, form_opinion

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"


@pytest.fixture(scope="module")
def opinion(built_warehouse) -> Opinion:
    settings = built_warehouse.settings
    clock = Clock(ZoneInfo(settings.time_zone), settings.month_close_days)
    return form_opinion(built_warehouse.extracts, clock, SEEDS / "value_tier.csv")


@pytest.fixture(scope="module")
def marts(built_warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the analyst, who sees what everybody sees."""
    with psycopg.connect(built_warehouse.settings.url("analyst"), autocommit=True) as connection:
        yield connection


def _rows(marts: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    return marts.execute(query).fetchall()


def _assert_same(found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    """Equal as mappings; the message names the first few differences."""
    differing = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
    shown = [(key, "mart", found.get(key), "oracle", expected.get(key)) for key in sorted(differing, key=str)[:5]]
    assert not differing, f"{len(differing)} of {len(expected)} differ: {shown}"


def test_what_campaigns_are_worth(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select campaign_id, value_basis_amount, outcome_value_amount, increment_value_amount, gained_discount_amount,
            cannibalised_amount, cost_amount, roi_ratio
        from campaign_effect"""
    expected = campaign_values(opinion, SEEDS / "campaign_value.csv")
    assert any(value[4] for value in expected.values())
    assert {value[0] is None for value in expected.values()} == {True, False}
    _assert_same({row[0]: row[1:] for row in _rows(marts, query)}, expected)


def test_points_owed(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    movement = liability(opinion)
    seed = SEEDS / "loyalty_point_value.csv"
    expected: dict[Any, tuple[Any, ...]] = {}
    for (month, place), row in movement.items():
        rate = breakage(movement, month)
        expected[month, place] = (*row.values(), rate, owed(row["closing"], rate, seed))
    columns = ", ".join(f"{name}_points" for name in COLUMNS[:-1])
    query = f"""
        select month, region_id, value_tier, {columns}, member_count, breakage_rate, liability_amount
        from loyalty_liability_monthly"""
    _assert_same({(row[0], row[1:3]): row[3:] for row in _rows(marts, query)}, expected)
    assert all(sum(row[name] for row in movement.values()) for name in COLUMNS)


def test_points_left(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select customer_id, sum(points)::bigint, sum(remaining_points)::bigint, (array_agg(balance_points
            order by occurred_at desc, loyalty_transaction_id desc))[1]
        from fct_loyalty_point group by 1"""
    expected = {customer: (left, left, left) for customer, left in remaining(opinion).items()}
    _assert_same({row[0]: row[1:] for row in _rows(marts, query)}, expected)
    assert all(isinstance(left, int) and left >= 0 for left, *_ in expected.values())
