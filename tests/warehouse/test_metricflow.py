"""MetricFlow, asked for the KPIs by their definitions in dbt, answers what kpi_monthly says: to the cent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt.adapters.factory import get_adapter_by_type
from dbt_metricflow.cli.dbt_connectors.adapter_backed_client import AdapterBackedSqlClient
from dbt_metricflow.cli.dbt_connectors.dbt_config_accessor import dbtProjectMetadata
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from tenure.transform import dbt_environment, read_manifest, run_dbt
from tests.conftest import BuiltWarehouse
from tests.oracle.agreement import assert_same

# Sides are exact; a ratio is divided by MetricFlow in double precision.
RATIO_TOLERANCE = 1e-12
SLICES = ("region_id", "plan_type")


@pytest.fixture(scope="module")
def engine(built_warehouse: BuiltWarehouse) -> Iterator[MetricFlowEngine]:
    """MetricFlow on the dbt project and the warehouse of the session.

    It is set up as `mf` does, except that `mf` looks for the semantic manifest inside the project only.
    """
    settings = built_warehouse.settings
    before = dict(os.environ)
    os.environ.update(dbt_environment(settings))
    try:
        run_dbt(settings, ["parse"])
        project = Path(os.environ["DBT_PROJECT_DIR"])
        profile = dbtProjectMetadata.load_from_paths(profiles_path=project, project_path=project).profile
        manifest = Path(os.environ["DBT_TARGET_PATH"], "semantic_manifest.json").read_text()
        client = AdapterBackedSqlClient(get_adapter_by_type(profile.credentials.type))
        lookup = SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(manifest))
        yield MetricFlowEngine(semantic_manifest_lookup=lookup, sql_client=client)
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def metrics(built_warehouse: BuiltWarehouse, engine: MetricFlowEngine) -> dict[str, dict[str, Any]]:
    """Every metric of dbt's manifest by its name."""
    return {metric["name"]: metric for metric in read_manifest(built_warehouse.settings)["metrics"].values()}


def _ask(engine: MetricFlowEngine, names: list[str], by: list[str]) -> list[tuple[Any, ...]]:
    """Rows of a MetricFlow query: what it is grouped by, then the metrics, in the order asked."""
    answer = engine.query(MetricFlowQueryRequest.create(metric_names=names, group_by_names=by)).result_df
    assert answer is not None
    places = [answer.column_names.index(name) for name in (*by, *names)]
    return [tuple(row[place] for place in places) for row in answer.rows]


def _kpis(metrics: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(name for name, metric in metrics.items() if metric["config"]["meta"].get("is_kpi"))


def _sides(metric: dict[str, Any]) -> tuple[str, str | None]:
    """The metrics that a KPI is made of: its numerator and denominator, or itself."""
    parameters = metric["type_params"]
    if metric["type"] == "ratio":
        return parameters["numerator"]["name"], parameters["denominator"]["name"]
    return metric["name"], None


def _entities(metrics: dict[str, dict[str, Any]], built: BuiltWarehouse) -> dict[str, str]:
    """By simple metric, the entity that qualifies its dimensions."""
    found = {}
    for model in read_manifest(built.settings)["semantic_models"].values():
        for measure in model["measures"]:
            found[measure["name"]] = model["primary_entity"]
    return {
        name: found[metric["type_params"]["measure"]["name"]]
        for name, metric in metrics.items()
        if metric["type"] == "simple"
    }


@pytest.fixture(scope="module")
def marts(built_warehouse: BuiltWarehouse) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(built_warehouse.settings.url("analyst"), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("column", SLICES)
def test_metricflow_answers_what_the_mart_says(
    built_warehouse: BuiltWarehouse,
    engine: MetricFlowEngine,
    metrics: dict[str, dict[str, Any]],
    marts: psycopg.Connection[Any],
    column: str,
) -> None:
    """Every KPI by month and one dimension, those in money by currency as well."""
    entities = _entities(metrics, built_warehouse)
    found: dict[tuple[Any, ...], tuple[Decimal | None, ...]] = {}
    ratios: dict[tuple[Any, ...], Any] = {}
    for code in _kpis(metrics):
        entity = entities[_sides(metrics[code])[0]]
        by = ["metric_time__month", f"{entity}__{column}"]
        if metrics[code]["config"]["meta"].get("is_money"):
            by.append(f"{entity}__currency_code")
        names = [name for name in _sides(metrics[code]) if name]
        asked = names if code in names else [*names, code]
        for row in _ask(engine, asked, by):
            month, place, *rest = row
            currency = rest.pop(0) if len(by) == 3 else ""
            sides = tuple(rest[: len(names)])
            # A KPI has no rows for what is not delivered, or is in no currency.
            if sides[0] is None or (len(by) == 3 and not currency):
                continue
            key = (code, _month(month), place, currency)
            found[key] = tuple(Decimal(side or 0) for side in sides)
            ratios[key] = rest[-1]
    rows = marts.execute(
        f"select kpi_code, month, {column}, currency_code, sum(numerator), sum(denominator) from kpi_monthly"
        " group by 1, 2, 3, 4"
    ).fetchall()
    expected = {row[:4]: tuple(side for side in row[4:] if side is not None) for row in rows}
    assert {key[0] for key in expected} == set(_kpis(metrics))
    assert_same(_counted(found), _counted(expected))
    for key, (numerator, *denominator) in expected.items():
        if denominator and denominator[0] and key in found:
            assert float(ratios[key] or 0) == pytest.approx(float(numerator / denominator[0]), rel=RATIO_TOLERANCE), key


def _month(value: Any) -> date:
    return date(value.year, value.month, value.day)


def _counted(sides: dict[tuple[Any, ...], tuple[Decimal | None, ...]]) -> dict[tuple[Any, ...], Any]:
    """Without what adds up to nothing: a slice emptied since last month keeps a row of zeroes. To the sixth digit."""
    rounded = {key: tuple(round(side or Decimal(0), 6) for side in values) for key, values in sides.items()}
    return {key: values for key, values in rounded.items() if any(values)}


def test_kpis_of_several_areas_are_asked_at_once(engine: MetricFlowEngine, marts: psycopg.Connection[Any]) -> None:
    """Metrics of three models by month, as somebody would put them side by side."""
    names = ["churn_rate", "csat_mean", "core_retention"]
    found = {
        _month(month): [None if value is None else float(value) for value in values]
        for month, *values in _ask(engine, names, ["metric_time__month"])
    }
    sums = ", ".join(
        f"(sum(numerator) filter (where kpi_code = '{name}')"
        f" / nullif(sum(denominator) filter (where kpi_code = '{name}'), 0))::float"
        for name in names
    )
    rows = marts.execute(f"select month, {sums} from kpi_monthly group by 1").fetchall()
    expected = {row[0]: list(row[1:]) for row in rows}
    assert {tuple(value is None for value in values) for values in expected.values()} == {
        (False, False, True),
        (False, False, False),
    }
    assert found.keys() == expected.keys()
    for month, values in expected.items():
        assert [value is None for value in found[month]] == [value is None for value in values], month
        known = [(ours, theirs) for ours, theirs in zip(values, found[month], strict=True) if ours is not None]
        assert [theirs for _, theirs in known] == pytest.approx([ours for ours, _ in known], rel=RATIO_TOLERANCE), month
