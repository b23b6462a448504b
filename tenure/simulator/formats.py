"""The formats of extracts, each written piece by piece so that no file is ever in memory as a whole."""

import gzip
import io
from pathlib import Path
from typing import IO, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

GZIP_LEVEL = 4  # usage is most of the volume; higher levels cost seconds and save little
ROW_GROUP_ROWS = 2**18
_BATCH_ROWS = 2**16  # encoded at a time; the default of 1,024 takes a third longer


class Sink(Protocol):
    """A file being written."""

    def write(self, table: pa.Table) -> None:
        """Add rows; every table has the same columns."""

    def close(self) -> None:
        """Finish the file."""


def open_sink(path: Path, file_format: str, schema: pa.Schema) -> Sink:
    """A new file in a format: csv, jsonl (either with .gz) or parquet."""
    if file_format == "parquet":
        return _ParquetSink(path, schema)
    return _TextSink(path, schema, is_csv=file_format.startswith("csv"), is_gzip=file_format.endswith(".gz"))


class _ParquetSink:
    """Row groups of about the same size, whatever the size of the pieces."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # Only a few values: worth a dictionary. Everything else hardly repeats.
        few = [field.name for field in schema if pa.types.is_dictionary(field.type) or pa.types.is_decimal(field.type)]
        # Without its own note of the schema a file says text where the writer had a dictionary; nobody looks for rows
        # by the least and greatest value of a page, which cost a quarter of the time.
        self._writer = pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=few,
            write_statistics=False,
            write_batch_size=_BATCH_ROWS,
            store_schema=False,
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= ROW_GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(pa.concat_tables(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0


class _TextSink:
    def __init__(self, path: Path, schema: pa.Schema, *, is_csv: bool, is_gzip: bool) -> None:
        self._file: IO[bytes] = path.open("wb")
        self._packed: gzip.GzipFile | None = None
        if is_gzip:
            # No name and no time in the gzip header: the same rows are the same bytes.
            self._packed = gzip.GzipFile("", "wb", GZIP_LEVEL, self._file, mtime=0)
        self._is_csv = is_csv
        if is_csv:
            self._put(schema.empty_table(), is_first=True)

    def write(self, table: pa.Table) -> None:
        self._put(table, is_first=False)

    def close(self) -> None:
        if self._packed:
            self._packed.close()
        self._file.close()

    def _put(self, table: pa.Table, *, is_first: bool) -> None:
        frame, text = pl.DataFrame(pl.from_arrow(table)), io.BytesIO()
        if self._is_csv:
            frame.write_csv(text, include_header=is_first)
        else:
            # Two decimals survive the trip through a double unchanged; a text would not be a number.
            frame.with_columns(pl.selectors.decimal().cast(pl.Float64)).write_ndjson(text)
        (self._packed or self._file).write(text.getbuffer())
