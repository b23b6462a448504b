"""Comma-separated text: every field is read as text, and every physical line is accounted for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.csv as pc
from polars.exceptions import PolarsError

from tenure.landing.batches import LINE, Batch, Malformed, Rows, exact_sum
from tenure.landing.decoding import MAX_LINE_BYTES, Block, byte_count
from tenure.landing.results import FileRefused

MAX_COLUMNS = 2000


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written; `quote` is None where a quote is a character like any other."""

    delimiter: str = ","
    quote: str | None = '"'
    null_values: tuple[str, ...] = ()

    def count_quotes(self, text: str) -> int:
        """Quotes in a text that mean something."""
        return text.count(self.quote) if self.quote else 0


def read_csv(blocks: Iterator[Block], dialect: Dialect, wanted: Sequence[str], sums: Sequence[str]) -> Rows:
    """The rows of a CSV file. `wanted` columns are kept, others are ignored; `sums` are the control totals.

    Raises FileRefused, here or while the batches are taken, when the header or the quoting cannot be trusted.
    """
    first = next(blocks, None)
    if first is None:
        raise FileRefused("it has no header")
    end = first.text.index(b"\n") + 1
    columns = _header(first.text[:end], dialect)
    body = Block(first.text[end:], first.first_line + 1)
    return Rows(columns, _batches(body, blocks, columns, dialect, wanted, sums))


def _header(line: bytes, dialect: Dialect) -> list[str]:
    text = line.decode("utf-8").strip("\r\n")
    if text.count(dialect.delimiter) >= MAX_COLUMNS:
        raise FileRefused(f"its header has more than {MAX_COLUMNS} columns")
    if dialect.count_quotes(text) % 2:
        raise FileRefused("line 1: a quote is never closed")
    if not text.strip():
        raise FileRefused("its first line is blank: a header is expected")
    table = _parse(line, [f"c{i}" for i in range(_field_count(text, dialect))], dialect, None, [], threads=False)
    names = ["" if value is None else str(value) for column in table.columns for value in column.to_pylist()]
    seen: set[str] = set()
    for name in names:
        key = name.strip().casefold()
        if key in seen:
            raise FileRefused("its header names a column twice" if key else "its header has columns without a name")
        seen.add(key)
    return names


def _field_count(text: str, dialect: Dialect) -> int:
    inside = False
    count = 1
    for character in text:
        if character == dialect.quote:
            inside = not inside
        elif character == dialect.delimiter and not inside:
            count += 1
    return count


def _batches(
    body: Block, rest: Iterator[Block], columns: list[str], dialect: Dialect, wanted: Sequence[str], sums: Sequence[str]
) -> Iterator[Batch]:
    kept = [name for name in columns if name in set(wanted)]
    if body.text:
        yield _batch(body, columns, dialect, kept, sums)
    for block in rest:
        yield _batch(block, columns, dialect, kept, sums)


def _batch(block: Block, columns: list[str], dialect: Dialect, kept: list[str], sums: Sequence[str]) -> Batch:
    regular = _regular_rows(block.text, block.line_count, columns, dialect, kept)
    odd_lines = block.odd_lines(dialect.delimiter)
    if regular is not None:
        lines = pl.int_range(block.first_line, block.first_line + regular.height, dtype=pl.Int64, eager=True)
        return Batch(regular.with_columns(lines.alias(LINE)), regular.height, odd_lines=odd_lines)
    apart = _regular_apart(block, columns, dialect, kept, sums)
    rows, malformed, totals = apart or _irregular_rows(block, columns, dialect, kept, sums)
    return Batch(rows, block.line_count, malformed, totals, odd_lines)


def _regular_apart(
    block: Block, columns: list[str], dialect: Dialect, kept: list[str], sums: Sequence[str]
) -> tuple[pl.DataFrame, list[Malformed], dict[str, Decimal]] | None:
    """Rows, malformed lines and totals of a block of which only some lines need the slow parser.

    None where the lines do not stand for themselves: a quoted field that runs over a line end is for the whole block
    to find.
    """
    is_regular = _regular_lines(block, len(columns), dialect)
    count = int(is_regular.sum())
    if not count:
        return None
    regular = _regular_rows(_lines_where(block, is_regular), count, columns, dialect, kept)
    if regular is None:
        return None
    # A line of empty fields at their end shows that the quotes of the last of them are closed: else it would be lost.
    end = dialect.delimiter.encode() * (len(columns) - 1) + b"\n"
    try:
        rows, malformed, totals = _irregular_rows(
            Block(_lines_where(block, ~is_regular) + end, 1), columns, dialect, kept, sums
        )
    except FileRefused:
        return None
    numbers = block.first_line + np.arange(block.line_count)
    odd_numbers = numbers[~is_regular]
    rows = rows.head(-1)
    rows = rows.with_columns(pl.Series(LINE, odd_numbers[rows[LINE].to_numpy() - 1]))
    malformed = [replace(item, line=int(odd_numbers[item.line - 1])) for item in malformed]
    regular = regular.with_columns(pl.Series(LINE, numbers[is_regular]))
    totals = {name: total + exact_sum(regular[name]) for name, total in totals.items()}
    return pl.concat([regular, rows.select(regular.columns)]), malformed, totals


def _regular_lines(block: Block, column_count: int, dialect: Dialect) -> npt.NDArray[np.bool_]:
    """Which lines of a block have no quote and as many delimiters as there should be."""
    data = np.frombuffer(block.text, dtype=np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    before = np.searchsorted(np.flatnonzero(data == ord(dialect.delimiter)), ends)
    is_regular = np.diff(before, prepend=0) == column_count - 1
    if dialect.quote is not None:
        is_regular[np.searchsorted(ends, np.flatnonzero(data == ord(dialect.quote)))] = False
    return is_regular


def _lines_where(block: Block, chosen: npt.NDArray[np.bool_]) -> bytes:
    ends = np.flatnonzero(np.frombuffer(block.text, dtype=np.uint8) == ord("\n")) + 1
    edges = np.flatnonzero(np.diff(chosen, prepend=False, append=False)).reshape(-1, 2)
    offsets = np.concatenate([[0], ends])[edges]
    return b"".join(block.text[start:end] for start, end in offsets.tolist())


def _irregular_rows(
    block: Block, columns: list[str], dialect: Dialect, kept: list[str], sums: Sequence[str]
) -> tuple[pl.DataFrame, list[Malformed], dict[str, Decimal]]:
    """The rows of any block, by a parser that knows quotes; its malformed lines; and totals by another parser."""
    physical = block.line_count
    invalid: list[pc.InvalidRow] = []
    table = _parse(block.text, columns, dialect, kept, invalid, threads=True)
    if any(row.number is None for row in invalid):
        # Line numbers are only known when one thread parses; broken lines are rare, so parse again.
        invalid = []
        table = _parse(block.text, columns, dialect, kept, invalid, threads=False)
    if table.num_rows + len(invalid) != physical:
        raise FileRefused(
            f"line {_stray_quote(block)}: a quoted field runs over the line end (a stray quote?); "
            f"{physical} lines would become {table.num_rows + len(invalid)} rows"
        )
    malformed = [
        Malformed(
            block.first_line + row.number - 1,
            "field_count",
            f"it has {row.actual_columns} fields instead of {row.expected_columns}: quote fields that hold the "
            "delimiter",
            row.text,
        )
        for row in invalid
    ]
    broken = {item.line for item in malformed}
    lines = pl.Series(LINE, range(block.first_line, block.first_line + physical), dtype=pl.Int64)
    if broken:
        lines = lines.filter(~lines.is_in(list(broken)))
    frame = pl.DataFrame(pl.from_arrow(table)).with_columns(lines)
    # The parser makes a row of nothing out of a blank line.
    blank = _blank_lines(block) if len(columns) > 1 else []
    if blank:
        malformed += [Malformed(line, "blank_line", "the line is blank: leave it out", "") for line in blank]
        broken |= set(blank)
        frame = frame.filter(~pl.col(LINE).is_in(blank))
    return frame, malformed, _independent_totals(block, columns, dialect, sums, broken)


def _regular_rows(
    text: bytes, physical: int, columns: list[str], dialect: Dialect, kept: list[str]
) -> pl.DataFrame | None:
    """The rows of some lines without quotes in which every line has its delimiters, else none.

    Nothing is to be interpreted there: that no line has too many delimiters (the parser refuses that) and that they
    are as many in all as there should be proves that each line was split right, so no second parser is asked.
    """
    delimiters = physical * (len(columns) - 1)
    is_quoted = dialect.quote is not None and dialect.quote.encode() in text
    if is_quoted or len(columns) < 2 or byte_count(text, dialect.delimiter.encode()) != delimiters:
        return None
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    # With the columns named, a first line with too many delimiters is refused like any other.
    names = {f"c{position}": pl.String() for position in range(len(columns))}
    places = [position for position, name in enumerate(columns) if name in kept]
    try:
        frame = pl.read_csv(
            text, has_header=False, separator=dialect.delimiter, quote_char=None, schema=names, columns=places,
            null_values=list(dialect.null_values) or None,
        )  # fmt: skip
    except PolarsError:
        return None
    frame.columns = [columns[place] for place in places]
    return frame if frame.height == physical else None


def _blank_lines(block: Block) -> list[int]:
    text = block.text
    if not (b"\n\n" in text or b"\n\r\n" in text or text.startswith((b"\n", b"\r\n"))):
        return []
    lines = text.split(b"\n")[:-1]
    return [block.first_line + offset for offset, line in enumerate(lines) if line in (b"", b"\r")]


def _parse(
    text: bytes,
    columns: list[str],
    dialect: Dialect,
    kept: list[str] | None,
    invalid: list[pc.InvalidRow],
    threads: bool,
) -> pa.Table:
    def keep_aside(row: pc.InvalidRow) -> str:
        invalid.append(row)
        return "skip"

    try:
        return pc.read_csv(
            io.BytesIO(text),
            read_options=pc.ReadOptions(column_names=columns, use_threads=threads, block_size=4 * MAX_LINE_BYTES),
            parse_options=pc.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                double_quote=dialect.quote is not None,
                invalid_row_handler=keep_aside,
                ignore_empty_lines=False,
            ),
            convert_options=pc.ConvertOptions(
                column_types={name: pa.string() for name in columns},
                include_columns=kept,
                strings_can_be_null=True,
                null_values=["", *dialect.null_values],
            ),
        )
    except pa.ArrowInvalid as error:
        raise FileRefused(f"it cannot be read as CSV: {str(error).split('. ')[0].split(':')[0]}") from None


def _stray_quote(block: Block) -> int:
    for offset, line in enumerate(block.text.split(b"\n")):
        if line.count(b'"') % 2:
            return block.first_line + offset
    return block.first_line


def _independent_totals(
    block: Block, columns: list[str], dialect: Dialect, sums: Sequence[str], broken: set[int]
) -> dict[str, Decimal]:
    present = [name for name in sums if name in columns]
    if not present:
        return {}
    text = block.text
    if broken:
        lines = text.splitlines(keepends=True)
        text = b"".join(line for offset, line in enumerate(lines) if block.first_line + offset not in broken)
    if not text:
        return {name: Decimal(0) for name in present}
    # Other parsers than the one whose rows land: what one of them loses or invents, the other does not.
    if dialect.quote and dialect.quote.encode() in text:
        return _totals_by_row(text, columns, dialect, present)
    frame = pl.read_csv(
        text,
        has_header=False,
        separator=dialect.delimiter,
        infer_schema=False,
        quote_char=None,
        columns=[columns.index(name) for name in present],
        truncate_ragged_lines=True,
    )
    # polars gives the columns in file order, whatever order they were asked in.
    in_file_order = sorted(present, key=columns.index)
    return {name: exact_sum(frame.to_series(position)) for position, name in enumerate(in_file_order)}


def _totals_by_row(text: bytes, columns: list[str], dialect: Dialect, present: Sequence[str]) -> dict[str, Decimal]:
    places = [columns.index(name) for name in present]
    try:
        reader = csv.reader(io.StringIO(text.decode("utf-8"), newline=""), delimiter=dialect.delimiter)
        cells = [[row[place] if place < len(row) else None for place in places] for row in reader]
    except csv.Error as error:
        raise FileRefused(f"it cannot be read as CSV: {error}") from None
    frame = pl.DataFrame(cells, schema=dict.fromkeys(present, pl.String), orient="row")
    return {name: exact_sum(frame[name]) for name in present}
