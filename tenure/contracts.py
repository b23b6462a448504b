"""Source contracts: what each delivered file must look like, read from the dbt source YAML.

One YAML per source stands beside the staging models (`dbt_project/models/staging/<source>/_<source>__sources.yml`, and
`_<source>_<part>__sources.yml` where one file would be too long);
dbt documents the landed tables from it and landing checks files against it. Per table, `config.meta.contract` holds

- `primary_key`: columns that identify a row; `cadence`: daily or monthly; `delivery`: change or event;
- `on_conflict`: what happens to rows with one key and different contents in the files that hold it. `replace` (the
  default for change): the row of the latest file stands (business date, sequence, version). `suspend` (the default
  for event): none of them lands until a correction decides;
- `references`: `{column: <source>.<entity>.<column>}`, rows of other entities that a row speaks of;
- `date_column`: the column that dates a row, which may not lie more than `max_days_ahead` (1) days after the file, nor
  more than `late_days` days before the days that the file covers (none: no limit, the default for change; 400 for
  event: what is older than that is a wrong year, not a late record);
- `wrong_day_share` (0.5, daily events only): a file with a larger share of rows of one other day is the file of that
  day (not where `late_days` is none: such files may bring history);
- `control_totals`: columns summed on both sides of landing; `tmf`: the nearest TM Forum resource;
- `reject_threshold` (0.1): a file with a larger share of refused rows is suspended, unless it has at most
  `reject_allowance` (5) of them beside rows that are good; `header_only_allowed` (true): a file may have no rows;
- `unknown_columns`: a file with a column that is not in the contract is taken without it (`ignore`, the default, with
  a warning) or not at all (`refuse`);
- of text files: `encoding` (utf-8, or gb18030); `trailer`: the pattern of a last line that ends each file, with a
  group named `rows` for their number and further groups named after the number columns that they sum, such as
  `TRAILER\\|(?P<rows>[0-9]+)`;
- of CSV files: `delimiter` (`,`, or any one sign such as `;`, `|` or `"\\t"`), `quote` (`"`, or none: a quote is then a
  character like any other), `null_values`: texts that stand for no value, such as `\\N` (none but the empty text);
- `time_zone`: zone of the instants that are written without an offset (none: an offset must be written);

and per column, `config.meta`

- `type`: text, integer, numeric, boolean, date or timestamp; `required`, `required_when: {column: [values]}`;
- `may_be_absent`: a CSV or Parquet file may leave the whole column out, as one of JSON Lines may leave out any that is
  not required; its rows then have no value there;
- `values`: the only ones allowed; `min`, `max`: bounds of a number; `scale`: decimals of a numeric;
- `currency`: the column with the ISO 4217 code of an amount, which may not have more decimals than its currency;
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

from tenure.contract_problems import contract_problems, reference_problems
from tenure.errors import TenureError

ColumnType = Literal["text", "integer", "numeric", "boolean", "date", "timestamp"]
Cadence = Literal["daily", "monthly"]
Delivery = Literal["change", "event"]
OnConflict = Literal["replace", "suspend"]
UnknownColumns = Literal["ignore", "refuse"]

SOURCES_GLOB = "dbt_project/models/staging/*/_*__sources.yml"
DEFAULT_MAX_LENGTH = 200
DEFAULT_SCALE = 2
DEFAULT_EVENT_LATE_DAYS = 400
DEFAULT_WRONG_DAY_SHARE = 0.5

_CONTRACT_KEYS = {
    "primary_key", "cadence", "delivery", "date_column", "control_totals", "reject_threshold", "reject_allowance",
    "header_only_allowed", "encoding", "tmf", "max_days_ahead", "late_days", "wrong_day_share", "on_conflict",
    "references", "unknown_columns", "delimiter", "quote", "null_values", "trailer", "time_zone",
}  # fmt: skip
_COLUMN_KEYS = {
    "type", "required", "required_when", "values", "min", "max", "scale", "max_length", "pattern", "first_of_month",
    "personal", "currency", "may_be_absent",
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
    currency: str | None = None
    is_vaulted: bool = False
    is_describing: bool = False
    may_be_absent: bool = False

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
    late_days: int | None = None
    wrong_day_share: float | None = None
    on_conflict: OnConflict = "replace"
    references: Mapping[str, str] = field(default_factory=dict)
    unknown_columns: UnknownColumns = "ignore"
    delimiter: str = ","
    quote: str | None = '"'
    null_values: tuple[str, ...] = ()
    trailer: str | None = None
    time_zone: str | None = None

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
    for path in source_files(root):
        for source, table in delivered_tables(path):
            try:
                contract = parse_contract(source, table)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise TenureError(f"{path.name}: table {table.get('name')!r}: {error}") from None
            contracts[contract.name] = contract
    if not contracts:
        raise TenureError(f"no source contract under {root / 'dbt_project'}", hint="is this a whole checkout?")
    for name, place, message in reference_problems(contracts):
        raise TenureError(f"the contract of {name}: {place}: {message}")
    return contracts


def source_files(root: Path) -> list[Path]:
    """The dbt source YAMLs of the checkout at `root`, those without any contract among them."""
    return sorted(root.glob(SOURCES_GLOB))


def delivered_tables(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Source and `tables` entry of each contract in one YAML, unparsed. Raises TenureError when it is no YAML."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TenureError(f"cannot read the contract {path.name}: {str(error).splitlines()[0]}") from None
    for source in document.get("sources", []):
        for table in source.get("tables", []):
            # Tables that nobody delivers, such as the ledger, have none.
            if "contract" in table.get("config", {}).get("meta", {}):
                yield str(source["name"]), table


def parse_contract(source: str, table: Mapping[str, Any]) -> Contract:
    """The contract in one `tables` entry of a dbt source YAML. Raises ValueError or KeyError when it is malformed."""
    contract = read_contract(source, table)
    for place, message in contract_problems(contract):
        raise ValueError(f"{place}: {message}")
    return contract


def read_contract(source: str, table: Mapping[str, Any]) -> Contract:
    """The same, although its fields may not go together. Raises ValueError or KeyError when one cannot be read."""
    meta = table["config"]["meta"]["contract"]
    _refuse_unknown(meta, _CONTRACT_KEYS)
    columns = tuple(parse_column(column) for column in table["columns"])
    cadence = _one_of(meta["cadence"], get_args(Cadence), "cadence")
    delivery = _one_of(meta["delivery"], get_args(Delivery), "delivery")
    is_event = delivery == "event"
    is_daily_event = is_event and cadence == "daily"
    late_days = meta.get("late_days", DEFAULT_EVENT_LATE_DAYS if is_event else "none")
    if "wrong_day_share" in meta and not is_daily_event:
        raise ValueError("wrong_day_share: only files of daily events are of one day")
    quote = str(meta.get("quote", '"'))
    return Contract(
        source=source,
        entity=str(table["name"]),
        description=" ".join(str(table["description"]).split()),
        columns=columns,
        primary_key=tuple(meta["primary_key"]),
        cadence=cadence,
        delivery=delivery,
        date_column=str(meta["date_column"]),
        control_totals=tuple(meta.get("control_totals", ())),
        reject_threshold=float(meta.get("reject_threshold", 0.1)),
        reject_allowance=int(meta.get("reject_allowance", 5)),
        is_header_only_allowed=bool(meta.get("header_only_allowed", True)),
        max_days_ahead=int(meta.get("max_days_ahead", 1)),
        encoding=str(meta.get("encoding", "utf-8")),
        tmf=str(meta.get("tmf", "")),
        late_days=None if late_days in (None, "none") else int(late_days),
        wrong_day_share=float(meta.get("wrong_day_share", DEFAULT_WRONG_DAY_SHARE)) if is_daily_event else None,
        on_conflict=_one_of(
            meta.get("on_conflict", "suspend" if is_event else "replace"), get_args(OnConflict), "on_conflict"
        ),
        references={str(column): str(target) for column, target in meta.get("references", {}).items()},
        unknown_columns=_one_of(meta.get("unknown_columns", "ignore"), get_args(UnknownColumns), "unknown_columns"),
        delimiter=str(meta.get("delimiter", ",")),
        quote=None if _one_of(quote, ('"', "none"), "quote") == "none" else quote,
        null_values=tuple(str(value) for value in meta.get("null_values", ())),
        trailer=meta.get("trailer"),
        time_zone=meta.get("time_zone"),
    )


def parse_column(entry: Mapping[str, Any]) -> Column:
    """The column in one `columns` entry of a dbt source YAML. Raises ValueError or KeyError when it is malformed."""
    meta = entry["config"]["meta"]
    _refuse_unknown(meta, _COLUMN_KEYS)
    personal = _one_of(meta.get("personal", "no"), ("no", "token", "vault", "describes"), "personal")
    return Column(
        name=str(entry["name"]),
        type=_one_of(meta["type"], get_args(ColumnType), "type"),
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
        currency=meta.get("currency"),
        may_be_absent=bool(meta.get("may_be_absent", False)),
    )


def _refuse_unknown(meta: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(meta) - known)
    if unknown:
        raise ValueError(f"unknown field {', '.join(unknown)}")


def _one_of(value: Any, allowed: tuple[str, ...], place: str) -> Any:
    if value not in allowed:
        raise ValueError(f"{place}: {value!r} is not one of {', '.join(allowed)}")
    return value
