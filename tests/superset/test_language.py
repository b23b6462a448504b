"""Each language has all pages, in its own words and with the same numbers, and a viewer gets the right one."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from tenure.dashboards.bundle import read_assets
from tenure.dashboards.charts import TIME_FORMATS
from tenure.dashboards.datasets import dataset_documents, read_entries
from tenure.dashboards.language import ENGLISH, Language, english, read_languages
from tenure.dashboards.pages import page_files
from tenure.dashboards.reports import alarm_sql, read_reports
from tenure.errors import TenureError
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer

TRANSLATED = {language.code: language for language in read_languages(ROOT) if not language.is_english}
# What a dataset's SQL and expressions may say in words.
CASE = re.compile(r"case (\w+\.\w+)(?:\s+when '(?:[^']|'')*' then '(?:[^']|'')*')+\s+else \1 end")
TEXT = re.compile(r"'(?:[^']|'')*'")


@pytest.fixture(scope="module", params=sorted(TRANSLATED))
def language(request: pytest.FixtureRequest) -> Language:
    found = TRANSLATED[request.param]
    page_files(ROOT, dataset_documents(ROOT, found), found)
    for entry in read_reports(ROOT):
        found.text(entry["title"]), found.text(entry["about"])
        if "sql" in entry:
            alarm_sql(entry, found, "UTC")
    return found


def test_every_text_is_translated_and_no_translation_is_left_over(language: Language) -> None:
    assert language.missing() == []
    assert language.unused() == []


def test_a_text_that_stands_in_dbt_or_the_glossary_is_not_said_again(tmp_path: Path) -> None:
    for name in ("dbt_project", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "superset" / "language", tmp_path / "superset" / "language")
    assert [language.code for language in read_languages(tmp_path)] == ["en", *TRANSLATED]
    (tmp_path / "superset" / "language" / "zh" / "again.yaml").write_text("Closing base: 期末用户\n", encoding="utf-8")
    with pytest.raises(TenureError, match="Closing base"):
        read_languages(tmp_path)


@pytest.mark.parametrize("spoken", read_languages(ROOT), ids=lambda one: one.code)
def test_every_value_that_dbt_accepts_has_its_word(spoken: Language) -> None:
    """Of the columns that have words at all, in the marts that the datasets show."""
    accepted: dict[tuple[str, str], set[str]] = {}
    for path in sorted((ROOT / "dbt_project" / "models" / "marts").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models") or []:
            for column in model.get("columns", []):
                for test in column.get("data_tests", []):
                    if isinstance(test, dict) and "accepted_values" in test:
                        arguments = test["accepted_values"].get("arguments", test["accepted_values"])
                        accepted[model["name"], column["name"]] = set(map(str, arguments["values"]))
    shown = {
        (entry.get("mart", entry["marts"][0]), name)
        for entry in read_entries(ROOT)
        for name in entry["columns"]
        if name in spoken.values
    }
    wordless = {key: accepted[key] - spoken.values[key[1]].keys() for key in shown & accepted.keys()}
    assert {key: values for key, values in wordless.items() if values} == {}
    assert len(wordless) > 10


def test_every_line_of_the_playbook_has_its_words(language: Language) -> None:
    with (ROOT / "dbt_project" / "seeds" / "lifecycle_playbook_text.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for name in ("segment", "offer_and_price", "channel", "advertising", "loyalty_action"):
        said = language.column(f"m.{name}")
        for row in rows:
            text, words = row[name].replace("'", "''"), row[f"{name}_{language.code}"]
            assert words and f"when '{text}' then '{words}'" in said


def plain(value: Any) -> Any:
    """SQL without its words, uuids and names of the language: what has to be equal."""
    if isinstance(value, str):
        return TEXT.sub("''", CASE.sub(r"\1", value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in TIME_FORMATS | WORDS}
    return [plain(item) for item in value] if isinstance(value, list) else value


WORDS = {
    "uuid", "dataset_uuid", "slice_name", "description", "verbose_name", "table_name", "compare_suffix", "subtitle",
    "x_axis_label", "y_axis_label", "x_axis_title",
}  # fmt: skip


def test_charts_and_datasets_differ_from_the_english_in_words_only(language: Language) -> None:
    assets = read_assets(ROOT)
    twins = {path: path.replace("/", f"/{language.code}/", 1) for path in assets if path.split("/")[1] != language.code}
    compared = 0
    for path, twin in twins.items():
        if path.startswith(("charts/", "datasets/")):
            one, other = plain(assets[path]), plain(assets[twin])
            if path == "datasets/kpi_board.yaml":
                # Its rows are the KPIs with their names and units as values.
                one["sql"], other["sql"] = (re.sub(r"\s+", " ", document["sql"]) for document in (one, other))
            one["sql"] = re.sub(r" as (\w+)", "", one.get("sql", ""))
            other["sql"] = re.sub(r" as (\w+)", "", other.get("sql", ""))
            # A column that the mart has for each language.
            other["sql"] = re.sub(rf"(\w+\.\w+)_{language.code}\b", r"\1", other["sql"])
            assert one == other, path
            compared += 1
    assert compared > 150


def test_no_list_stands_in_the_order_of_words(language: Language) -> None:
    """Gold comes before diamond in one language and after it in another."""
    assets = read_assets(ROOT)
    lists = {path: one for path, one in assets.items() if one.get("params", {}).get("query_mode") == "raw"}
    ordered = {
        path: {column for column, _ in query["orderby"]}
        for path, chart in lists.items()
        for query in chart["query_context"]["queries"]
    }
    assert len(ordered) > 10 and all(ordered.values())
    assert [path for path, columns in ordered.items() if columns & language.values.keys()] == []


def test_the_same_rows_stand_in_every_language(superset_server: SupersetServer, language: Language) -> None:
    """Row by row: what the English dataset says, with the words of the language."""
    ours, other = dataset_documents(ROOT), dataset_documents(ROOT, language)
    codes = {name: {word: code for code, word in words.items()} for name, words in english(ROOT).values.items()}
    differing = set()
    with psycopg.connect(superset_server.settings.url("dashboard")) as connection:
        for name, document in ours.items():
            columns = [column["column_name"] for column in document["columns"]]
            by = [column for column in columns if column in language.values]
            if not by:
                continue
            listed = ", ".join(by)
            question = f"select {listed}, count(*) from ({{}}) as t group by {listed}"
            wanted: Counter[tuple[Any, ...]] = Counter()
            for *values, count in connection.execute(question.format(document["sql"])):
                said = [codes.get(column, {}).get(value, value) for column, value in zip(by, values, strict=True)]
                words = [language.values[column].get(value, value) for column, value in zip(by, said, strict=True)]
                wanted[tuple(words)] += count
            shown = {tuple(values): count for *values, count in connection.execute(question.format(other[name]["sql"]))}
            assert shown == wanted, name
            differing |= {name for words in shown for word in words if word and not str(word).isascii()}
    assert len(differing) > 20


@pytest.mark.parametrize(
    ("browser", "slug", "locale"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "executive-overview-zh", "zh"),
        ("zh-TW", "executive-overview-zh", "zh"),
        ("en-GB,en;q=0.9", "executive-overview", "en"),
        ("fi", "executive-overview", "en"),
    ],
)
def test_the_viewer_lands_on_the_page_in_the_language_of_the_browser(
    superset_server: SupersetServer, browser: str, slug: str, locale: str
) -> None:
    viewer = requests.Session()
    viewer.headers["Accept-Language"] = browser
    base = superset_server.base
    for address in ("/", "/superset/welcome/"):
        landing = viewer.get(base + address, allow_redirects=False, timeout=60)
        assert landing.headers["Location"] == f"/superset/dashboard/{slug}/", address
    assert f"&#34;locale&#34;: &#34;{locale}&#34;" in viewer.get(f"{base}/login/", timeout=60).text


def test_who_changes_the_language_stays_on_the_page(superset_server: SupersetServer) -> None:
    viewer, base = requests.Session(), superset_server.base
    pages = {"en": "/superset/dashboard/service-quality/", "zh": "/superset/dashboard/service-quality-zh/"}
    assert {language.code for language in read_languages(ROOT)} == {ENGLISH, *TRANSLATED} == pages.keys()
    for before, after in (("en", "zh"), ("zh", "en"), ("en", "en")):
        headers = {"Referer": f"{base}{pages[before]}?native_filters_key=abc"}
        answer = viewer.get(f"{base}/lang/{after}", headers=headers, allow_redirects=False, timeout=60)
        assert answer.headers["Location"] == pages[after]


def test_a_language_that_there_is_not_is_not_found(superset_server: SupersetServer) -> None:
    for path in ("/lang/xx", "/lang/de", "/lang/zh_TW"):
        answer = requests.get(superset_server.base + path, allow_redirects=False, timeout=60)
        assert answer.status_code == 404, path


def test_words_that_superset_gets_wrong_are_put_right(superset_server: SupersetServer) -> None:
    pack = requests.get(f"{superset_server.base}/superset/language_pack/zh/", timeout=60).json()
    words = pack["locale_data"]["superset"]
    assert words["Summary"] == ["合计"]
    assert words["Dashboards"] == ["看板"]
