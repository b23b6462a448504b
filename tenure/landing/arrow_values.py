"""Columns of a typed file as types whose every value can be checked: what does not fit one stays as its text."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as compute

from tenure.landing.results import FileRefused

# The years 1 to 9999: beyond them calendars, and those who print them, give up.
_FIRST_DAY, _LAST_DAY = -719162, 2932896
_UNITS_OF_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_INT64 = 1 << 63


def plain_column(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without dictionary and without types that overflow. Raises FileRefused for values within values."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        _refuse_unless_plain(name, kind.value_type)
        return plain_column(name, column.cast(kind.value_type))
    _refuse_unless_plain(name, kind)
    if pa.types.is_decimal(kind):
        return _decimals(column, kind)
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_timestamp(kind):
        return _within_years(column, pa.int64(), _UNITS_OF_A_DAY[kind.unit])
    if pa.types.is_date64(kind):
        found = _within_years(column, pa.int64(), _UNITS_OF_A_DAY["ms"])
        return found.cast(pa.date32(), safe=False) if pa.types.is_date64(found.type) else found
    if pa.types.is_date32(kind):
        return _within_years(column, pa.int32(), 1)
    return column


def _refuse_unless_plain(name: str, kind: pa.DataType) -> None:
    types = pa.types
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    is_number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    is_time = types.is_timestamp(kind) or types.is_date(kind)
    if not (is_text or is_number or is_time or types.is_boolean(kind) or types.is_null(kind)):
        raise FileRefused(f"column {name} has type {kind}, not a plain value")


def _decimals(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_decimal128(kind) and kind.scale >= 0:
        return column
    try:
        return column.cast(pa.decimal128(38, max(kind.scale, 0)))
    except pa.ArrowInvalid:
        return column.cast(pa.string())


def _within_years(column: pa.ChunkedArray, whole: pa.DataType, units_of_a_day: int) -> pa.ChunkedArray:
    numbers = column.cast(whole)
    limits = compute.min_max(numbers).as_py()
    first = max(_FIRST_DAY * units_of_a_day, -_INT64)
    last = min((_LAST_DAY + 1) * units_of_a_day, _INT64) - 1
    if limits["min"] is None or (limits["min"] >= first and limits["max"] <= last):
        return column
    is_within = compute.and_(compute.greater_equal(numbers, first), compute.less_equal(numbers, last))
    dated = compute.if_else(is_within, column, pa.scalar(None, column.type)).cast(pa.string())
    return compute.if_else(is_within, dated, numbers.cast(pa.string()))
