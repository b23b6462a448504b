"""Tiers, markets and core retention agree with a slow, independent count over the files."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.oracle.agreement import assert_same, rows_of
from tests.oracle.retention import Retention

PLACE = "region_id, brand_name, service_line, plan_type, value_tier"


def test_tier_and_market_of_every_line_and_month(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    markets = retention.markets()
    assert set(markets.values()) == {"group", "family", "individual"}
    expected = {key: (retention.opinion.tiers[key], market) for key, market in markets.items()}
    query = "select subscription_id, month, closing_value_tier, market_type from subscription_monthly"
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)


def test_core_retention(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select base_month, observed_month, {PLACE}, market_type, core_count, retained_count, value_retained_count
        from core_retention_monthly"""
    expected = retention.core()
    assert any(core > kept > valued for core, kept, valued in expected.values())
    assert_same({(*row[:2], row[2:7], row[7]): row[8:] for row in rows_of(marts, query)}, expected)


def test_tier_spells(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    """The months of the spells are the month ends on the network, each in its tier."""
    query = """
        select spell.subscription_id, months.month::date, spell.value_tier
        from value_tier_history as spell
        cross join lateral generate_series(
            spell.entered_month, spell.entered_month + (spell.month_count - 1) * interval '1 month', interval '1 month'
        ) as months (month)"""
    expected = {key: retention.opinion.tiers[key] for key in retention.closing}
    assert_same({row[:2]: row[2] for row in rows_of(marts, query)}, expected)
