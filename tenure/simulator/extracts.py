"""Writing extracts: the file layout, its formats and the manifest beside every file."""

import gzip
import io
import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tenure.simulator.defects import Defect, spoil
from tenure.simulator.entities import Entity
from tenure.simulator.timeline import day_date

GZIP_LEVEL = 4  # usage is most of the volume; higher levels cost seconds and save little
# Columns worth a dictionary in Parquet; the others hardly repeat.
_REPEATING = frozenset(
    (
        "msisdn",
        "service_type",
        "direction",
        "network_type",
        "roaming_type",
        "other_operator",
        "rated_amount",
        "currency_code",
    )
)


class ExtractWriter:
    """Writes files below a directory and remembers how much it wrote.

    `dirty` is the share of rows added as defects; they are listed in `defects`.
    """

    def __init__(self, directory: Path, seed: int, dirty: float) -> None:
        self._directory = directory
        self._seed = seed
        self._dirty = dirty
        self.rows: dict[str, int] = {}
        self.files = 0
        self.bytes = 0
        self.defects: list[Defect] = []

    def write(self, entity: Entity, table: pa.Table, named: date, period: tuple[date, date], file_format: str) -> None:
        """One file of an entity, dated `named`, and its manifest for the days of `period` (both inclusive)."""
        if table.num_rows == 0 and file_format.startswith("jsonl"):
            file_format = "csv"  # a file of JSON Lines without lines would be an empty file, which is a fault
        folder = self._directory / entity.full_name
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{entity.name}_{named:%Y%m%d}.{file_format}"
        first_line = 2 if file_format.startswith("csv") else 1
        table, defects = spoil(table, entity, self._dirty, self._seed, f"{entity.full_name}/{name}", first_line)
        content = _encode(table, file_format)
        (folder / name).write_bytes(content)
        manifest = {
            "rows": table.num_rows,
            "control_totals": {column: _total(table.column(column)) for column in entity.control_totals},
            "period_from": period[0].isoformat(),
            "period_to": period[1].isoformat(),
        }
        (folder / f"{name}.manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        self.rows[entity.full_name] = self.rows.get(entity.full_name, 0) + table.num_rows
        self.files += 1
        self.bytes += len(content)
        self.defects.extend(defects)

    def write_days(self, entity: Entity, table: pa.Table, days: np.ndarray, first_day: int, count: int) -> None:
        """One file for each of `count` days from `first_day`; `days` is the ascending day number of each row."""
        for day in range(first_day, first_day + count):
            begins, ends = np.searchsorted(days, [day, day + 1])
            today = day_date(day)
            self.write(entity, table.slice(begins, ends - begins), today, (today, today), entity.daily_format)

    def write_defects(self, path: Path) -> None:
        """List every defect, one JSON object a line."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(asdict(defect)) + "\n" for defect in self.defects), encoding="utf-8")


def _encode(table: pa.Table, file_format: str) -> bytes:
    if file_format == "parquet":
        sink = pa.BufferOutputStream()
        repeating = [name for name in table.column_names if name in _REPEATING]
        pq.write_table(table, sink, compression="zstd", compression_level=1, use_dictionary=repeating)
        return sink.getvalue().to_pybytes()
    if file_format.startswith("csv"):
        buffer = io.BytesIO()
        pl.from_arrow(table).write_csv(buffer)  # type: ignore[union-attr]
        content = buffer.getvalue()
    else:
        content = "".join(
            json.dumps(row, ensure_ascii=False, default=_plain_number) + "\n" for row in table.to_pylist()
        ).encode()
    return gzip.compress(content, GZIP_LEVEL, mtime=0) if file_format.endswith(".gz") else content


def _plain_number(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)  # two decimals survive the trip through a double unchanged
    raise TypeError(f"no JSON form for {type(value).__name__}")


def _total(column: pa.ChunkedArray) -> str:
    total = pc.sum(column).as_py()
    return "0" if total is None else str(total)
