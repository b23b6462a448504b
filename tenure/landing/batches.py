"""What every reader gives: batches of rows as they stand in the file, with line numbers and independent counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.exceptions import PolarsError

LINE = "_line_number"

# Numbers as they may be summed, whether or not they obey their column's rules.
NUMBER = r"^-?[0-9]{1,24}(\.[0-9]{1,10})?$"
_SUM_TYPE = pl.Decimal(38, 10)


@dataclass(frozen=True)
class Malformed:
    """A line that could not be split into fields."""

    line: int
    rule: str
    message: str
    text: str


@dataclass
class Batch:
    """Rows of a file.

    `rows` has the file's columns (texts, or the types of a typed format) and `_line_number`. `row_count` counts the
    physical rows, malformed ones included, without the parser that made `rows`; `totals` are sums of the asked columns
    over the rows that are not malformed by another parser, where one parser alone could be misled. `odd_lines` are the
    numbers of the lines with control or replacement characters; none where nobody has looked.
    """

    rows: pl.DataFrame
    row_count: int
    malformed: list[Malformed] = field(default_factory=list)
    totals: dict[str, Decimal] | None = None
    odd_lines: npt.NDArray[np.int64] | None = None


@dataclass
class Rows:
    """A file opened for reading: its column names, and its rows in batches."""

    columns: list[str]
    batches: Iterator[Batch]


def exact_sum(values: pl.Series) -> Decimal:
    """The exact sum of a column; texts that are no plain numbers count as nothing."""
    if values.is_empty():
        return Decimal(0)
    if values.dtype == pl.String:
        values = values.filter(values.str.contains(NUMBER).fill_null(False)).cast(_SUM_TYPE)
    elif values.dtype.is_float():
        return exact_sum(values.cast(pl.String))
    elif not values.dtype.is_numeric():
        return Decimal(0)
    else:
        try:
            values = values.cast(_SUM_TYPE)
        except PolarsError:
            return _slow_sum(values)
    try:
        total = values.sum()
    except PolarsError:
        return _slow_sum(values)
    return Decimal(0) if total is None else Decimal(total)


def _slow_sum(values: pl.Series) -> Decimal:
    # Numbers far beyond any that lands are summed all the same, until they are refused.
    with localcontext(prec=100):
        return sum((Decimal(value) for value in values.drop_nulls()), Decimal(0))


def unreadable_count(values: pl.Series) -> int:
    """How many values of a column are there but are no plain numbers."""
    if values.is_empty():
        return 0
    if values.dtype == pl.String:
        return int((values.str.contains(NUMBER) == False).sum())  # noqa: E712 (polars)
    return 0 if values.dtype.is_numeric() else values.len() - values.null_count()
