"""The page that documents the tables, for those who know SQL and not us."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tenure.cookbook import questions
from tenure.documentation import write_documentation
from tenure.settings import ROOT, Settings


@pytest.fixture(scope="module")
def page(settings: Settings, manifest: dict[str, Any]) -> str:
    return write_documentation(settings).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown(page: str) -> dict[str, Any]:
    """What the page knows of the project: the first JSON object in it, as dbt's page reads it."""
    start = page.index('{"metadata"')
    found: dict[str, Any] = json.JSONDecoder().raw_decode(page[start:])[0]
    return found


@pytest.fixture(scope="module")
def marts(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The published models as dbt has them, by unique id."""
    nodes = manifest["nodes"].items()
    return {key: node for key, node in nodes if node["resource_type"] == "model" and node["schema"] == "build"}


def test_page__describes_every_mart_and_column_and_keeps_secrets(
    page: str, shown: dict[str, Any], marts: dict[str, dict[str, Any]], settings: Settings
) -> None:
    assert len(marts) > 50
    for key, mart in marts.items():
        assert _plain(shown["nodes"][key]["description"]).startswith(_plain(mart["description"])), mart["name"]
        for name, column in mart["columns"].items():
            told = shown["nodes"][key]["columns"][name]["description"]
            assert _plain(told) == _plain(column["description"]) != "", (mart["name"], name)
    for role in ("transformer", "owner", "analyst"):
        assert settings.secret(f"postgres_{role}") not in page


def _plain(text: str) -> str:
    """Without links and code marks."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text).replace("`", "")


def test_page__shows_what_the_operators_tables_hold(shown: dict[str, Any]) -> None:
    """Marts speak of their codes, and analysts cannot read the schema that they lie in."""
    assert "| 22 | night |" in shown["nodes"]["seed.tenure.day_part"]["description"]
    link = "seed [day_part](#!/seed/seed.tenure.day_part)"
    assert link in shown["nodes"]["model.tenure.usage_day_part_monthly"]["description"]


def test_page__names_the_tables_as_analysts_see_them(shown: dict[str, Any], marts: dict[str, dict[str, Any]]) -> None:
    """They are built in another schema, which analysts cannot read."""
    assert {shown["nodes"][key]["schema"] for key in marts} == {"marts"}
    assert "build" not in {node["schema"] for node in shown["nodes"].values()}


def test_page__leads_from_a_mart_to_its_joins_and_questions(shown: dict[str, Any]) -> None:
    told = {node["name"]: node["description"] for node in shown["nodes"].values() if node["resource_type"] == "model"}
    assert (
        "`lever_number` = [dim_value_lever](#!/model/model.tenure.dim_value_lever)`.lever_number`"
        in (told["lever_value_monthly"])
    )
    for question in questions(ROOT):
        for mart in set(question.marts) - {"publication", "mart_status"}:
            assert f"{question.number}. {question.title}" in told[mart], (mart, question.number)


def test_page__begins_with_how_to_read_the_tables(shown: dict[str, Any], marts: dict[str, dict[str, Any]]) -> None:
    """Rules, every mart by subject, the cookbook and the glossary, without links that lead out of the page."""
    start = shown["docs"]["doc.tenure.__overview__"]["block_contents"]
    for mart in marts.values():
        assert f"[{mart['name']}](#!/model/model.tenure.{mart['name']})" in start, mart["name"]
    for question in questions(ROOT):
        assert question.title in start and question.sql in start
    for word in ("`publication`", "is_open_month", "`arpu`", "中高端客户保有率", "currency_code"):
        assert word in start, word
    assert ".md" not in start
