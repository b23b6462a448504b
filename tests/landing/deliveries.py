"""Deliveries for the tests of landing: small files of one entity, in any format, and looks at what they left."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.settings import Settings

Row = Mapping[str, str]


def topup(number: int, **changes: str) -> dict[str, str]:
    """A good top-up; each number gives another one, on 10 January 2026 in Shanghai."""
    return {
        "topup_id": f"T{number:06d}",
        "msisdn": f"139{number % 50:08d}",
        "topped_up_at": f"2026-01-10T{number % 24:02d}:{number % 60:02d}:00+08:00",
        "amount": f"{10 + number % 90}.50",
        "currency_code": "CNY",
        "channel_type": "营业厅" if number % 2 else "app",
    } | changes


def topups(count: int, first: int = 1) -> list[dict[str, str]]:
    """That many good top-ups."""
    return [topup(number) for number in range(first, first + count)]


def customer(number: int, **changes: str) -> dict[str, str]:
    """A good customer, with a name, an id card and a phone number to look for where they must not be."""
    return {
        "customer_id": f"C{number:06d}",
        "effective_at": "2025-06-01T08:00:00+08:00",
        "customer_type": "individual",
        "customer_name": f"王小明{number}",
        "id_number": f"11010119900101{number:04d}",
        "contact_msisdn": f"1380013{number:04d}",
        "region_id": "north",
        "gender": "female",
        "birth_year": "1990",
        "is_senior": "false",
        "has_partner": "true",
        "has_dependents": "",
    } | changes


def csv_text(rows: Iterable[Row], columns: Iterable[str] | None = None) -> str:
    """The rows as CSV with a header."""
    rows = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(columns or rows[0]), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def path_of(folder: Path, name: str, day: str = "20260110", ending: str = "csv") -> Path:
    """Where the file of `<source>.<entity>` of a day belongs."""
    entity = name.partition(".")[2]
    path = folder / name / f"{entity}_{day}.{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def deliver(
    folder: Path,
    name: str,
    rows: list[dict[str, str]],
    day: str = "20260110",
    ending: str = "csv",
    encoding: str = "utf-8",
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Write a file of the contract's rows in the format of its ending. Returns its path."""
    path = path_of(folder, name, day, ending)
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist([{k: v or None for k, v in row.items()} for row in rows]), path)
    else:
        if ending.startswith("csv"):
            text = csv_text(rows)
        else:
            text = "".join(
                json.dumps({k: v or None for k, v in row.items()}, ensure_ascii=False) + "\n" for row in rows
            )
        content = text.encode(encoding)
        path.write_bytes(gzip.compress(content, mtime=0) if ending.endswith(".gz") else content)
    if manifest is not None:
        path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest))
    return path


def query(settings: Settings, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query as the loader."""
    with connect("loader", settings=settings) as connection:
        return connection.execute(statement, parameters).fetchall()


def landed(settings: Settings, table: str) -> str:
    """An order-free digest of a raw table's business columns."""
    contract = load_contracts(settings.root)[table]
    columns = ", ".join(column.landed_name for column in contract.columns)
    rows = query(settings, f"select {columns} from {contract.raw_table}")
    texts = sorted(repr([_plain(value) for value in row]) for row in rows)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _plain(value: Any) -> str | None:
    # 10.5 and 10.50 are the same amount.
    return None if value is None else format(value.normalize(), "f") if hasattr(value, "normalize") else str(value)


def everything(settings: Settings) -> dict[str, str]:
    """The digests of all raw tables."""
    return {name: landed(settings, name) for name in load_contracts(settings.root)}


def ledger(settings: Settings, entity: str = "topup") -> list[tuple[Any, ...]]:
    """Status, version and counts of the loads of an entity, oldest first."""
    return query(
        settings,
        "select status, version, row_count, landed_count, rejected_count, duplicate_count from ops.load"
        " where entity_name = %s order by load_id",
        entity,
    )


def rejects(settings: Settings) -> list[tuple[Any, ...]]:
    """Line, column and rule of every refused row."""
    return query(
        settings,
        "select line_number, column_name, rule_name from ops.reject order by load_id, line_number, column_name",
    )
