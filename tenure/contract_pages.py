"""Contracts for people: what is wrong with them, one of them at a glance, and a page of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenure.contract_problems import contract_problems, reference_problems
from tenure.contracts import (
    Column,
    Contract,
    delivered_tables,
    load_contracts,
    parse_column,
    read_contract,
    source_files,
)
from tenure.errors import TenureError

PAGE = "docs/contracts.md"

_INTRODUCTION = """\
# Files to deliver

One chapter per entity: what a file is called, what stands in it, and what makes a row or a file refused. Made from the
contracts by `tenure contract docs`; the contracts stand in `dbt_project/models/staging/`. Files that look different
need a mapping, no change of the extract ([contributing](../CONTRIBUTING.md)).

## What holds for every file

- **Name**: `<source>.<entity>/<entity>_<YYYYMMDD>[_<number>].<ending>`; the date is the business day that the file
  closes, the number tells several files of a day apart. A file delivered again under its name replaces the one before.
- **Ending**: `csv` or `jsonl` (one JSON object a line), both also compressed as `.gz` or `.zst`, or `parquet`. Let
  zstd write its checksum (the program does, some libraries must be told), so that damage cannot go unnoticed.
- **Completeness**: write under a temporary name (`.part`, `.tmp`) and rename. The last line ends with a line end.
  Better still, put a manifest beside the file, `<file name>.manifest.json`:
  `{"rows": 1234, "control_totals": {"amount": "56.70"}, "period_from": "2026-01-10", "period_to": "2026-01-10",
  "encoding": "utf-8"}`. Every member may be left out; what is said must be true, or the file is refused.
- **Text**: UTF-8 (with or without byte order mark) or what the chapter says; lines end in LF, CRLF or CR, not mixed; a
  line has at most 1 MiB. CSV files begin with the header; columns are found by name, in any order, never by position.
- **Values**: an empty field says that there is no value. Numbers have digits and a point, no separators and no
  exponent. Dates are `YYYY-MM-DD`. Instants are `YYYY-MM-DDTHH:MM:SS`, with at most six decimals, and the offset:
  `+08:00` or `Z`. Booleans are `true` or `false` (or `1` or `0`). Texts hold no control characters.
- **A row that breaks a rule** is refused alone and listed with line, column and reason (`tenure rejects`). With too
  many of them the whole file is refused.
- **Personal columns** are delivered as they are and land as tokens; the values are stored nowhere in clear.
"""


@dataclass(frozen=True)
class Problem:
    """A mistake in a contract: file, table and field."""

    file: str
    table: str
    place: str
    message: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.file}: {self.table}: {self.place + ': ' if self.place else ''}{self.message}"


def problems(root: Path, names: Sequence[str] = ()) -> list[Problem]:
    """Every mistake in the contracts of the checkout at `root`, or in those named.

    Raises TenureError for a file that is no YAML and for a name that no contract has.
    """
    found: list[Problem] = []
    contracts: dict[str, Contract] = {}
    files: dict[str, str] = {}
    for path in source_files(root):
        for source, table in delivered_tables(path):
            name = f"{source}.{table.get('name')}"
            if name in files:
                found.append(Problem(path.name, name, "", f"it is in {files[name]} too"))
            files[name] = path.name
            mistakes, contract = _read(source, table)
            found += [Problem(path.name, name, place, message) for place, message in mistakes]
            if contract is not None:
                contracts[name] = contract
    for name, place, message in reference_problems(contracts):
        found.append(Problem(files[name], name, place, message))
    unknown = sorted(set(names) - set(files))
    if unknown:
        raise TenureError(f"there is no contract called {', '.join(unknown)}", hint="see `tenure contract check`")
    return [problem for problem in found if not names or problem.table in names]


def _read(source: str, table: Mapping[str, Any]) -> tuple[list[tuple[str, str]], Contract | None]:
    mistakes = []
    for entry in table.get("columns", []):
        try:
            parse_column(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            mistakes.append((f"columns.{entry.get('name')}", _said(error)))
    if mistakes:
        return mistakes, None
    try:
        contract = read_contract(source, table)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [("", _said(error))], None
    return list(contract_problems(contract)), contract


def _said(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def page(root: Path) -> str:
    """The page of all contracts. Raises TenureError when one cannot be used."""
    contracts = list(load_contracts(root).values())
    lines = [_INTRODUCTION, "## Entities", "", "| entity | cadence | what it is |", "|---|---|---|"]
    for contract in contracts:
        anchor = contract.name.replace(".", "")
        lines.append(f"| [{contract.name}](#{anchor}) | {contract.cadence} | {_cell(contract.description)} |")
    for contract in contracts:
        lines += ["", *_chapter(contract)]
    return "\n".join(lines) + "\n"


def _chapter(contract: Contract) -> Iterator[str]:
    yield f"## {contract.name}"
    yield ""
    yield contract.description
    yield ""
    for title, fact in facts(contract):
        yield f"- {title}: {fact}"
    yield ""
    yield "| column | type | description | rules |"
    yield "|---|---|---|---|"
    for column in contract.columns:
        rules = "; ".join(rules_of(contract, column))
        yield f"| `{column.name}` | {column.type} | {_cell(column.description)} | {_cell(rules)} |"
    yield ""
    yield "```text"
    yield header(contract)
    yield "```"


def shown(contract: Contract) -> str:
    """One contract as text for a terminal."""
    width = max(len(name) for name in contract.column_names)
    lines = [contract.name, f"  {contract.description}", ""]
    lines += [f"  {title}: {fact}" for title, fact in facts(contract)]
    lines.append("")
    for column in contract.columns:
        rules = "; ".join(rules_of(contract, column))
        lines.append(
            f"  {column.name:<{width}}  {column.type:<9}  {column.description}{f' [{rules}]' if rules else ''}"
        )
    return "\n".join([*lines, "", f"  {header(contract)}"])


def as_json(contract: Contract) -> dict[str, Any]:
    """One contract for programs: its fields, and what follows from them."""
    return asdict(contract) | {"name": contract.name, "raw_table": contract.raw_table, "header": header(contract)}


def header(contract: Contract) -> str:
    """The first line of a CSV file that obeys the contract."""
    return contract.delimiter.join(contract.column_names)


def facts(contract: Contract) -> Iterator[tuple[str, str]]:
    """What is to be known about the files of an entity, each as a title and a sentence."""
    covers = (
        "the day in its name" if contract.cadence == "daily" else "the month that ends with or before the day in it"
    )
    yield "files", f"`{contract.name}/{contract.entity}_<YYYYMMDD>[_<number>].csv`, {contract.cadence}; covers {covers}"
    yield (
        "one row",
        (
            f"for each {' and '.join(contract.primary_key)}, "
            + ("an event" if contract.delivery == "event" else "a state and since when it holds")
        ),
    )
    conflict = {
        "replace": "the row of the latest file stands",
        "suspend": "none of them lands until a correction decides",
    }
    yield "rows with one key and different contents", conflict[contract.on_conflict]
    first = "" if contract.late_days is None else f", and at most {contract.late_days} days before the days it covers"
    yield "dated by", f"`{contract.date_column}`, at most {_days(contract.max_days_ahead)} after the file{first}"
    if contract.wrong_day_share is not None:
        yield (
            "of its own day",
            f"a file with more than {contract.wrong_day_share:.0%} of rows of another day is refused",
        )
    if contract.control_totals:
        yield "control totals", ", ".join(f"`{name}`" for name in contract.control_totals)
    yield (
        "refused as a whole",
        (
            f"with more than {contract.reject_threshold:.0%} refused rows, if these are more than "
            f"{contract.reject_allowance}"
            + ("" if contract.is_header_only_allowed else "; without any row")
            + ("; with a column that is not listed here" if contract.unknown_columns == "refuse" else "")
        ),
    )
    for name, target in contract.references.items():
        yield "refers to", f"`{name}` is a `{target}`"
    yield from _dialect_facts(contract)
    if contract.tmf:
        yield "nearest standard", f"TM Forum Open API {contract.tmf}"


def _dialect_facts(contract: Contract) -> Iterator[tuple[str, str]]:
    if contract.encoding != "utf-8":
        yield "encoding", contract.encoding
    if contract.delimiter != ",":
        yield "delimiter", f"`{contract.delimiter}`" if contract.delimiter.isprintable() else repr(contract.delimiter)
    if contract.quote is None:
        yield "quotes", "none: a quote is a character like any other"
    if contract.null_values:
        yield "no value", ", ".join(f"`{value}`" for value in contract.null_values) + " or empty"
    if contract.trailer:
        yield "last line", f"a trailer of the form `{contract.trailer}`"
    if contract.time_zone:
        yield "instants without an offset", f"are of {contract.time_zone}"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def rules_of(contract: Contract, column: Column) -> Iterator[str]:
    """The rules of one column in words."""
    if column.name in contract.primary_key:
        yield "key"
    if column.is_required:
        yield "needed"
    if column.may_be_absent:
        yield "the column may be left out"
    for other, values in column.required_when.items():
        yield f"needed where {other} is {' or '.join(values)}"
    if column.values:
        yield "one of " + ", ".join(f"`{value}`" for value in column.values)
    if column.minimum is not None:
        yield f"at least {column.minimum}"
    if column.maximum is not None:
        yield f"at most {column.maximum}"
    if column.type == "numeric":
        yield f"at most {column.scale} decimals" + (
            f" and those of its {column.currency}" if column.currency is not None else ""
        )
    if column.type == "text" and not column.values:
        yield f"at most {column.max_length} characters"
    if column.pattern:
        yield f"looks like `{column.pattern}`"
    if column.is_first_of_month:
        yield "first day of a month"
    if column.is_personal:
        yield f"personal: lands as `{column.landed_name}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
