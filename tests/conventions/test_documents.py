"""The documents say what is there: links resolve, commands exist, generated pages are current."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from tenure import contract_pages, glossary
from tenure.cli import app
from tenure.settings import ROOT, Settings

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
MAKE_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
# What a document may name although git does not have it: made here, or a place of the reader's.
MADE_HERE = (".venv", ".venv-superset", ".venv-dlt", ".tenure", ".env", "benchmarks/results")

DECISION_PARTS = ("## Context", "## Decision", "## Alternatives", "## Consequences")


def markdown(texts: dict[Path, str]) -> Iterator[tuple[Path, str]]:
    """The documents written for people, not those of installed or generated trees."""
    yield from ((path, text) for path, text in texts.items() if path.suffix == ".md")


def code_of(text: str) -> Iterator[str]:
    """Every piece of inline code, and every line of a code block."""
    for block in FENCED.findall(text):
        yield from block.splitlines()
    yield from CODE.findall(FENCED.sub("", text))


def commands(words: str, *programs: str) -> Iterator[str]:
    """The first argument of each call of one of these programs in a line of code."""
    for program in programs:
        yield from re.findall(rf"(?:^|[\s;(&]){re.escape(program)} +([a-z][a-z-]*)", words)


def test_readme_is_short_and_shows_the_page(texts: dict[Path, str]) -> None:
    readme = texts[Path("README.md")]
    assert len(readme.splitlines()) < 200
    assert "](docs/images/executive-overview.png)" in readme
    assert "add a KPI" in readme
    assert "make demo" in readme
    assert "make test" in readme


def test_links_resolve(texts: dict[Path, str]) -> None:
    broken = []
    for path, text in markdown(texts):
        for target in LINK.findall(FENCED.sub("", text)):
            if target.startswith(("http://", "https://", "mailto:")):
                continue
            name, _, anchor = target.partition("#")
            linked = (ROOT / path.parent / name).resolve() if name else ROOT / path
            if not linked.exists():
                broken.append(f"{path}: {target}")
            elif anchor and anchor not in anchors(linked.read_text(encoding="utf-8")):
                broken.append(f"{path}: {target} (no such heading)")
    assert broken == []


def anchors(text: str) -> set[str]:
    """The names under which a page's headings are linked, as code hosts make them."""
    headings = re.findall(r"^#+ +(.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_make_targets_that_documents_name_exist(texts: dict[Path, str]) -> None:
    known = set(MAKE_TARGET.findall(texts[Path("Makefile")]))
    named = {name for _, text in markdown(texts) for code in code_of(text) for name in commands(code, "make")}
    assert {"demo", "test", "lint", "down", "clean"} <= named
    assert named - known == set()


def test_tenure_commands_that_documents_name_exist(texts: dict[Path, str]) -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = {
        name
        for _, text in markdown(texts)
        for code in code_of(text)
        for name in commands(code, "tenure", ".venv/bin/tenure")
    }
    assert {"land", "run", "status", "sql"} <= named
    assert named - known == set()


def test_options_that_documents_name_exist(texts: dict[Path, str]) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    unknown = []
    for path, text in markdown(texts):
        for code in code_of(text):
            # The query in quotes, and what follows a pipe or a comment, is not ours.
            call = re.sub(r"\"[^\"]*\"", "", code).split("#")[0].split("|")[0]
            for name in commands(call, "tenure", ".venv/bin/tenure"):
                options = {option for parameter in known[name].params for option in parameter.opts}
                unknown += [
                    f"{path}: tenure {name} {given}" for given in re.findall(r"--[a-z-]+", call) if given not in options
                ]
    assert unknown == []


def test_files_that_documents_name_exist(texts: dict[Path, str], files: list[Path]) -> None:
    top = {path.parts[0] for path in files}
    missing = []
    for path, text in markdown(texts):
        for word in (word for code in code_of(text) for word in code.split()):
            name = word.strip("`\"',;.()").split("::")[0].rstrip("/")
            if "/" not in name or name.split("/")[0] not in top or name.startswith(MADE_HERE):
                continue
            if not re.search(r"[<>{}*$]|\bNNNN\b|\.\.\.|yours", name) and not (ROOT / name).exists():
                missing.append(f"{path}: {name}")
    assert missing == []


def test_glossary_page_is_current(texts: dict[Path, str]) -> None:
    assert texts[Path(glossary.PAGE)] == glossary.page(ROOT), "run `.venv/bin/python -m tenure.glossary`"


def test_contracts_page_is_current(texts: dict[Path, str]) -> None:
    assert texts[Path(contract_pages.PAGE)] == contract_pages.page(ROOT), "run `.venv/bin/tenure contract docs`"


def test_glossary_has_every_kpi_and_the_three_entities() -> None:
    page = glossary.page(ROOT)
    for word in (
        "客户",
        "账户",
        "用户",
        "`arpu`",
        "`mou`",
        "`dou`",
        "`churn_rate`",
        "`net_additions`",
        "`closing_base`",
    ):
        assert word in page
    for kpi in glossary.kpis(ROOT):
        assert kpi.definition, kpi.code
        assert re.search(r"[\u4e00-\u9fff]", kpi.chinese), kpi.code


def test_glossary_names_real_marts(texts: dict[Path, str]) -> None:
    marts = {path.stem for path in texts if path.match("dbt_project/models/marts/*/*.sql")}
    marts |= {"publication", "mart_status"}
    named = set(re.findall(r"\| ((?:`\w+`(?:, )?)+) \|$", glossary.page(ROOT), re.MULTILINE))
    assert {name for cell in named for name in re.findall(r"`(\w+)`", cell)} - marts == set()


def test_decisions_are_numbered_and_whole(texts: dict[Path, str]) -> None:
    decisions = [path for path in texts if path.match("docs/decisions/*.md")]
    numbers = sorted(path.name.split("-")[0] for path in decisions)
    # A number may be left out (a page that was not needed), never used twice.
    assert all(re.fullmatch(r"\d{4}", number) for number in numbers)
    assert len(set(numbers)) == len(numbers) >= 7
    incomplete = [f"{path}: {part}" for path in decisions for part in DECISION_PARTS if part not in texts[path]]
    assert incomplete == []


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_env_example_explains_every_setting(name: str, texts: dict[Path, str]) -> None:
    lines = texts[Path(".env.example")].splitlines()
    at = next(number for number, line in enumerate(lines) if re.match(rf"#?TENURE_{name.upper()}=", line))
    # The reason stands above the line, or above its neighbours where one reason serves several.
    above = [line for line in lines[:at] if not re.match(r"#?TENURE_", line)]
    assert above[-1].startswith("# ")


def test_env_example_names_no_unknown_setting(texts: dict[Path, str]) -> None:
    code = "\n".join(text for path, text in texts.items() if path.name != ".env.example" and path.suffix != ".md")
    fields = {f"TENURE_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"^#?(TENURE_\w+)=", texts[Path(".env.example")], re.MULTILINE))
    assert len(named) > len(fields)
    for name in named - fields:
        secret = name.removeprefix("TENURE_SECRET_")
        assert name in code or secret.lower() in code or secret.startswith("POSTGRES_"), name
