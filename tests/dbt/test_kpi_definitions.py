"""Each KPI from its components, by the SQL that dbt compiles from the metrics."""

from __future__ import annotations

import importlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tenure.db import connect
from tenure.settings import Settings

AREAS: list[ModuleType] = [
    importlib.import_module(f"tests.dbt.{path.stem}")
    for path in sorted(Path(__file__).parent.glob("expected_kpis*.py"))
]
EXPECTED = {code: sides for area in AREAS for code, sides in area.EXPECTED.items()}
IN_CURRENCY = {code for area in AREAS for code in area.IN_CURRENCY}
MONTH = "date '2026-03-01' as month"
SLICE = "'r' as region_id, 'b' as brand_name, 'mobile' as service_line, 'prepaid' as plan_type, 'gold' as value_tier"


def _kpi_sql(manifest: dict[str, Any], temporary: dict[str, str]) -> str:
    """The compiled mart, reading the temporary tables."""
    sql = str(manifest["nodes"]["model.tenure.kpi_monthly"]["compiled_code"])
    for model, table in temporary.items():
        source = manifest["nodes"][f"model.tenure.{model}"]["relation_name"]
        assert source in sql, f"kpi_monthly does not read {model}"
        sql = sql.replace(source, f"pg_temp.{table}")
    return sql


@pytest.fixture(scope="module")
def kpis(settings: Settings, manifest: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal | None, str]]:
    """Numerator, denominator and currency of every KPI of one slice and month."""
    temporary = {"int_month": "known_month", "int_kpi_target": "known_target"}
    with connect("transformer", settings=settings) as connection:
        connection.execute(
            "create temporary table known_month on commit drop as"
            f" select {MONTH}, true as is_month_closed, false as is_open_month"
        )
        connection.execute(
            "create temporary table known_target (kpi_target_sk bigint, kpi_code text, month date, region_id text,"
            " brand_name text, service_line text, plan_type text, target_value numeric, closeness integer)"
            " on commit drop"
        )
        for number, area in enumerate(AREAS):
            columns = ", ".join(f"cast({value} as numeric) as {name}" for name, value in area.COMPONENTS.items())
            temporary[area.MODEL] = f"component_{number}"
            connection.execute(
                f"create temporary table component_{number} on commit drop as"
                f" select {MONTH}, 'CNY' as currency_code, {SLICE}, {columns}"
            )
        rows = connection.execute(
            f"select kpi_code, numerator, denominator, currency_code from ({_kpi_sql(manifest, temporary)}) as kpi"
        ).fetchall()
    found = {code: (numerator, denominator, currency) for code, numerator, denominator, currency in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.parametrize("code", EXPECTED)
def test_kpi_is_made_of_the_right_sums(kpis: dict[str, tuple[Decimal, Decimal | None, str]], code: str) -> None:
    numerator, denominator, currency = kpis[code]
    assert (numerator, denominator) == EXPECTED[code]
    assert currency == ("CNY" if code in IN_CURRENCY else "")


def test_no_kpi_is_without_a_test(kpis: dict[str, Any]) -> None:
    assert set(kpis) == set(EXPECTED)


def test_every_kpi_has_chinese_name_unit_and_definition(manifest: dict[str, Any]) -> None:
    marked = [metric for metric in manifest["metrics"].values() if metric["config"]["meta"].get("is_kpi")]
    assert {metric["name"] for metric in marked} == set(EXPECTED)
    for metric in marked:
        assert metric["config"]["meta"]["name_zh"] and metric["config"]["meta"]["unit"] and metric["description"]
