"""The dashboard files by themselves: every chart leads to a dataset, every dataset to columns of the marts."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
import yaml

from tenure.dashboards import stale_files
from tenure.dashboards.bundle import compile_bundle, of_kind, read_assets
from tenure.dashboards.charts import metrics_of
from tenure.dashboards.datasets import read_entries
from tenure.dashboards.definitions import read_marts, read_metrics
from tenure.dashboards.language import Language, code_of, read_languages
from tenure.dashboards.pages import read_pages
from tenure.dashboards.shapes import MONTH_COLUMNS
from tenure.settings import ROOT

# Written by the publication step, not by dbt: see tenure/warehouse/publish.py.
PUBLICATION_TABLES = {
    "publication": {"publication_id", "as_of_date", "published_at", "is_current"},
    "mart_status": {"mart_name", "grain", "complete_to_date", "row_count"},
}
# What a chart's parameters name its columns and metrics by; a bubble's axes are metrics.
COLUMN_KEYS = ("x_axis", "groupby", "groupby_b", "all_columns", "source", "target", "entity", "series")
METRIC_KEYS = ("metric", "metrics", "metrics_b", "size", "x", "y")


LANGUAGES = {language.code: language for language in read_languages(ROOT)}


@pytest.fixture(scope="module", params=sorted(LANGUAGES))
def language(request: pytest.FixtureRequest) -> Language:
    found: Language = LANGUAGES[request.param]
    return found


@pytest.fixture(scope="module")
def assets(language: Language) -> dict[str, dict[str, Any]]:
    """The files of one language, and the database that all share."""
    return {
        path: document
        for path, document in read_assets(ROOT).items()
        if path.startswith("databases/") or code_of(path) == language.code
    }


@pytest.fixture(scope="module")
def mart_columns() -> dict[str, set[str]]:
    return {name: set(mart.columns) for name, mart in read_marts(ROOT / "dbt_project").items()} | PUBLICATION_TABLES


def by_uuid(assets: dict[str, dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {document["uuid"]: document for document in of_kind(assets, kind)}


def chart_nodes(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in dashboard["position"].values() if isinstance(node, dict) and node["type"] == "CHART"]


def filters(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dashboard["metadata"]["native_filter_configuration"]
    return found


def test_dataset_files_are_what_the_dbt_definitions_say_now() -> None:
    assert stale_files(ROOT) == [], "run `tenure dashboards --generate`"


def test_every_kpi_of_dbt_is_a_metric_with_its_definition(
    assets: dict[str, dict[str, Any]], language: Language
) -> None:
    described = {
        metric["metric_name"]: metric["description"]
        for dataset in of_kind(assets, "datasets")
        if dataset["table_name"] in {language.named(name, "_") for name in ("kpi_trend", "kpi_money_trend")}
        for metric in dataset["metrics"]
    }
    kpis = read_metrics(ROOT / "dbt_project")
    assert described == {name: language.text(metric.definition) for name, metric in kpis.items()}
    assert {"closing_base", "net_additions", "churn_rate", "service_revenue", "arpu", "mou", "dou"} <= kpis.keys()


def test_uuids_are_valid_and_unique() -> None:
    uuids = [str(UUID(document["uuid"])) for document in read_assets(ROOT).values()]
    assert [uuid for uuid, times in Counter(uuids).items() if times > 1] == []


def test_every_reference_leads_somewhere_and_nothing_is_unused(assets: dict[str, dict[str, Any]]) -> None:
    databases, datasets = by_uuid(assets, "databases"), by_uuid(assets, "datasets")
    charts, dashboards = by_uuid(assets, "charts"), of_kind(assets, "dashboards")
    placed = {node["meta"]["uuid"] for dashboard in dashboards for node in chart_nodes(dashboard)}
    offered = {target["datasetUuid"] for item in dashboards for one in filters(item) for target in one["targets"]}
    assert placed == charts.keys()
    assert {chart["dataset_uuid"] for chart in charts.values()} | offered == datasets.keys()
    assert {dataset["database_uuid"] for dataset in datasets.values()} == databases.keys()


def test_layout_names_its_charts_as_they_are_called_and_fits_the_grid(assets: dict[str, dict[str, Any]]) -> None:
    charts = by_uuid(assets, "charts")
    for dashboard in of_kind(assets, "dashboards"):
        nodes = chart_nodes(dashboard)
        assert {node["meta"]["uuid"]: node["meta"]["sliceName"] for node in nodes} == {
            node["meta"]["uuid"]: charts[node["meta"]["uuid"]]["slice_name"] for node in nodes
        }
        # The numbers only tell the file's charts apart; Superset gives its own at import.
        assert len({node["meta"]["chartId"] for node in nodes}) == len(nodes)
        position = dashboard["position"]
        for key, node in position.items():
            if isinstance(node, dict):
                assert node["id"] == key
                assert all(child in position for child in node.get("children", []))
                assert all(parent in position for parent in node.get("parents", []))
                if node["type"] == "ROW":
                    assert sum(position[child]["meta"]["width"] for child in node["children"]) <= 12, key


def strings_in(value: Any) -> set[str]:
    """Every text inside lists and mappings, however deep."""
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return set().union(*(strings_in(item) for item in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(strings_in(item) for item in value)) if value else set()
    return set()


def test_charts_ask_their_dataset_only_for_what_it_has(assets: dict[str, dict[str, Any]]) -> None:
    datasets = by_uuid(assets, "datasets")
    for path, chart in assets.items():
        if not path.startswith("charts/"):
            continue
        dataset = datasets[chart["dataset_uuid"]]
        columns = {column["column_name"] for column in dataset["columns"]}
        params, queries = chart["params"], chart["query_context"]["queries"]
        shown = strings_in([params.get(key, []) for key in METRIC_KEYS])
        conditions = params["adhoc_filters"]
        named = strings_in([params.get(key) or [] for key in COLUMN_KEYS]) | {item["subject"] for item in conditions}
        assert shown <= {metric["metric_name"] for metric in dataset["metrics"]}, path
        assert named <= columns, path
        # The query of the data API, alerts and exports is the one that the page asks, for the newest full month.
        asked = {
            column["sqlExpression"] if isinstance(column, dict) else column
            for query in queries
            for column in query["columns"]
        } | {condition["col"] for query in queries for condition in query["filters"]}
        assert set(metrics_of(chart)) == shown, path
        assert asked - {"is_newest"} == named, path
        assert ("is_newest" in asked) == ("is_newest" in columns), path


def test_nothing_is_hard_coded_in_a_chart(assets: dict[str, dict[str, Any]]) -> None:
    # The board has one headline that is no KPI of a month.
    kpis = read_metrics(ROOT / "dbt_project").keys() | {"value_at_risk"}
    for path, chart in assets.items():
        if path.startswith("charts/"):
            assert not strings_in(chart["params"]) & {"SQL", "CUSTOM_SQL"}, path
            for item in chart["params"]["adhoc_filters"]:
                if item["operator"] == "IN":
                    assert item["subject"] == "kpi_code" and set(item["comparator"]) <= kpis, path
                else:
                    assert item["operator"] == "IS TRUE", path


def test_every_column_and_metric_of_a_dataset_is_used(assets: dict[str, dict[str, Any]]) -> None:
    """But KPIs: all of them are there for people's own charts."""
    datasets, kpis = by_uuid(assets, "datasets"), read_metrics(ROOT / "dbt_project").keys()
    asked: dict[str, set[str]] = {uuid: set() for uuid in datasets}
    for chart in of_kind(assets, "charts"):
        asked[chart["dataset_uuid"]] |= strings_in([chart["params"], chart["query_context"]])
    for dashboard in of_kind(assets, "dashboards"):
        for item in filters(dashboard):
            for uuid in asked:
                asked[uuid].add(item["targets"][0]["column"]["name"])
    unused = []
    for uuid, dataset in datasets.items():
        known = (
            asked[uuid]
            | {dataset["main_dttm_col"], dataset["currency_code_column"], "plan_type", *MONTH_COLUMNS}
            | kpis
        )
        made_of = " ".join(metric["expression"] for metric in dataset["metrics"])
        unused += [
            f"{dataset['table_name']}.{name}"
            for name in [column["column_name"] for column in dataset["columns"]]
            if name not in known and not re.search(rf"\b{name}\b", made_of)
        ]
        names = [metric["metric_name"] for metric in dataset["metrics"]]
        unused += [f"{dataset['table_name']}.{name}" for name in names if name not in known]
    assert unused == []


def test_filters_offer_columns_that_exist_and_reach_exactly_the_charts_that_have_them(
    assets: dict[str, dict[str, Any]], language: Language
) -> None:
    datasets, charts = by_uuid(assets, "datasets"), by_uuid(assets, "charts")
    columns = {uuid: {column["column_name"] for column in dataset["columns"]} for uuid, dataset in datasets.items()}
    for dashboard in of_kind(assets, "dashboards"):
        for item in filters(dashboard):
            (target,) = item["targets"]
            name = target["column"]["name"]
            assert name in columns[target["datasetUuid"]], item["name"]
            without = {
                node["meta"]["chartId"]
                for node in chart_nodes(dashboard)
                if name not in columns[charts[node["meta"]["uuid"]]["dataset_uuid"]]
            }
            assert set(item["scope"]["excluded"]) == without, (dashboard["slug"], item["name"])
            for node in chart_nodes(dashboard):
                chart = charts[node["meta"]["uuid"]]
                if node["meta"]["chartId"] in without and chart["slice_name"] != language.text("Data as of"):
                    unchanged = language.text("Not changed by the filters {}.").partition("{")[0]
                    assert item["name"] in chart["description"].rpartition(unchanged)[2]
        names = {item["name"] for item in filters(dashboard)}
        assert {language.text("Month"), language.text("Region")} <= names


def test_every_page_answers_three_questions_and_links_to_all_others(assets: dict[str, dict[str, Any]]) -> None:
    dashboards = of_kind(assets, "dashboards")
    assert len(dashboards) == 14
    for dashboard in dashboards:
        assert dashboard["description"].replace("？", "?").count("?") == 3, dashboard["slug"]
        links = dashboard["position"]["MARKDOWN-links"]["meta"]["code"]
        others = {other["slug"] for other in dashboards} - {dashboard["slug"]}
        assert set(re.findall(r"/superset/dashboard/([\w-]+)/", links)) == others
        assert "CHART-data_as_of" in dashboard["position"]


def test_datasets_read_only_marts_and_only_columns_they_have(
    assets: dict[str, dict[str, Any]], mart_columns: dict[str, set[str]], language: Language
) -> None:
    marts_of = {entry["name"]: set(entry["marts"]) for entry in read_entries(ROOT)}
    for dataset in of_kind(assets, "datasets"):
        name = dataset["table_name"].removesuffix(f"_{language.code}")
        assert dataset["schema"] == "marts"
        assert marts_of[name] <= mart_columns.keys(), name
        text = dataset["sql"]
        tables = re.findall(r"\b(?:from|join)\s+([\w.]+)", text)
        local = set(re.findall(r"(?:with|,)\s+(\w+) as \(", text))
        assert {table for table in tables if table not in local} == {f"marts.{mart}" for mart in marts_of[name]}, name
        aliases = {alias: mart for mart, alias in re.findall(r"marts\.(\w+) as (\w+)", text)}
        for alias, column in re.findall(r"\b([a-z])\.(\w+)", text):
            if alias in aliases:
                assert column in mart_columns[aliases[alias]], f"{name}: {aliases[alias]}.{column}"


def test_trends_leave_the_open_month_out_and_the_open_month_is_marked(
    assets: dict[str, dict[str, Any]], language: Language
) -> None:
    sql = {
        dataset["table_name"].removesuffix(f"_{language.code}"): dataset["sql"]
        for dataset in of_kind(assets, "datasets")
    }
    trends = [name for name, text in sql.items() if "as reporting_month" in text]
    assert len(trends) > 20
    for name in trends:
        assert re.search(r"(where|and) not ([bx]\.)?is_open_month", sql[name]), name
    assert "where b.is_open_month" in sql["month_to_date"]
    assert f"' {language.text('MTD')}'" in sql["month_to_date"]


def test_database_takes_no_uploads_and_no_writes(assets: dict[str, dict[str, Any]]) -> None:
    (database,) = of_kind(assets, "databases")
    for right in ("allow_file_upload", "allow_ctas", "allow_cvas", "allow_dml"):
        assert database[right] is False, right
    assert "XXXXXXXXXX" in database["sqlalchemy_uri"]


def test_bundle_carries_the_connection_of_the_installation_and_no_password() -> None:
    place = "10.0.0.7:6543/tenure?sslmode=require"
    bundle, passwords = compile_bundle(
        ROOT, f"postgresql://tenure_dashboard:a%40b@{place}", {"analyst": f"postgresql://tenure_analyst:c%40d@{place}"}
    )
    path, other = passwords
    for one, login in ((path, "dashboard"), (other, "analyst")):
        uri = yaml.safe_load(bundle[one])["sqlalchemy_uri"]
        assert uri == f"postgresql+psycopg2://tenure_{login}:XXXXXXXXXX@{place}"
    assert passwords == {path: "a@b", "databases/analyst.yaml": "c@d"}
    assert not any(secret in text for text in bundle.values() for secret in ("a@b", "a%40b", "c@d", "c%40d"))


def test_charts_and_dashboard_show_the_definitions_of_their_metrics() -> None:
    bundle, _ = compile_bundle(ROOT, "postgresql://tenure_dashboard:secret@127.0.0.1:5432/tenure", {})
    kpis = read_metrics(ROOT / "dbt_project")
    chart = yaml.safe_load(bundle["charts/executive_overview/churn_rate_by_kind.yaml"])
    assert f"Churn rate: {kpis['churn_rate'].definition}" in chart["description"]
    dashboard = yaml.safe_load(bundle["dashboards/executive_overview.yaml"])
    text = dashboard["position"]["MARKDOWN-definitions"]["meta"]["code"]
    for name in ("closing_base", "churn_rate", "service_revenue", "arpu", "dso", "csat_share"):
        assert kpis[name].definition in text, name
    assert "{definitions}" not in text
    assert not [path for path, content in bundle.items() if "{{" in content], "an unresolved reference of dbt"


def test_dbt_knows_what_each_page_reads() -> None:
    """Its lineage tells whom a change of a mart concerns."""
    path = ROOT / "dbt_project" / "models" / "marts" / "_exposures.yml"
    exposures = yaml.safe_load(path.read_text(encoding="utf-8"))["exposures"]
    known = {item["name"]: (item["label"], set(item["depends_on"])) for item in exposures}
    marts_of = {entry["name"]: set(entry["marts"]) - PUBLICATION_TABLES.keys() for entry in read_entries(ROOT)}
    shown = {
        page["file"]: {chart["dataset"] for row in page["rows"] for chart in row["charts"].values()}
        for page in read_pages(ROOT)
    }
    assert known == {
        page["file"]: (page["title"], {f"ref('{mart}')" for name in shown[page["file"]] for mart in marts_of[name]})
        for page in read_pages(ROOT)
    }
