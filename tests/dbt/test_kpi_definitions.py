"""Each KPI from its components, by the SQL that dbt compiles from the metrics."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tenure.db import connect
from tenure.settings import Settings

COMPONENTS = {
    "opening_count": 100,
    "closing_count": 120,
    "net_addition_count": 20,
    "opening_voluntary_churn_count": 3,
    "opening_involuntary_churn_count": 2,
    "opening_inactive_churn_count": 1,
    "mean_base_count": 110,
    "mean_voice_base_count": 80,
    "mean_data_base_count": 90,
    "service_revenue_amount": 5500,
    "voice_minutes": 4000,
    "data_mb": 18000,
}
EXPECTED = {
    "opening_base": (100, None),
    "closing_base": (120, None),
    "net_additions": (20, None),
    "churn_rate": (6, 100),
    "voluntary_churn_rate": (3, 100),
    "involuntary_churn_rate": (2, 100),
    "inactive_churn_rate": (1, 100),
    "service_revenue": (5500, None),
    "arpu": (5500, 110),
    "mou": (4000, 80),
    "dou": (18000, 90),
}


def _kpi_sql(manifest: dict[str, Any]) -> str:
    node = manifest["nodes"]["model.tenure.kpi_monthly"]
    source = manifest["nodes"]["model.tenure.int_kpi_component_monthly"]["relation_name"]
    assert source in node["compiled_code"]
    return str(node["compiled_code"]).replace(source, "pg_temp.component")


@pytest.fixture(scope="module")
def kpis(settings: Settings, manifest: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal | None, str]]:
    """Numerator, denominator and currency of every KPI of one slice and month."""
    with connect("transformer", settings=settings) as connection:
        columns = ", ".join(f"cast({value} as numeric) as {name}" for name, value in COMPONENTS.items())
        connection.execute(
            "create temporary table component on commit drop as select date '2026-03-01' as month,"
            " true as is_month_closed, false as is_open_month, 'CNY' as currency_code, 'r' as region_id,"
            f" 'b' as brand_name, 'mobile' as service_line, 'prepaid' as plan_type, 'gold' as value_tier, {columns}"
        )
        rows = connection.execute(
            f"select kpi_code, numerator, denominator, currency_code from ({_kpi_sql(manifest)}) as kpi"
        ).fetchall()
    found = {code: (numerator, denominator, currency) for code, numerator, denominator, currency in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("code", EXPECTED)
def test_kpi_is_made_of_the_right_sums(kpis: dict[str, tuple[Decimal, Decimal | None, str]], code: str) -> None:
    numerator, denominator, currency = kpis[code]
    assert (numerator, denominator) == EXPECTED[code]
    assert currency == ("CNY" if code in ("arpu", "service_revenue") else "")


def test_no_kpi_is_without_a_test(kpis: dict[str, Any]) -> None:
    assert set(kpis) == set(EXPECTED)


def test_every_kpi_has_chinese_name_unit_and_definition(manifest: dict[str, Any]) -> None:
    marked = [metric for metric in manifest["metrics"].values() if metric["config"]["meta"].get("is_kpi")]
    assert {metric["name"] for metric in marked} == set(EXPECTED)
    for metric in marked:
        assert metric["config"]["meta"]["name_zh"] and metric["config"]["meta"]["unit"] and metric["description"]
