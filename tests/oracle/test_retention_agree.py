"""Tiers, markets and core retention agree with a slow, independent count over the files."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SLICE, assert_same, rows_of
from tests.oracle.operator import histories, months_later
from tests.oracle.retention import HORIZON_MONTHS, Retention

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


def _found(marts: psycopg.Connection[Any], kpi_code: str) -> dict[Any, tuple[Decimal, Decimal]]:
    query = f"select month, {SLICE}, numerator, denominator from kpi_monthly where kpi_code = '{kpi_code}'"
    return {(row[0], row[1:6]): (row[6], row[7]) for row in rows_of(marts, query) if row[6] or row[7]}


def test_core_retention_of_every_month_and_slice(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    """The KPIs look a year back, at the slice of the base month."""
    kept: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    of_groups: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (base, later, place, market), (core, retained, valued) in retention.core().items():
        if later != months_later(base, HORIZON_MONTHS):
            continue
        for position, count in enumerate((core, retained, valued)):
            kept[later, place][position] += count
            of_groups[later, place][position] += count * (market == "group")
    assert kept, "no month has a base a year before"
    of_groups = {key: counts for key, counts in of_groups.items() if any(counts)}
    assert of_groups
    expected = {
        "core_retention": {key: (retained, core) for key, (core, retained, _) in kept.items()},
        "core_value_retention": {key: (valued, core) for key, (core, _, valued) in kept.items()},
        "group_core_retention": {key: (retained, core) for key, (core, retained, _) in of_groups.items()},
        "group_core_value_retention": {key: (valued, core) for key, (core, _, valued) in of_groups.items()},
    }
    for kpi_code, sums in expected.items():
        assert_same(_found(marts, kpi_code), sums)


def test_penetration_of_every_month(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    """Lines count at their closing slice; people, households and firms at the region, as known at the month end."""
    operator, markets = retention.operator, retention.markets()
    kpis = {
        "mobile_penetration": ("population", lambda seen: seen.closing[2] == "mobile"),
        "broadband_penetration": ("households", lambda seen: seen.closing[2] == "broadband"),
        "group_penetration": ("firms", lambda seen: markets[seen.line.line_id, seen.month] == "group"),
    }
    regions = histories(operator.folder, "crm.region", "region_id", operator.end)
    for kpi_code, (people, is_counted) in kpis.items():
        expected: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for (_, month), seen in retention.closing.items():
            expected[month, retention.opinion.closing_slice(seen)][0] += is_counted(seen)
        for month in operator.months():
            for region_id, history in regions.items():
                known = history.before(operator.month_end(month))[people]
                if known not in (None, ""):
                    expected[month, (region_id, *["unknown"] * 4)][1] += Decimal(known)
        counted = {key: (lines, could) for key, (lines, could) in expected.items() if lines or could}
        assert any(lines for lines, _ in counted.values()), kpi_code
        assert any(could for _, could in counted.values()), kpi_code
        assert_same(_found(marts, kpi_code), counted)


def test_survival_curve(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    """Stays followed month by month of tenure; who has not left was there for as long as it was watched."""
    operator = retention.operator
    watched: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for seen in retention.opinion.months:
        if operator.is_open(seen.month):
            continue
        joined = operator.clock.day(seen.line.activated_at)
        tenure = (seen.month.year - joined.year) * 12 + seen.month.month - joined.month
        cell = watched[(seen.opening or seen.closing)[3], tenure]
        cell[0] += seen.is_opening + sum(seen.entries.values())
        cell[1] += sum(seen.exits.values())
    expected: dict[tuple[str, int], tuple[int, int, float, float | None]] = {}
    for plan in {plan for plan, _ in watched}:
        tenures = sorted(tenure for one, tenure in watched if one == plan)
        still, kept = 1.0, {}
        for tenure in tenures:
            there, left = watched[plan, tenure]
            still *= 1 - left / there
            kept[tenure] = still
        for tenure in tenures:
            ahead = [kept[later] for later in range(tenure + 1, tenure + 25) if later in kept]
            left_over = sum(ahead) / kept[tenure] if len(ahead) == 24 and kept[tenure] else None
            there, left = watched[plan, tenure]
            expected[plan, tenure] = (there, left, kept[tenure], left_over)
    query = "select plan_type, tenure_month, at_risk_count, left_count, survival_rate, expected_months_left"
    found = {row[:2]: row[2:] for row in rows_of(marts, f"{query} from survival_curve")}
    assert {key: row[:2] for key, row in found.items()} == {key: row[:2] for key, row in expected.items()}
    assert any(left for _, left, _, _ in expected.values())
    assert any(months is not None for *_, months in expected.values())
    for key, (_, _, share, months) in expected.items():
        assert abs(float(found[key][2]) - share) < 1e-5, key
        assert (found[key][3] is None) == (months is None), key
        assert months is None or abs(float(found[key][3]) - months) < 0.01, key


def test_survival_interval__is_greenwoods(marts: psycopg.Connection[Any]) -> None:
    query = """
        select plan_type, tenure_month, at_risk_count, left_count, survival_rate, survival_low_rate, survival_high_rate
        from survival_curve order by plan_type, tenure_month"""
    variance: dict[str, float] = defaultdict(float)
    for plan, _, there, left, still, low, high in rows_of(marts, query):
        if there == left:
            break
        variance[plan] += left / (there * (there - left))
        half = 1.96 * float(still) * variance[plan] ** 0.5
        assert abs(float(low) - max(float(still) - half, 0)) < 1e-5
        assert abs(float(high) - min(float(still) + half, 1)) < 1e-5
    assert set(variance) == {"postpaid", "prepaid"}
