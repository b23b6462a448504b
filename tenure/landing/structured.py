"""Parquet and JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as pq

from tenure.landing.arrow_values import plain_column
from tenure.landing.batches import LINE, Batch, Malformed, Rows
from tenure.landing.decoding import Block
from tenure.landing.masking import safe_name
from tenure.landing.results import FileRefused

PARQUET_BATCH_ROWS = 100_000


def read_parquet(path: Path, content: bytes | None, wanted: Sequence[str], sums: Sequence[str]) -> Rows:
    """The rows of a Parquet file; a row's line number is its position, from 1. Raises FileRefused."""
    try:
        file = pq.ParquetFile(path if content is None else pa.BufferReader(content))
    except (pa.ArrowException, OSError):
        empty = path.stat().st_size == 0 if content is None else not content
        raise FileRefused("it is empty" if empty else "it is not a Parquet file, or is cut off") from None
    columns = list(file.schema_arrow.names)
    lowered = [name.strip().casefold() for name in columns]
    if len(set(lowered)) != len(lowered):
        raise FileRefused("its schema names a column twice")
    return Rows(columns, _parquet_batches(file, [name for name in columns if name in set(wanted)], sums))


def _parquet_batches(file: pq.ParquetFile, kept: list[str], sums: Sequence[str]) -> Iterator[Batch]:
    first = 1
    try:
        for part in file.iter_batches(batch_size=PARQUET_BATCH_ROWS, columns=kept):
            # Texts in a Parquet file need not be UTF-8, and nothing behind this line would look.
            part.validate(full=True)
            table = pa.Table.from_batches([part])
            table = pa.table([plain_column(safe_name(name), table[name]) for name in kept], names=kept)
            lines = pl.Series(LINE, range(first, first + part.num_rows), dtype=pl.Int64)
            frame = pl.DataFrame(pl.from_arrow(table)).with_columns(lines)
            totals = {name: _arrow_sum(table[name]) for name in sums if name in kept and _is_summed(table, name)}
            yield Batch(frame, part.num_rows, totals=totals)
            first += part.num_rows
    except (pa.ArrowException, OSError):
        raise FileRefused("its Parquet data is damaged") from None
    if first - 1 != file.metadata.num_rows:
        raise FileRefused(f"its footer says {file.metadata.num_rows} rows, {first - 1} were read")


def _is_summed(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return pa.types.is_integer(kind) or pa.types.is_decimal(kind)


def _arrow_sum(column: pa.ChunkedArray) -> Decimal:
    # Wide enough that no sum runs over.
    scale = column.type.scale if pa.types.is_decimal(column.type) else 0
    total = compute.sum(column.cast(pa.decimal256(76, scale))).as_py()
    return Decimal(0) if total is None else Decimal(total)


def read_jsonl(blocks: Iterator[Block], wanted: Sequence[str], is_unknown_refused: bool = False) -> Rows:
    """The rows of a JSON Lines file: one object a line; a member that is left out is none. Raises FileRefused.

    Numbers keep their text: no value goes through a floating-point number. `is_unknown_refused`: a file with a member
    that is not `wanted`, wherever it is, is refused.
    """
    first = next(blocks, None)
    if first is None:
        # A trailer that says nought is all there is.
        return Rows(list(wanted), iter(()))
    names: dict[str, None] = {}
    batch = _jsonl_batch(first, wanted, names)
    if not names:
        raise FileRefused("line 1: it is not a JSON object")
    known = set(wanted) if is_unknown_refused else None
    return Rows(list(names), _jsonl_batches(batch, blocks, wanted, known, dict(names)))


def _jsonl_batches(
    first: Batch, blocks: Iterator[Block], wanted: Sequence[str], known: set[str] | None, names: dict[str, None]
) -> Iterator[Batch]:
    yield first
    for block in blocks:
        batch = _jsonl_batch(block, wanted, names)
        if known is not None:
            refuse_unknown(names, known)
        yield batch


def refuse_unknown(names: Iterable[str], known: Container[str]) -> None:
    """Raises FileRefused when a name is none of the known ones."""
    extra = [safe_name(name) for name in names if name not in known]
    if extra:
        raise FileRefused(f"column {', '.join(extra[:20])} is not in the contract: agree on it first, or leave it out")


def _jsonl_batch(block: Block, wanted: Sequence[str], names: dict[str, None]) -> Batch:
    values: dict[str, list[str | None]] = {name: [] for name in wanted}
    numbers: list[int] = []
    malformed: list[Malformed] = []
    for offset, line in enumerate(block.text.splitlines()):
        number = block.first_line + offset
        try:
            # As text: from bytes the parser would guess an encoding of its own.
            row = json.loads(
                line.decode("utf-8"), parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_unique
            )
            if not isinstance(row, dict):
                raise ValueError("it is not an object")
            cells = [_cell(row.get(name)) for name in wanted]
            if b"\\u" in line:
                _refuse_halves(cells)
        except (ValueError, RecursionError) as error:
            is_syntax = isinstance(error, json.JSONDecodeError | RecursionError)
            reason = "it is not valid JSON" if is_syntax else str(error)
            malformed.append(
                Malformed(number, "json", f"{reason}: write one object of plain values a line", _text(line))
            )
            continue
        names.update(dict.fromkeys(row))
        numbers.append(number)
        for name, cell in zip(wanted, cells, strict=True):
            values[name].append(cell)
    frame = pl.DataFrame(values, schema=dict.fromkeys(wanted, pl.String)).with_columns(
        pl.Series(LINE, numbers, dtype=pl.Int64)
    )
    return Batch(frame, block.line_count, malformed)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("it names a member twice")
    return row


def _cell(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise ValueError("it holds a list or an object")


def _refuse_halves(cells: Sequence[str | None]) -> None:
    # An escaped half of a surrogate pair is a character of no encoding.
    if any("\ud800" <= character <= "\udfff" for cell in cells if cell for character in cell):
        raise ValueError("it holds half of a character")


def _text(line: bytes) -> str:
    return line[:200].decode("utf-8", errors="replace")
