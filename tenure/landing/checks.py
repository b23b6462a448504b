"""The rules of a contract, on whole columns at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import polars as pl

from tenure.contracts import Column, Contract
from tenure.landing import instants, numbers
from tenure.landing.batches import LINE
from tenure.landing.masking import masked

# Position of a row in its batch: several entities may be made of one line, so a line number does not identify a row.
ROW = "_row"

_REJECT_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    ROW: pl.Int64,
    "line_number": pl.Int64,
    "column_name": pl.String,
    "rule_name": pl.String,
    "message": pl.String,
    "masked_text": pl.String,
    # When a row that is refused as too early may land.
    "due_at": pl.Datetime("us", "UTC"),
}
REJECT_SCHEMA = pl.Schema(_REJECT_COLUMNS)

INTEGER_PATTERN = r"^-?[0-9]{1,18}$"
NUMERIC_PATTERN = r"^-?[0-9]{1,18}(\.[0-9]{1,12})?$"
_BOOLEAN = r"^(?i:true|false|1|0)$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
# U+FFFD is what is left of a character that somebody upstream could not decode. Signs that nobody sees (zero-width
# space, word joiner, byte order mark) make two of one key, and those that turn the direction of writing show another
# text than what is there. The joiners and marks that some scripts need (U+200C to U+200F) may stay.
CONTROL_PATTERN = r"[\x00-\x1f\x7f-\x{9F}\x{200B}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}\x{FEFF}\x{FFFD}]"

FIRST_DATE = dt.date(1850, 1, 1)
FIRST_INSTANT = dt.datetime(1980, 1, 1, tzinfo=dt.UTC)
LAST_INSTANT = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_MAX_INTEGER = 10**18


@dataclass(frozen=True)
class Checked:
    """A batch after its checks: `good` rows with the contract's columns in their types, and what is wrong with others.

    Both have `_row`, the position in the batch. `rejects` has a line for each broken rule, so one row may be there
    several times.
    """

    good: pl.DataFrame
    rejects: pl.DataFrame


@dataclass(frozen=True)
class Window:
    """The time that a file can know of: no row may be dated before the first or after the last moment of it."""

    first_date: dt.date | None
    last_date: dt.date
    first_instant: dt.datetime | None
    last_instant: dt.datetime


ALL_TIME = Window(None, dt.date.max, None, LAST_INSTANT)


def window(contract: Contract, period: tuple[dt.date, dt.date], business_date: dt.date, zone: ZoneInfo) -> Window:
    """The window of a file that covers a period: from `late_days` before it to `max_days_ahead` after the file."""
    last = max(business_date, period[1]) + dt.timedelta(days=contract.max_days_ahead)
    if contract.late_days is None:
        return Window(None, last, None, end_of_day(last, zone))
    first = period[0] - dt.timedelta(days=contract.late_days)
    return Window(first, last, end_of_day(first - dt.timedelta(days=1), zone), end_of_day(last, zone))


@dataclass(frozen=True)
class _Rule:
    """`name` and `message` may be expressions over the broken rows: telling mistakes apart costs good rows nothing."""

    column: str
    name: str | pl.Expr
    message: str | pl.Expr
    is_broken: pl.Expr


def check(contract: Contract, rows: pl.DataFrame, known: Window) -> Checked:
    """Check rows (`_row`, `_line_number` and the contract's columns, as text or typed) against the contract.

    The date column must lie in the window `known`.
    """
    readable = (_readable(column, rows.schema[column.name]) for column in contract.columns)
    raw = rows.select(pl.col(ROW).cast(pl.Int64), LINE, *readable)
    both = raw.with_columns(
        instants.parsed(raw[column.name], contract.time_zone).alias(_name(column))
        if column.type == "timestamp" and raw.schema[column.name] == pl.String
        else _typed(column, raw.schema[column.name])
        for column in contract.columns
    )
    rules = list(_rules(contract, raw, known))
    flags = both.select(rule.is_broken.fill_null(False).alias(str(i)) for i, rule in enumerate(rules))
    broken = flags.select(pl.all().any()).row(0) if flags.height else ()
    hits = [(rule, flags.to_series(i)) for i, rule in enumerate(rules) if broken and broken[i]]
    good = both.select(ROW, LINE, *(pl.col(_name(column)).alias(column.name) for column in contract.columns))
    if not hits:
        return Checked(good, pl.DataFrame(schema=REJECT_SCHEMA))
    rejects = pl.concat([_rejects(both, rule, flag) for rule, flag in hits]).sort(ROW, maintain_order=True)
    bad = pl.Series(ROW, rejects[ROW].unique())
    return Checked(good.filter(~pl.col(ROW).is_in(bad.to_list())), rejects)


def reject_rows(rows: pl.DataFrame, column: str, rule: str, message: str) -> pl.DataFrame:
    """Rejects of whole rows (`_row`, `_line_number`), with no value to show."""
    return rows.select(
        pl.col(ROW).cast(pl.Int64),
        pl.col(LINE).alias("line_number"),
        pl.lit(column).alias("column_name"),
        pl.lit(rule).alias("rule_name"),
        pl.lit(message).alias("message"),
        pl.lit("").alias("masked_text"),
        pl.lit(None, dtype=instants.UTC).alias("due_at"),
    )


def _rejects(rows: pl.DataFrame, rule: _Rule, flag: pl.Series) -> pl.DataFrame:
    broken = rows.filter(flag)
    return broken.select(
        pl.col(ROW).cast(pl.Int64),
        pl.col(LINE).alias("line_number"),
        pl.lit(rule.column).alias("column_name"),
        (pl.lit(rule.name) if isinstance(rule.name, str) else rule.name).alias("rule_name"),
        (pl.lit(rule.message) if isinstance(rule.message, str) else rule.message).alias("message"),
        masked(pl.col(rule.column).cast(pl.String)).alias("masked_text"),
        (pl.col(f"{rule.column}:typed") if isinstance(rule.name, str) and rule.name == "in_future" else pl.lit(None))
        .cast(instants.UTC)
        .alias("due_at"),
    )


def _name(column: Column) -> str:
    return f"{column.name}:typed"


def _readable(column: Column, kind: pl.DataType) -> pl.Expr:
    """A column as text, or left in its type when that is the contract's type already."""
    value = pl.col(column.name)
    is_native = (
        (column.type == "integer" and kind.is_integer())
        or (column.type == "numeric" and (kind.is_decimal() or kind.is_integer()))
        or (column.type == "boolean" and kind == pl.Boolean)
        or (column.type == "date" and kind == pl.Date)
        or (column.type == "timestamp" and isinstance(kind, pl.Datetime) and kind.time_zone is not None)
    )
    if is_native:
        return value
    text = value.cast(pl.String)
    # An empty text says nothing, whatever the format.
    return pl.when(text != "").then(text).alias(column.name) if kind == pl.String else text


def _typed(column: Column, kind: pl.DataType) -> pl.Expr:
    value = pl.col(column.name)
    is_text = kind == pl.String
    if column.type == "text":
        typed = value
    elif column.type == "integer":
        typed = value.cast(pl.Int64, strict=False)
    elif column.type == "numeric":
        typed = value.cast(pl.Decimal(38, column.scale), strict=False)
    elif column.type == "boolean":
        typed = value.str.to_lowercase().is_in(["true", "1"]) if is_text else value
    elif column.type == "date":
        typed = value.str.to_date("%Y-%m-%d", strict=False) if is_text else value
    else:
        typed = value.dt.convert_time_zone("UTC").dt.cast_time_unit("us").cast(instants.UTC)
    return typed.alias(_name(column))


def _rules(contract: Contract, raw: pl.DataFrame, known: Window) -> Iterator[_Rule]:
    schema = raw.schema
    for column in contract.columns:
        value, typed = pl.col(column.name), pl.col(_name(column))
        is_text = schema[column.name] == pl.String
        if column.is_required:
            yield _Rule(column.name, "required", "it is empty: every row needs it", value.is_null())
        for other, values in column.required_when.items():
            yield _Rule(
                column.name, "required",
                f"it is empty: needed where {other} is {' or '.join(values)}",
                value.is_null() & pl.col(other).is_in(list(values)),
            )  # fmt: skip
        if is_text:
            yield from _text_rules(column, value, typed, contract.time_zone)
        yield from _value_rules(column, schema[column.name], value, typed)
        if column.currency is not None:
            yield from _currency_rules(column, column.currency, raw, value)
    if contract.date_column:
        yield from _window_rules(contract.column(contract.date_column), known)


def _window_rules(dated: Column, known: Window) -> Iterator[_Rule]:
    typed = pl.col(_name(dated))
    is_instant = dated.type == "timestamp"
    last, first = (known.last_instant, known.first_instant) if is_instant else (known.last_date, known.first_date)
    yield _Rule(
        dated.name, "in_future", "it is later than the file can know: check the clock or the file's date",
        typed > pl.lit(last),
    )  # fmt: skip
    if first is not None:
        yield _Rule(
            dated.name, "too_late",
            f"it is before {known.first_date}, the first day that this file may still bring: check the year, or "
            "deliver it in a file whose manifest covers that day",
            typed < pl.lit(first),
        )  # fmt: skip


def _text_rules(column: Column, value: pl.Expr, typed: pl.Expr, zone: str | None) -> Iterator[_Rule]:
    if column.type == "text":
        yield _Rule(
            column.name, "control_character", "it holds a control, invisible or replacement character: remove it",
            value.str.contains(CONTROL_PATTERN),
        )  # fmt: skip
        yield _Rule(
            column.name, "max_length", f"it is longer than {column.max_length} characters",
            value.str.len_chars() > column.max_length,
        )  # fmt: skip
        if column.is_required:
            yield _Rule(column.name, "required", "it is blank: every row needs it", value.str.strip_chars() == "")
        if column.pattern:
            yield _Rule(
                column.name, "pattern", f"it does not look like {column.pattern}",
                ~value.str.contains(f"^(?:{column.pattern})$"),
            )  # fmt: skip
        return
    if column.type == "timestamp":
        is_broken = value.is_not_null() & (~value.str.contains(instants.shape(zone)) | typed.is_null())
        yield _Rule(column.name, instants.fault_name(value, zone), instants.fault_message(value, zone), is_broken)
        return
    shape, message = {
        "integer": (INTEGER_PATTERN, numbers.integer_fault(value)),
        "numeric": (NUMERIC_PATTERN, numbers.numeric_fault(value)),
        "boolean": (_BOOLEAN, pl.lit("it is neither true nor false (nor 1 or 0)")),
        "date": (DATE_PATTERN, instants.date_fault(value, DATE_PATTERN)),
    }[column.type]
    # A value of the right shape may still be none of the calendar: then the conversion has left nothing.
    yield _Rule(column.name, "type", message, value.is_not_null() & (~value.str.contains(shape) | typed.is_null()))
    if column.type == "numeric":
        yield _Rule(
            column.name, "scale", f"it has more than {column.scale} decimals",
            value.str.contains(NUMERIC_PATTERN) & value.str.contains(numbers.decimals_beyond(column.scale)),
        )  # fmt: skip


def _value_rules(column: Column, kind: pl.DataType, value: pl.Expr, typed: pl.Expr) -> Iterator[_Rule]:
    if column.values:
        yield _Rule(
            column.name, "values", f"it is none of {', '.join(column.values)}", ~value.is_in(list(column.values))
        )
    if column.type == "numeric" and kind.is_decimal():
        yield _Rule(
            column.name, "scale", f"it has more than {column.scale} decimals", value.round(column.scale) != value
        )
    if column.type == "numeric" and kind != pl.String:
        yield _Rule(
            column.name, "type", "it is too large: 18 digits before the point are the most",
            value.is_not_null() & (typed.is_null() | (typed.abs() >= _MAX_INTEGER)),
        )  # fmt: skip
    minimum, maximum = column.minimum, column.maximum
    if column.type == "integer":
        minimum = -_MAX_INTEGER if minimum is None else minimum
        maximum = _MAX_INTEGER if maximum is None else maximum
        if kind != pl.String:
            yield _Rule(column.name, "type", "it is too large", value.is_not_null() & typed.is_null())
    if column.type in ("integer", "numeric"):
        if minimum is not None:
            yield _Rule(column.name, "min", f"it is less than {minimum}", typed < minimum)
        if maximum is not None:
            yield _Rule(column.name, "max", f"it is more than {maximum}", typed > maximum)
    if column.type == "date":
        yield _Rule(column.name, "min", f"it is before {FIRST_DATE}", typed < FIRST_DATE)
    if column.type == "timestamp":
        if isinstance(kind, pl.Datetime) and kind.time_unit == "ns":
            yield _Rule(
                column.name, "type", "it is finer than a microsecond: round it",
                value.dt.timestamp("ns") % 1000 != 0,
            )  # fmt: skip
        yield _Rule(column.name, "min", f"it is before {FIRST_INSTANT.date()}", typed < FIRST_INSTANT)
        yield _Rule(column.name, "max", f"it is after {LAST_INSTANT.date()}", typed > LAST_INSTANT)
    if column.is_first_of_month:
        yield _Rule(column.name, "first_of_month", "it is not the first day of a month", typed.dt.day() != 1)


def _currency_rules(column: Column, currency: str, raw: pl.DataFrame, value: pl.Expr) -> Iterator[_Rule]:
    """Decimals beyond those of the row's currency, where the column's scale alone would let them pass."""
    is_decimal = raw.schema[column.name].is_decimal()
    if not is_decimal and raw.schema[column.name] != pl.String:
        return
    for code in raw[currency].cast(pl.String).unique().drop_nulls().sort():
        decimals = numbers.minor_units(code)
        if decimals is None or decimals >= column.scale:
            continue
        has_more = (
            value.round(decimals) != value if is_decimal else value.str.contains(numbers.decimals_beyond(decimals))
        )
        yield _Rule(
            column.name, "scale", f"it has more than {decimals} decimals, which {code} has",
            (pl.col(currency) == code) & has_more,
        )  # fmt: skip


def end_of_day(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The instant (UTC) at which a business day ends: the next local midnight."""
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return midnight.astimezone(dt.UTC)
