"""`tenure contract`: mistakes are named with their place, and what is printed is what landing checks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tenure.cli import app
from tenure.contract_pages import page, problems
from tenure.contracts import load_contracts
from tenure.errors import TenureError
from tenure.settings import ROOT

YAML = "dbt_project/models/staging/usage/_usage__sources.yml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The contracts of this checkout in a folder of their own."""
    for path in ROOT.glob("dbt_project/models/staging/*/_*__sources.yml"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def _run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contract", *arguments])
    return done.exit_code, done.output


def test_check__says_that_the_shipped_contracts_are_sound() -> None:
    count = len(load_contracts(ROOT))
    assert _run("check") == (0, f"{count} contracts of 9 sources are sound\n")
    assert _run("check", "usage.topup", "crm.customer") == (0, "2 contracts of 2 sources are sound\n")


def test_check__names_every_mistake_with_file_and_field(checkout: Path) -> None:
    document = yaml.safe_load((checkout / YAML).read_text())
    event, topup = document["sources"][0]["tables"]
    event["columns"][0]["config"]["meta"]["type"] = "string"
    del event["columns"][1]["config"]["meta"]["type"]
    topup["config"]["meta"]["contract"] |= {"delimiter": "::", "references": {"msisdn": "crm.customer.customer_id"}}
    topup["columns"][3]["config"]["meta"]["currency"] = "dollars"
    (checkout / YAML).write_text(yaml.safe_dump(document))
    assert [str(problem) for problem in problems(checkout)] == [
        "_usage__sources.yml: usage.usage_event: columns.event_id: type: 'string' is not one of text, integer, numeric,"
        " boolean, date, timestamp",
        "_usage__sources.yml: usage.usage_event: columns.msisdn: 'type' is missing",
        "_usage__sources.yml: usage.topup: delimiter: '::' is not one sign such as , ; | or \"\\t\"",
        "_usage__sources.yml: usage.topup: columns.amount: currency: 'dollars' is not one of its text columns",
        "_usage__sources.yml: usage.topup: references: msisdn and crm.customer.customer_id must both land as tokens or"
        " neither: they would never match",
    ]
    assert problems(checkout, ["crm.customer"]) == []
    with pytest.raises(TenureError, match=r"no contract called usage\.weather"):
        problems(checkout, ["usage.weather"])


def test_check__names_an_entity_that_is_declared_twice(checkout: Path) -> None:
    shutil.copy(checkout / YAML, checkout / YAML.replace("_usage__", "_usage_more__"))
    assert {problem.message for problem in problems(checkout)} == {"it is in _usage__sources.yml too"}


def test_show__prints_columns_rules_and_an_example_header() -> None:
    status, text = _run("show", "usage.topup")
    assert status == 0
    assert "usage.topup/topup_<YYYYMMDD>[_<number>].csv" in text
    assert "msisdn         text       Phone number topped up; landed as a token only. [needed" in text
    assert text.endswith("  topup_id,msisdn,topped_up_at,amount,currency_code,channel_type\n")
    shown = json.loads(_run("show", "usage.topup", "--json")[1])
    assert shown["primary_key"] == ["topup_id"]
    assert shown["references"] == {"msisdn": "crm.subscription.msisdn"}
    assert [column["name"] for column in shown["columns"]][3] == "amount"


def test_docs__is_a_page_of_every_entity_column_and_rule(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    assert _run("docs", "--out", str(path))[0] == 0
    text = path.read_text(encoding="utf-8")
    assert text == page(ROOT)
    for contract in load_contracts(ROOT).values():
        chapter = text.split(f"\n## {contract.name}\n")[1].split("\n## ")[0]
        assert ",".join(contract.column_names) in chapter
        for column in contract.columns:
            assert f"| `{column.name}` | {column.type} |" in chapter
            assert all(f"`{value}`" in chapter for value in column.values)
