"""Reading delivered files in plain Python, without anything of Tenure's: names, formats, manifests and rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet

MANIFEST = ".manifest.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """One delivered file with its manifest. Values are text (csv), or typed as the format has them."""

    path: Path
    entity: str
    business_date: date
    rows_promised: int
    totals_promised: dict[str, Decimal]
    period_from: date
    period_to: date

    def rows(self) -> list[Row]:
        """Every physical record, in file order; an empty CSV field is None."""
        return list(_rows(self.path))


def deliveries(folder: Path, entity: str) -> list[Delivery]:
    """The files of `source.entity` in order of their business date."""
    found = []
    for path in sorted((folder / entity).iterdir()):
        if path.name.endswith(MANIFEST):
            continue
        manifest = json.loads(Path(f"{path}{MANIFEST}").read_text())
        stamp = path.name.split(".")[0].rsplit("_", 1)[1]
        found.append(
            Delivery(
                path,
                entity,
                datetime.strptime(stamp, "%Y%m%d").date(),
                manifest["rows"],
                {name: Decimal(total) for name, total in manifest["control_totals"].items()},
                date.fromisoformat(manifest["period_from"]),
                date.fromisoformat(manifest["period_to"]),
            )
        )
    return sorted(found, key=lambda delivery: delivery.business_date)


def all_rows(folder: Path, entity: str) -> Iterator[Row]:
    """The rows of every file of an entity, oldest file first."""
    for delivery in deliveries(folder, entity):
        yield from delivery.rows()


def _rows(path: Path) -> Iterator[Row]:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        yield from pyarrow.parquet.read_table(path).to_pylist()
        return
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.name.endswith(".gz") else content).decode("utf-8")
    if name.endswith(".jsonl"):
        for line in text.splitlines():
            yield json.loads(line, parse_float=Decimal)
        return
    for record in csv.DictReader(io.StringIO(text)):
        yield {key: value or None for key, value in record.items()}
