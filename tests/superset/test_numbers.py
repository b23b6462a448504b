"""Every number of every page, as Superset's data API answers it, equals plain Python over the marts."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.datasets import read_entries
from tenure.dashboards.definitions import read_metrics
from tenure.dashboards.language import code_of
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer
from tests.superset.oracle import MADE, Oracle, grouped, kpi_value, metric_value

ASSETS = read_assets(ROOT)
DATASETS = {document["uuid"]: document["table_name"] for document in of_kind(ASSETS, "datasets")}
ENTRIES = {entry["name"]: entry for entry in read_entries(ROOT)}
KPIS = read_metrics(ROOT / "dbt_project")
# English: what other languages show is the same but for its words, which test_language.py compares.
CHARTS = {
    path.removeprefix("charts/").removesuffix(".yaml"): chart
    for path, chart in ASSETS.items()
    if path.startswith("charts/") and code_of(path) == "en"
}
BY_SHAPE = sorted(name for name, chart in CHARTS.items() if "shape" in ENTRIES[DATASETS[chart["dataset_uuid"]]])
OF_KPIS = sorted(
    name for name, chart in CHARTS.items() if DATASETS[chart["dataset_uuid"]] in ("kpi_trend", "kpi_money_trend")
)


@pytest.fixture(scope="module")
def oracle(superset_server: SupersetServer) -> Iterator[Oracle]:
    with psycopg.connect(superset_server.settings.url("dashboard")) as connection:
        yield Oracle(connection)


@pytest.fixture(scope="module")
def chart_ids(superset_server: SupersetServer) -> dict[str, int]:
    with psycopg.connect(superset_server.settings.url("superset")) as connection:
        return dict(connection.execute("select uuid::text, id from slices where is_managed_externally").fetchall())


def plain(value: Any) -> Any:
    """A value as the data API writes it: instants in milliseconds, numbers as floats."""
    if isinstance(value, dt.datetime):
        instant = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return instant.timestamp() * 1000
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp() * 1000
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return float(value)
    return value


def named(query: dict[str, Any]) -> list[str]:
    return [column["label"] if isinstance(column, dict) else column for column in query["columns"]]


def same(got: Any, wanted: Any) -> bool:
    if got is None or wanted is None:
        return got is wanted
    return math.isclose(float(got), float(wanted), rel_tol=1e-9, abs_tol=1e-9)


def compare(answered: list[dict[str, Any]], wanted: dict[tuple[Any, ...], dict[str, Any]], columns: list[str]) -> None:
    got = {tuple(plain(row[column]) for column in columns): row for row in answered}
    keys = {tuple(plain(value) for value in key): values for key, values in wanted.items()}
    assert got.keys() == keys.keys()
    for key, values in keys.items():
        for name, value in values.items():
            assert same(got[key][name], value), (key, name, got[key][name], value)


@pytest.mark.parametrize("name", BY_SHAPE)
def test_chart_equals_the_marts(
    superset_server: SupersetServer, oracle: Oracle, chart_ids: dict[str, int], name: str
) -> None:
    chart = CHARTS[name]
    entry = ENTRIES[DATASETS[chart["dataset_uuid"]]]
    results = superset_server.chart_data(chart_ids[chart["uuid"]])
    for query, result in zip(chart["query_context"]["queries"], results, strict=True):
        conditions = {item["col"] for item in query["filters"] if item["op"] == "IS TRUE"}
        kept = [name for name in conditions if (entry["name"], name) in MADE]
        rows = [row for row in oracle.rows(entry, "is_chosen_month" in conditions) if all(row[name] for name in kept)]
        assert rows, "nothing to compare"
        columns = named(query)
        answered: Any = result["data"]
        if not query.get("metrics"):
            wanted = Counter(tuple(plain(row[column]) for column in columns) for row in rows)
            assert Counter(tuple(plain(row[column]) for column in columns) for row in answered) == wanted
            continue
        groups = grouped(rows, columns)
        values = {
            key: {one: metric_value(group, one, entry["metrics"][one], entry["columns"]) for one in query["metrics"]}
            for key, group in groups.items()
        }
        compare(answered, values, columns)


@pytest.mark.parametrize("name", OF_KPIS)
def test_kpi_equals_kpi_monthly(
    superset_server: SupersetServer, oracle: Oracle, chart_ids: dict[str, int], name: str
) -> None:
    chart = CHARTS[name]
    shown = dict.fromkeys(("brand_name", "service_line", "plan_type", "value_tier"), "kpi_monthly")
    shown["region_name"] = "dim_region"
    entry = {"name": "kpi_trend", "mart": "kpi_monthly", "shape": "trend", "columns": shown}
    results = superset_server.chart_data(chart_ids[chart["uuid"]])
    for query, result in zip(chart["query_context"]["queries"], results, strict=True):
        columns = named(query)
        answered: Any = result["data"]
        rows = [
            row
            for row in oracle.rows(entry, is_chosen_month=False)
            if row["kpi_code"] in query["metrics"] and not (row["numerator"] == 0 and row["denominator"] == 0)
        ]
        assert rows, "nothing to compare"
        values = {
            key: {one: kpi_value(group, KPIS[one]) for one in query["metrics"]}
            for key, group in grouped(rows, columns).items()
        }
        compare(answered, values, columns)


@pytest.mark.parametrize(("name", "most"), [("executive_overview/watch_list", 100), ("retention/watch_list", 10_000)])
def test_watch_list__has_the_most_valuable_first(
    superset_server: SupersetServer, oracle: Oracle, chart_ids: dict[str, int], name: str, most: int
) -> None:
    (result,) = superset_server.chart_data(chart_ids[CHARTS[name]["uuid"]])
    answered: Any = result["data"]
    wanted = sorted(
        ((row["value_at_risk_amount"], row["subscription_id"]) for row in oracle.mart("churn_watchlist")),
        key=lambda one: (-one[0], one[1]),
    )
    got = [(row["value_at_risk_amount"], row["subscription_id"]) for row in answered]
    assert [(float(amount), line) for amount, line in wanted[:most]] == got
    assert len(wanted) > 100
