"""Source contracts: what each delivered file must look like, read from the dbt source YAML.

One YAML per source stands beside the staging models (`dbt_project/models/staging/<source>/_<source>__sources.yml`, and
`_<source>_<part>__sources.yml` where one file would be too long);
dbt documents the landed tables from it and landing checks files against it. Per table, `config.meta.contract` holds

- `primary_key`: columns that identify a row; `cadence`: daily or monthly; `delivery`: change or event;
- `date_column`: the column that dates a row, which may not lie more than `max_days_ahead` (1) days after the file;
- `control_totals`: columns summed on both sides of landing; `tmf`: the nearest TM Forum resource;
- `reject_threshold` (0.1): a file with a larger share of refused rows is suspended, unless it has at most
  `reject_allowance` (5) of them beside rows that are good; `header_only_allowed` (true): a file may have no rows;
- `encoding` (utf-8): of the text files of this source.

and per column, `config.meta`

- `type`: text, integer, numeric, boolean, date or timestamp; `required`, `required_when: {column: [values]}`;
- `values`: the only ones allowed; `min`, `max`: bounds of a number; `scale`: decimals of a numeric;
- `max_length`, `pattern` (of the whole text), `first_of_month` (a date must be one);
- `personal: token`: landed as a token in `<column>_token`, never in clear; `vault`: the same, and the value is kept
  encrypted in the vault; `describes`: landed in clear, and emptied when the customer it describes is erased.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from tenure.errors import TenureError

ColumnType = Literal["text", "integer", "numeric", "boolean", "date", "timestamp"]
Cadence = Literal["daily", "monthly"]
Delivery = Literal["change", "event"]

SOURCES_GLOB = "dbt_project/models/staging/*/_*__sources.yml"
DEFAULT_MAX_LENGTH = 200
DEFAULT_SCALE = 2

_CONTRACT_KEYS = {
    "primary_key", "cadence", "delivery", "date_column", "control_totals", "reject_threshold", "reject_allowance",
    "header_only_allowed", "encoding", "tmf", "max_days_ahead",
}  # fmt: skip
_COLUMN_KEYS = {
    "type", "required", "required_when", "values", "min", "max", "scale", "max_length", "pattern", "first_of_month",
    "personal",
}  # fmt: skip

_SQL_TYPES: dict[ColumnType, str] = {
    "text": "text",
    "integer": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
    "numeric": "numeric",
}


@dataclass(frozen=True)
class Column:
    """One column of a delivered file and the rules its values obey."""

    name: str
    type: ColumnType
    description: str = ""
    is_required: bool = False
    required_when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    scale: int = DEFAULT_SCALE
    max_length: int = DEFAULT_MAX_LENGTH
    pattern: str | None = None
    is_first_of_month: bool = False
    is_personal: bool = False
    is_vaulted: bool = False
    is_describing: bool = False

    @property
    def landed_name(self) -> str:
        """The name in the raw table: a personal column lands as its token."""
        return f"{self.name}_token" if self.is_personal else self.name

    @property
    def sql_type(self) -> str:
        """The Postgres type in the raw table."""
        return "text" if self.is_personal else _SQL_TYPES[self.type]


@dataclass(frozen=True)
class Contract:
    """What the files of one entity look like."""

    source: str
    entity: str
    description: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    cadence: Cadence
    delivery: Delivery
    date_column: str
    control_totals: tuple[str, ...] = ()
    reject_threshold: float = 0.1
    reject_allowance: int = 5
    is_header_only_allowed: bool = True
    max_days_ahead: int = 1
    encoding: str = "utf-8"
    tmf: str = ""

    @property
    def name(self) -> str:
        """`<source>.<entity>`, as the folder of its files is called."""
        return f"{self.source}.{self.entity}"

    @property
    def raw_table(self) -> str:
        """`raw_<source>.<entity>`, where its rows land."""
        return f"raw_{self.source}.{self.entity}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in the delivered file, in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def landed_key(self) -> tuple[str, ...]:
        """Names of the primary key in the raw table."""
        return tuple(self.column(name).landed_name for name in self.primary_key)

    def column(self, name: str) -> Column:
        """The column of this name. Raises KeyError for another name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def load_contracts(root: Path) -> dict[str, Contract]:
    """Every contract of the checkout at `root` by `<source>.<entity>`, in the order of the files.

    Raises TenureError naming the file when a contract cannot be used.
    """
    return dict(_load(root))


def contract_of(root: Path, name: str) -> Contract:
    """The contract of `<source>.<entity>`. Raises TenureError when there is none."""
    contracts = _load(root)
    if name not in contracts:
        raise TenureError(f"there is no contract called {name!r}", hint=f"known: {', '.join(contracts)}")
    return contracts[name]


@lru_cache(maxsize=8)
def _load(root: Path) -> Mapping[str, Contract]:
    contracts: dict[str, Contract] = {}
    for path in sorted(root.glob(SOURCES_GLOB)):
        for contract in _read_file(path):
            contracts[contract.name] = contract
    if not contracts:
        raise TenureError(f"no source contract under {root / 'dbt_project'}", hint="is this a whole checkout?")
    return contracts


def _read_file(path: Path) -> Iterator[Contract]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TenureError(f"cannot read the contract {path.name}: {str(error).splitlines()[0]}") from None
    for source in document.get("sources", []):
        for table in source.get("tables", []):
            if "contract" not in table.get("config", {}).get("meta", {}):
                continue  # Tables that nobody delivers, such as the ledger.
            try:
                yield parse_contract(str(source["name"]), table)
            except (KeyError, TypeError, ValueError) as error:
                raise TenureError(f"{path.name}: table {table.get('name')!r}: {error}") from None


def parse_contract(source: str, table: Mapping[str, Any]) -> Contract:
    """The contract in one `tables` entry of a dbt source YAML. Raises ValueError or KeyError when it is malformed."""
    meta = table["config"]["meta"]["contract"]
    _refuse_unknown(meta, _CONTRACT_KEYS)
    columns = tuple(parse_column(column) for column in table["columns"])
    contract = Contract(
        source=source,
        entity=str(table["name"]),
        description=" ".join(str(table["description"]).split()),
        columns=columns,
        primary_key=tuple(meta["primary_key"]),
        cadence=_one_of(meta["cadence"], get_args(Cadence)),
        delivery=_one_of(meta["delivery"], get_args(Delivery)),
        date_column=str(meta["date_column"]),
        control_totals=tuple(meta.get("control_totals", ())),
        reject_threshold=float(meta.get("reject_threshold", 0.1)),
        reject_allowance=int(meta.get("reject_allowance", 5)),
        is_header_only_allowed=bool(meta.get("header_only_allowed", True)),
        max_days_ahead=int(meta.get("max_days_ahead", 1)),
        encoding=str(meta.get("encoding", "utf-8")),
        tmf=str(meta.get("tmf", "")),
    )
    _check(contract)
    return contract


def parse_column(entry: Mapping[str, Any]) -> Column:
    """The column in one `columns` entry of a dbt source YAML. Raises ValueError or KeyError when it is malformed."""
    meta = entry["config"]["meta"]
    _refuse_unknown(meta, _COLUMN_KEYS)
    personal = _one_of(meta.get("personal", "no"), ("no", "token", "vault", "describes"))
    return Column(
        name=str(entry["name"]),
        type=_one_of(meta["type"], get_args(ColumnType)),
        description=" ".join(str(entry.get("description", "")).split()),
        is_required=bool(meta.get("required", False)),
        required_when={str(key): tuple(map(str, values)) for key, values in meta.get("required_when", {}).items()},
        values=tuple(str(value) for value in meta.get("values", ())),
        minimum=meta.get("min"),
        maximum=meta.get("max"),
        scale=int(meta.get("scale", DEFAULT_SCALE)),
        max_length=int(meta.get("max_length", DEFAULT_MAX_LENGTH)),
        pattern=meta.get("pattern"),
        is_first_of_month=bool(meta.get("first_of_month", False)),
        is_personal=personal in ("token", "vault"),
        is_vaulted=personal == "vault",
        is_describing=personal == "describes",
    )


def _check(contract: Contract) -> None:
    names = contract.column_names
    if len(set(names)) != len(names):
        raise ValueError("a column is declared twice")
    for name in (*contract.primary_key, contract.date_column, *contract.control_totals):
        if name not in names:
            raise ValueError(f"{name!r} is not one of its columns")
    for name in contract.primary_key:
        if not contract.column(name).is_required:
            raise ValueError(f"key column {name!r} must be required")
    for name in contract.control_totals:
        if contract.column(name).type not in ("integer", "numeric"):
            raise ValueError(f"control total {name!r} is not a number")
    if contract.column(contract.date_column).type not in ("date", "timestamp"):
        raise ValueError(f"date column {contract.date_column!r} is neither date nor timestamp")
    for column in contract.columns:
        if column.is_personal and column.type != "text":
            raise ValueError(f"personal column {column.name!r} must be text")
        if column.is_describing and (column.is_required or column.required_when):
            raise ValueError(f"column {column.name!r} describes a person, so it may be emptied and cannot be required")
        if not column.description:
            raise ValueError(f"column {column.name!r} has no description")


def _refuse_unknown(meta: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(meta) - known)
    if unknown:
        raise ValueError(f"unknown field {', '.join(unknown)}")


def _one_of(value: Any, allowed: tuple[str, ...]) -> Any:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
    return value
