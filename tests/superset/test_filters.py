"""What the filters choose is what is counted, for each of their values; and the cards say it in words."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg
import pytest

from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.definitions import Metric, read_metrics
from tenure.dashboards.pages import read_look
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer
from tests.superset.oracle import WORDS, Oracle, kpi_value

KPIS = read_metrics(ROOT / "dbt_project")
ASSETS = read_assets(ROOT)
UUIDS = {document["table_name"]: document["uuid"] for document in of_kind(ASSETS, "datasets")}
BOARDS = sorted(
    path for path, chart in ASSETS.items() if path.startswith("charts/") and chart["dataset_uuid"] == UUIDS["kpi_board"]
)
ASKED = {"kpi_trend": ["closing_base", "net_additions", "churn_rate"], "kpi_money_trend": ["service_revenue", "arpu"]}
# Decimals and the unit behind the number; a share is told in percent.
WRITTEN = {
    "subscriptions": (0, ""), "count": (0, ""), "mb": (0, " MB"), "ratio": (2, " %"), "minutes": (1, " min"),
    "seconds": (1, " s"), "days": (1, " days"), "months": (1, " months"), "score": (2, ""), "points": (2, ""),
    "times": (2, ""),
}  # fmt: skip
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def oracle(superset_server: SupersetServer) -> Iterator[Oracle]:
    with psycopg.connect(superset_server.settings.url("dashboard")) as connection:
        yield Oracle(connection)


@pytest.fixture(scope="module")
def rows(oracle: Oracle) -> Rows:
    """Rows of kpi_monthly of the full months, with the name of the region."""
    regions = {row["region_id"]: row["region_name"] for row in oracle.mart("dim_region")}
    return [
        {**row, "region_name": regions.get(row["region_id"], row["region_id"])}
        for row in oracle.mart("kpi_monthly")
        if not row["is_open_month"]
    ]


def numbers_of(server: SupersetServer, table: str, column: str) -> dict[str, int]:
    with psycopg.connect(server.settings.url("superset")) as connection:
        return dict(connection.execute(f"select {column}, id from {table} where is_managed_externally").fetchall())


def ask(server: SupersetServer, dataset: int, **query: Any) -> Rows:
    """One question to a dataset through the data API, as a page asks it."""
    answer = server.api.post(
        f"{server.base}/api/v1/chart/data",
        json={"datasource": {"id": dataset, "type": "table"}, "queries": [{"row_limit": 1000, **query}]},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:500]
    data: Rows = answer.json()["result"][0]["data"]
    return data


def is_nothing(row: dict[str, Any]) -> bool:
    """Whether the datasets leave the row out: it neither counts nor divides."""
    return bool(row["numerator"] == 0 and row["denominator"] == 0)


@pytest.mark.parametrize("item", read_look(ROOT)["filters"], ids=lambda item: str(item["key"]))
def test_every_value_of_a_filter_selects_its_rows(
    superset_server: SupersetServer, rows: Rows, item: dict[str, Any]
) -> None:
    datasets, column = numbers_of(superset_server, "tables", "table_name"), item["column"]
    offered = {row[column] for row in ask(superset_server, datasets[item["dataset"]], columns=[column], metrics=[])}
    newest = max(row["month"] for row in rows)
    assert offered
    if column == "reporting_month":
        assert offered == {f"{row['month']:%Y-%m}" for row in rows}
    codes = {word: code for code, word in WORDS.get(column, {}).items()}
    for value in offered:
        code = codes.get(value, value)
        month = dt.date.fromisoformat(f"{value}-01") if column == "reporting_month" else newest
        chosen = [
            row for row in rows if row["month"] == month and row.get(column, code) == code and not is_nothing(row)
        ]
        for dataset, metrics in ASKED.items():
            if column == "currency_code" and dataset == "kpi_trend":
                continue  # which has none
            filters = [{"col": "reporting_month", "op": "IN", "val": [f"{month:%Y-%m}"]}]
            if column != "reporting_month":
                filters.append({"col": column, "op": "IN", "val": [value]})
            got = ask(superset_server, datasets[dataset], columns=["month"], metrics=metrics, filters=filters)
            instant = dt.datetime(month.year, month.month, 1, tzinfo=dt.UTC).timestamp() * 1000
            shown: dict[str, Any] = next((row for row in got if row["month"] == instant), {})
            for name in metrics:
                wanted = kpi_value(chosen, KPIS[name])
                assert shown.get(name) == (None if wanted is None else pytest.approx(float(wanted))), (value, name)


def written(metric: Metric, value: Any) -> str | None:
    if value is None:
        return None
    decimals, unit = WRITTEN.get(metric.unit, (2 if metric.is_ratio else 0, ""))
    sign = "+" if metric.unit == "points" else ""
    return f"{rounded(value * (100 if metric.unit == 'ratio' else 1), decimals):{sign},}{unit}"


def with_currency(metric: Metric, text: str | None) -> str | None:
    return f"CNY {text}" if text and metric.is_money and metric.unit == "currency" else text


def rounded(value: Any, decimals: int) -> Decimal:
    # Added to 0, because Postgres writes no negative zero.
    return Decimal(value).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP) + 0


def change(metric: Metric, now: Any, before: Any) -> str | None:
    if now is None or before is None:
        return None
    if metric.unit in ("ratio", "score", "points", "times"):
        factor, unit = (100, " pt") if metric.unit == "ratio" else (1, "")
        return f"{rounded(factor * (now - before), 2):+,}{unit}"
    if before > 0:
        return f"{rounded(100 * (now / before - 1), 1):+,} %"
    decimals, unit = WRITTEN.get(metric.unit, (2 if metric.is_ratio else 0, ""))
    return f"{rounded(now - before, decimals):+,}{unit}"


def target_of(rows: Rows, metric: Metric) -> Any:
    sides = [
        {**row, "numerator": row["target_numerator"], "denominator": row["target_denominator"]}
        for row in rows
        if row["kpi_code"] == metric.name
    ]
    return kpi_value(sides, metric)


def test_change_against_nothing_or_less__is_a_difference(superset_server: SupersetServer, rows: Rows) -> None:
    """Net additions of a region are below 0 in some months, and more than that afterwards is no fall."""
    metric, number = KPIS["net_additions"], numbers_of(superset_server, "tables", "table_name")["kpi_board"]
    months = sorted({row["month"] for row in rows})
    told = set()
    for before, month in itertools.pairwise(months):
        filters = [{"col": "reporting_month", "op": "IN", "val": [f"{month:%Y-%m}"]},
                   {"col": "kpi_code", "op": "IN", "val": [metric.name]},
                   {"col": "currency_code", "op": "IN", "val": ["CNY"]}]  # fmt: skip
        got = ask(superset_server, number, columns=["region_name"], metrics=["kpi_against_month"], filters=filters)
        for answered in got:
            here = [row for row in rows if row["region_name"] == answered["region_name"]]
            values = [kpi_value([row for row in here if row["month"] == one], metric) for one in (month, before)]
            said = change(metric, *values)
            assert answered["kpi_against_month"] == (f"{said} vs last month" if said else ""), (month, answered)
            told.add(values[1] is not None and values[1] <= 0)
    assert told == {True, False}


def blocks(values: list[Any]) -> str:
    """Thirteen values as block letters, the lowest as the lowest; a space where there is none."""
    known = [value for value in values if value is not None]
    low, span = min(known, default=0), max(known, default=0) - min(known, default=0)
    return "".join(
        " " if value is None or not span else "▁▂▃▄▅▆▇█"[int(rounded(rounded(7 * (value - low) / span, 6), 0))]
        for value in values
    )


def test_some_card_has_nothing_to_say_of_the_chosen_month(rows: Rows) -> None:
    """Without one the test below could not tell an older month's number from none."""
    newest = max(row["month"] for row in rows)
    values = {
        month: kpi_value([row for row in rows if row["region_name"] == "Guangzhou" and row["month"] == month], metric)
        for metric in [KPIS["port_in_out_ratio"]]
        for month in {row["month"] for row in rows}
    }
    assert values.pop(newest) is None
    assert any(value is not None for value in values.values())


@pytest.mark.parametrize("path", BOARDS)
@pytest.mark.parametrize("region", [None, "Guangzhou", "Mianyang"])
def test_a_card_says_what_the_kpi_is(
    superset_server: SupersetServer, oracle: Oracle, rows: Rows, path: str, region: str | None
) -> None:
    """Also that it says nothing where the chosen month has nothing, and compares with no other month instead."""
    newest = max(row["month"] for row in rows)
    query = ASSETS[path]["query_context"]["queries"][0]
    (named,) = [item["val"] for item in query["filters"] if item["col"] == "kpi_code"]
    wished = {"kpi_code": named, "reporting_month": [f"{newest:%Y-%m}"], "currency_code": ["CNY"]}
    wished |= {"region_name": [region]} if region else {}
    filters = [{"col": column, "op": "IN", "val": values} for column, values in wished.items()]
    number = numbers_of(superset_server, "tables", "table_name")["kpi_board"]
    answered = ask(superset_server, number, columns=query["columns"], metrics=query["metrics"], filters=filters)
    cards = {row["kpi_label"]: row for row in answered}
    here = [row for row in rows if region in (None, row["region_name"]) and row["currency_code"] in ("", "CNY")]
    months = [newest]
    while len(months) < 13:
        months.insert(0, (months[0] - dt.timedelta(days=1)).replace(day=1))
    for metric in (KPIS[name] for name in named if name != "value_at_risk"):
        values = [kpi_value([row for row in here if row["month"] == month], metric) for month in months]
        card = cards.pop(metric.label, None)
        if card is None:
            assert values == [None] * 13, metric.name
            continue
        text = written(metric, values[-1])
        assert card["kpi_headline"] == with_currency(metric, text), metric.name
        assert card["kpi_trend"] == blocks(values), metric.name
        for line, before, words in (("month", values[-2], "vs last month"), ("year", values[0], "vs last year")):
            said = change(metric, values[-1], before)
            assert card[f"kpi_against_{line}"] == (f"{said} {words}" if said else ""), metric.name
        wanted = written(metric, target_of([row for row in here if row["month"] == newest], metric))
        assert card["kpi_against_target"] == (f"Target {wanted}" if wanted else ""), metric.name
    if "value_at_risk" in named:
        names = {row["region_id"]: row["region_name"] for row in oracle.mart("dim_region")}
        at_risk = sum(
            row["value_at_risk_amount"]
            for row in oracle.mart("churn_watchlist")
            if region in (None, names[row["region_id"]]) and row["value_at_risk_amount"] is not None
        )
        assert cards.pop("Value at risk today, of a year")["kpi_headline"] == f"CNY {rounded(at_risk, 0):,}"
    assert cards == {}
