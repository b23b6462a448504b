"""Writing extracts: the file layout and the manifest beside every file."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tenure.simulator.defects import Defect, DefectList, open_to_spoiling, spoil
from tenure.simulator.entities import Entity
from tenure.simulator.formats import Sink, open_sink
from tenure.simulator.late import LateRows
from tenure.simulator.timeline import Integers, day_date


class ExtractWriter:
    """Writes files below a directory and remembers how much it wrote.

    `dirty` is the share of rows added as defects, `late` the share of events delivered in a later file than that of
    their day; both are listed in truth/defects.jsonl. `close` finishes that list.
    """

    def __init__(self, directory: Path, seed: int, dirty: float, late: float) -> None:
        self.directory = directory
        self.seed = seed
        self.dirty = dirty
        self.late = LateRows(seed, late)
        self.defects = DefectList(directory / "truth" / "defects.jsonl")
        self.rows: dict[str, int] = {}
        self.files = 0
        self.bytes = 0

    def open(
        self, entity: Entity, named: date, period: tuple[date, date], file_format: str, *, is_last: bool
    ) -> "FileStream":
        """A new file of an entity, dated `named`, for the days of `period` (both inclusive).

        Rows held back from earlier files come first; the `is_last` file of an entity holds nothing back.
        """
        return FileStream(self, entity, named, period, file_format, is_last)

    def write_days(
        self, entity: Entity, table: pa.Table, days: Integers, first_day: int, count: int, end_day: int
    ) -> None:
        """One file for each of `count` days from `first_day`; no day from `end_day` on will be delivered.

        `days` is the ascending day number of each row.
        """
        for day in range(first_day, first_day + count):
            begins, ends = np.searchsorted(days, [day, day + 1])
            today = day_date(day)
            stream = self.open(entity, today, (today, today), entity.daily_format, is_last=day == end_day - 1)
            stream.add(table.slice(begins, ends - begins))
            stream.close()

    def close(self) -> None:
        """No more files."""
        self.defects.close()


class FileStream:
    """One file of an entity in the making, and its manifest."""

    def __init__(
        self,
        writer: ExtractWriter,
        entity: Entity,
        named: date,
        period: tuple[date, date],
        file_format: str,
        is_last: bool,
    ) -> None:
        self._writer, self._entity, self._format, self._is_last = writer, entity, file_format, is_last
        self._stem = f"{entity.name}_{named:%Y%m%d}"
        self._folder = writer.directory / entity.full_name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sink: Sink | None = None
        self._parts = 0
        self._rows = 0
        self._totals: dict[str, Any] = dict.fromkeys(entity.control_totals, 0)
        self._period = period
        for table, earlier_file in writer.late.due(entity.full_name, is_last=is_last):
            first = self._first_line + self._rows
            self._put(table)
            writer.defects.add(
                Defect(self._file, line, "late", "", "landed", earlier_file)
                for line in range(first, first + table.num_rows)
            )

    @property
    def _file(self) -> str:
        return f"{self._entity.full_name}/{self._stem}.{self._format}"

    @property
    def _first_line(self) -> int:
        return 2 if self._format.startswith("csv") else 1

    def add(self, table: pa.Table) -> None:
        """More rows, in order of time."""
        writer, entity = self._writer, self._entity
        self._parts += 1
        part = f"{entity.full_name}/{self._stem} {self._parts}"
        if writer.dirty:
            table = open_to_spoiling(table)
        if entity.is_event and not self._is_last:
            table = writer.late.hold_back(entity.full_name, table, part)
        table, defects = spoil(table, entity, writer.dirty, writer.seed, part)
        first = self._first_line + self._rows
        self._put(table)
        writer.defects.add(
            Defect(self._file, place + first, kind, column, verdict) for place, kind, column, verdict in defects
        )

    def _put(self, table: pa.Table) -> None:
        if table.num_rows == 0 and self._sink is None:
            self._schema = table.schema
            return
        if self._sink is None:
            self._sink = open_sink(self._folder / f"{self._stem}.{self._format}", self._format, table.schema)
        self._sink.write(table)
        self._rows += table.num_rows
        for column in self._totals:
            self._totals[column] += pc.sum(table.column(column)).as_py() or 0

    def close(self) -> None:
        """Finish the file and write its manifest."""
        if self._sink is None:
            if self._format.startswith("jsonl"):
                self._format = "csv"  # a file of JSON Lines without lines would be an empty file, which is a fault
            self._sink = open_sink(self._folder / f"{self._stem}.{self._format}", self._format, self._schema)
        self._sink.close()
        path = self._writer.directory / self._file
        manifest = {
            "rows": self._rows,
            "control_totals": {column: str(total) for column, total in self._totals.items()},
            "period_from": self._period[0].isoformat(),
            "period_to": self._period[1].isoformat(),
        }
        path.with_name(f"{path.name}.manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        writer = self._writer
        writer.late.belongs_to(self._entity.full_name, self._file)
        writer.rows[self._entity.full_name] = writer.rows.get(self._entity.full_name, 0) + self._rows
        writer.files += 1
        writer.bytes += path.stat().st_size
