"""Mappings: how an operator's own file becomes our entities, in YAML and without code.

    name: my_operator
    file: {pattern: "subs_*.csv", encoding: gb18030, delimiter: ";", null_values: ["NA"]}
    business_date: 2026-01-31            # or {from_name: "_(\\d{8})"}: the eight digits in the file's name
    columns:                             # the file's own columns that are used, and their types
      MONTHS: {type: integer, required: true, min: 0}
    derived:                             # more columns, made in this order
      joined_on: {add_months: {date: "date '2026-01-31'", months: "-MONTHS"}}
    entities:
      crm.customer:
        period: [2026-01-01, 2026-01-31]
        rows:
          - where: "TYPE = 'P'"
            columns: {customer_id: {sql: "'C' || ID"}, customer_type: {value: individual}, ...}

A value is the name of a column (rename), or one of `sql` (an expression of polars' SQL: casts, case, arithmetic, text
functions), `value` (fixed), `local_instant` (an expression for a date or a wall-clock time, taken in the operator's
zone), `add_months` (`date` and `months`, both expressions), `row_number: true` (the line in the file) and `lookup`:

    region_id: {lookup: {of: CITY, table: {Peking: north, Canton: south}, default: other}}
    region_id: {lookup: {of: "upper(CITY)", file: cities.csv, from: city, to: region_id}}

where `of` is an expression and the table stands here or in a CSV file (UTF-8, with a header) beside the mapping. A row
whose text is not in the table is refused by the rule `lookup`, unless there is a `default`; no text gives no value.

An entry of `rows` may have `where`; `for_each: [a, b]`, which repeats it with `{item}` replaced; or `constant`, a list
of rows that do not depend on the file. Several files fill one entity where `pattern` is a list, or where several
mappings name the entity; one file fills several entities where `entities` names them.
`file` may have `quote: none`, a `trailer` (as in a contract, its groups named after the file's own columns), and
`last_line_end: false`, where a file need not end with a line end. Files ending in `.gz` and `.zst` are inflated.
`period`, the first and last day that the file covers, follows from the business date when left out. Rows are then
checked against the contract like any others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import yaml
from polars.exceptions import PolarsError

from tenure.contract_problems import dialect_problems, trailer_problems
from tenure.contracts import Contract, parse_column
from tenure.errors import TenureError
from tenure.landing.batches import LINE
from tenure.landing.delimited import Dialect
from tenure.landing.lookups import Lookup, LookupTables, looked_up

_VALUE_KINDS = {"sql", "value", "local_instant", "add_months", "row_number", "lookup"}


@dataclass(frozen=True)
class RowsOf:
    """One way in which lines of the file become rows of an entity."""

    columns: Mapping[str, pl.Expr]
    where: pl.Expr | None = None
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    constant: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class MappedEntity:
    """An entity that a mapping fills."""

    contract: Contract
    rows: tuple[RowsOf, ...]
    period: tuple[dt.date, dt.date] | None = None


@dataclass(frozen=True)
class FileMapping:
    """A mapping, checked against the contracts."""

    name: str
    version: str
    patterns: tuple[str, ...]
    encoding: str
    dialect: Dialect
    null_values: tuple[str, ...]
    business_date: dt.date | None
    date_pattern: re.Pattern[str] | None
    source_contract: Contract
    entities: tuple[MappedEntity, ...]
    derived: Mapping[str, pl.Expr] = field(default_factory=dict)
    derived_lookups: Mapping[str, Lookup] = field(default_factory=dict)
    is_last_line_end_needed: bool = True
    trailer: str | None = None

    @property
    def ledger_name(self) -> str:
        """Name and content of the mapping: another content lands the same file again."""
        return f"{self.name}@{self.version}"


def load_mapping(path: Path, contracts: Mapping[str, Contract], zone: ZoneInfo) -> FileMapping:
    """The mapping in a YAML file. Raises TenureError with the place of the first mistake."""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TenureError(f"cannot read the mapping {path}: {str(error).splitlines()[0]}", exit_code=2) from None
    try:
        return _Parser(document, contracts, zone, path.parent).mapping(text)
    except KeyError as error:
        raise TenureError(f"mapping {path.name}: {error} is missing", exit_code=2) from None
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise TenureError(f"mapping {path.name}: {error}", exit_code=2) from None


class _Parser:
    def __init__(
        self, document: Mapping[str, Any], contracts: Mapping[str, Contract], zone: ZoneInfo, folder: Path
    ) -> None:
        self._document = document
        self._contracts = contracts
        self._zone = zone
        self._known: set[str] = {LINE}
        self._tables = LookupTables(folder)

    def mapping(self, text: str) -> FileMapping:
        document = self._document
        file = document["file"]
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", str(document["name"])):
            raise ValueError("name must be small letters, digits and _")
        source_contract = self._source_contract()
        self._known |= set(source_contract.column_names)
        derived: dict[str, pl.Expr] = {}
        derived_lookups: dict[str, Lookup] = {}
        for name, value in document.get("derived", {}).items():
            derived[name] = self._value(f"derived column {name}", value)
            derived_lookups |= self._lookups({name: value})
            self._known.add(name)
        entities = tuple(self._entity(name, entry) for name, entry in document["entities"].items())
        version = hashlib.sha256(b"\0".join([text.encode(), *self._tables.contents()])).hexdigest()[:12]
        when = document["business_date"]
        return FileMapping(
            name=str(document["name"]),
            version=version,
            patterns=tuple(map(str, pattern)) if isinstance(pattern := file["pattern"], list) else (str(pattern),),
            encoding=str(file.get("encoding", "utf-8")),
            dialect=_dialect(file),
            null_values=tuple(str(value) for value in file.get("null_values", ())),
            business_date=when if isinstance(when, dt.date) else None,
            date_pattern=re.compile(when["from_name"]) if isinstance(when, dict) else None,
            source_contract=source_contract,
            entities=entities,
            derived=derived,
            derived_lookups=derived_lookups,
            is_last_line_end_needed=bool(file.get("last_line_end", True)),
            trailer=_trailer(file, source_contract),
        )

    def _source_contract(self) -> Contract:
        columns = tuple(
            parse_column({"name": name, "description": name, "config": {"meta": {"type": "text", **(meta or {})}}})
            for name, meta in self._document["columns"].items()
        )
        # Only its column rules are used: a file to be mapped has neither key nor dates of its own.
        return Contract("mapped", "file", "", columns, (), "daily", "event", date_column="")

    def _entity(self, name: str, entry: Mapping[str, Any]) -> MappedEntity:
        if name not in self._contracts:
            raise ValueError(f"there is no contract for {name!r}")
        contract = self._contracts[name]
        period = entry.get("period")
        if period is not None and not (len(period) == 2 and all(isinstance(day, dt.date) for day in period)):
            raise ValueError(f"{name}: period is not [first day, last day]")
        rows = [part for block in entry["rows"] for part in self._blocks(contract, block)]
        return MappedEntity(contract, tuple(rows), None if period is None else (period[0], period[1]))

    def _blocks(self, contract: Contract, block: Mapping[str, Any]) -> list[RowsOf]:
        if "constant" in block:
            rows = tuple({str(k): v for k, v in row.items()} for row in block["constant"])
            for row in rows:
                self._check_columns(contract, set(row))
            return [RowsOf({}, constant=tuple(self._constant(contract, row) for row in rows))]
        found = []
        for item in block.get("for_each", [""]):
            part = _with_item(block, str(item))
            self._check_columns(contract, set(part["columns"]))
            columns = {
                column: self._value(f"{contract.name}.{column}", value) for column, value in part["columns"].items()
            }
            where = None if "where" not in part else self._sql(f"{contract.name}: where", part["where"])
            found.append(RowsOf(columns, where, self._lookups(part["columns"])))
        return found

    def _constant(self, contract: Contract, row: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in row.items():
            if isinstance(value, dict):
                frame = pl.DataFrame({LINE: [0]}).select(self._value(f"{contract.name}.{name}", value).alias(name))
                values[name] = str(frame.item())
            else:
                values[name] = None if value is None else _text(value)
        return values

    def _check_columns(self, contract: Contract, given: set[str]) -> None:
        unknown = sorted(given - set(contract.column_names))
        if unknown:
            raise ValueError(f"{contract.name} has no column {', '.join(unknown)}")
        missing = sorted(column.name for column in contract.columns if column.is_required and column.name not in given)
        if missing:
            raise ValueError(f"{contract.name} needs {', '.join(missing)}")

    def _value(self, where: str, value: Any) -> pl.Expr:
        if isinstance(value, str):
            if value not in self._known:
                raise ValueError(f"{where}: there is no column {value!r} (a fixed text is written {{value: {value}}})")
            return pl.col(value)
        if not isinstance(value, dict) or len(value) != 1 or not set(value) <= _VALUE_KINDS:
            raise ValueError(f"{where}: give a column name or one of {', '.join(sorted(_VALUE_KINDS))}")
        ((kind, content),) = value.items()
        if kind == "sql":
            return self._sql(where, content)
        if kind == "value":
            return pl.lit(None if content is None else _text(content), dtype=pl.String)
        if kind == "row_number":
            return pl.col(LINE)
        if kind == "lookup":
            return self._lookup(where, content).value
        if kind == "local_instant":
            local = self._sql(where, content).cast(pl.Datetime("us"))
            # A wall-clock time that the clock skips is none; one that it shows twice is the first of the two.
            instant = local.dt.replace_time_zone(self._zone.key, ambiguous="earliest", non_existent="null")
            return instant.dt.convert_time_zone("UTC")
        months = self._sql(where, content["months"]).cast(pl.Int64)
        return self._sql(where, content["date"]).dt.offset_by(pl.format("{}mo", months))

    def _lookups(self, columns: Mapping[str, Any]) -> dict[str, Lookup]:
        """Those of the columns that are looked up and may not be found."""
        return {
            name: self._lookup(name, value["lookup"])
            for name, value in columns.items()
            if isinstance(value, dict) and "lookup" in value and "default" not in value["lookup"]
        }

    def _lookup(self, where: str, content: Mapping[str, Any]) -> Lookup:
        try:
            table = self._tables.table(content)
        except ValueError as error:
            raise ValueError(f"{where}: lookup: {error}") from None
        default = content.get("default")
        return looked_up(self._sql(where, content["of"]), table, None if default is None else _text(default))

    def _sql(self, where: str, text: Any) -> pl.Expr:
        try:
            expression = pl.sql_expr(str(text))
            names = set(expression.meta.root_names())
        except PolarsError as error:
            raise ValueError(f"{where}: {str(error).splitlines()[0]}") from None
        if not names <= self._known:
            raise ValueError(f"{where}: there is no column {', '.join(sorted(names - self._known))}")
        return expression


def _dialect(file: Mapping[str, Any]) -> Dialect:
    quote = str(file.get("quote", '"'))
    if quote not in ('"', "none"):
        raise ValueError(f'file: quote: {quote!r} is neither " nor none')
    dialect = Dialect(str(file.get("delimiter", ",")), None if quote == "none" else quote)
    for place, message in dialect_problems(dialect.delimiter, ()):
        raise ValueError(f"file: {place}: {message}")
    return dialect


def _trailer(file: Mapping[str, Any], source_contract: Contract) -> str | None:
    if "trailer" not in file:
        return None
    numbers = {column.name for column in source_contract.columns if column.type in ("integer", "numeric")}
    for place, message in trailer_problems(str(file["trailer"]), numbers):
        raise ValueError(f"file: {place}: {message}")
    return str(file["trailer"])


def _with_item(content: Any, item: str) -> Any:
    if isinstance(content, str):
        return content.replace("{item}", item)
    if isinstance(content, dict):
        return {key: _with_item(value, item) for key, value in content.items()}
    return content


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else str(value)
