"""Tiers, markets and core retention agree with a slow, independent count over the files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.oracle.operator import Clock
from tests.oracle.retention import Retention
from tests.oracle.summaries import form_opinion

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
PLACE = "region_id, brand_name, service_line, plan_type, value_tier"


@pytest.fixture(scope="module")
def retention(built_warehouse) -> Retention:
    settings = built_warehouse.settings
    clock = Clock(ZoneInfo(settings.time_zone), settings.month_close_days)
    return Retention(form_opinion(built_warehouse.extracts, clock, SEEDS / "value_tier.csv"))


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


def test_tier_and_market_of_every_line_and_month(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    markets = retention.markets()
    assert set(markets.values()) == {"group", "family", "individual"}
    expected = {key: (retention.opinion.tiers[key], market) for key, market in markets.items()}
    query = "select subscription_id, month, closing_value_tier, market_type from subscription_monthly"
    _assert_same({row[:2]: row[2:] for row in _rows(marts, query)}, expected)


def test_core_retention(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select base_month, observed_month, {PLACE}, market_type, core_count, retained_count, value_retained_count
        from core_retention_monthly"""
    expected = retention.core()
    assert any(core > kept > valued for core, kept, valued in expected.values())
    _assert_same({(*row[:2], row[2:7], row[7]): row[8:] for row in _rows(marts, query)}, expected)


def test_tier_spells(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    """The months of the spells are the month ends on the network, each in its tier."""
    query = """
        select spell.subscription_id, months.month::date, spell.value_tier
        from value_tier_history as spell
        cross join lateral generate_series(
            spell.entered_month, spell.entered_month + (spell.month_count - 1) * interval '1 month', interval '1 month'
        ) as months (month)"""
    expected = {key: retention.opinion.tiers[key] for key in retention.closing}
    _assert_same({row[:2]: row[2] for row in _rows(marts, query)}, expected)
