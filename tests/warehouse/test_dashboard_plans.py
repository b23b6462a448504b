"""What each chart asks reads little of a history sixteen times as long, and answers as if the history were short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tenure.dashboards.bundle import compile_bundle
from tenure.settings import ROOT
from tests.conftest import BuiltWarehouse
from tests.warehouse.long_history import MOST_ROWS, LongHistory, long_history, rows_read

_BUNDLE = {
    path: yaml.safe_load(text)
    for path, text in compile_bundle(ROOT, "postgresql://tenure_dashboard:x@127.0.0.1:5432/tenure", {})[0].items()
    if path.startswith(("charts/", "datasets/"))
}
DATASETS = {it["uuid"]: it for path, it in _BUNDLE.items() if path.startswith("datasets/")}
CHARTS = {path: it for path, it in _BUNDLE.items() if path.startswith("charts/")}


def _asked(dataset: dict[str, Any]) -> list[str]:
    """The different queries of the charts of a dataset, as they stand and with a month chosen on the dashboard."""
    found = set()
    for chart in CHARTS.values():
        if chart["dataset_uuid"] != dataset["uuid"]:
            continue
        for query in json.loads(chart["query_context"])["queries"]:
            conditions = [_condition(it) for it in query["filters"]]
            found.add(_select(dataset, conditions))
            found.add(
                _select(dataset, [it.replace("is_newest is true", "reporting_month = $newest") for it in conditions])
            )
    # What a filter offers is asked as it is.
    return sorted(found) or [_select(dataset, [])]


def _select(dataset: dict[str, Any], conditions: list[str]) -> str:
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select * from (\n{_sql(dataset)}\n) as dataset{where}"


def _sql(dataset: dict[str, Any]) -> str:
    return dataset["sql"] or f"select * from marts.{dataset['table_name']}"


def _condition(item: dict[str, Any]) -> str:
    if item["op"] == "IN":
        return f"{item['col']} in ({', '.join(repr(value) for value in item['val'])})"
    return f"{item['col']} {item['op'].lower()}"


@pytest.fixture(scope="module")
def history(built_warehouse: BuiltWarehouse) -> Iterator[LongHistory]:
    names = {word for it in DATASETS.values() for word in _marts(_sql(it))}
    with long_history(built_warehouse.settings, names) as long:
        yield long


def _marts(text: str) -> set[str]:
    return set(re.findall(r"\bmarts\.([a-z0-9_]+)", text))


def _newest(history: LongHistory) -> str:
    query = "select max(month)::text from marts.base_movement_monthly where not is_open_month"
    return str(history.rows(query, "marts")[0][0])[:7]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda it: it["table_name"])
def test_charts_read_little_of_a_long_history(history: LongHistory, dataset: dict[str, Any]) -> None:
    newest = _newest(history)
    read = {}
    for statement in _asked(dataset):
        scans = history.scans(statement.replace("$newest", f"'{newest}'"))
        assert scans
        read[statement] = rows_read(scans)
    assert {statement: rows for statement, rows in read.items() if rows > MOST_ROWS} == {}


def test_every_kind_of_question_is_asked() -> None:
    asked = [statement for dataset in DATASETS.values() for statement in _asked(dataset)]
    assert len(DATASETS) > 30
    assert any("reporting_month = $newest" in statement for statement in asked)
    assert any("kpi_code in (" in statement for statement in asked)
