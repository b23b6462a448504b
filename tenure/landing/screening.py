"""Most rows are good: a few quick looks at whole columns say which ones surely are, and only the others are checked.

A row passes the screen only when every rule of its contract is sure to hold; whatever is in doubt goes to
`tenure.landing.checks.check`, which alone says what is wrong and with which words. So a file with bad rows costs little
more than one without.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as compute

from tenure.contracts import Column, Contract
from tenure.landing.batches import LINE
from tenure.landing.checks import (
    CONTROL_PATTERN,
    DATE_PATTERN,
    FIRST_DATE,
    FIRST_INSTANT,
    LAST_INSTANT,
    REJECT_SCHEMA,
    ROW,
    Checked,
    Window,
    check,
)
from tenure.landing.instants import UTC, shape
from tenure.landing.numbers import decimals_beyond, minor_units

# Whole numbers of up to 18 digits fit into 64 bits whatever the digits are.
_SAFE_DIGITS = 18
# An instant that Arrow could read, with an offset like +08:00 or Z at its end, has its seconds when it is this long:
# YYYY-MM-DDTHH:MM:SS and up to six digits of a fraction.
_OFFSET_LENGTHS = (25, 32)
_ZULU_LENGTHS = (20, 27)
# More distinct texts than this in a column with a pattern are not worth remembering.
_MOST_KNOWN = 1000

Doubt = pl.Series


@dataclass
class Screen:
    """Screens the batches of one entity from one file; it remembers texts that fit a column's pattern."""

    contract: Contract
    known: Window
    _known: dict[str, set[str]] = field(default_factory=dict)

    def check(self, rows: pl.DataFrame, odd_lines: npt.NDArray[np.int64] | None = None) -> Checked:
        """The same as `checks.check` of these rows, the good ones perhaps in another order.

        `odd_lines` are the numbers of the lines that hold control or replacement characters, if that is known.
        """
        doubtful = np.zeros(rows.height, dtype=bool)
        if odd_lines is not None and odd_lines.size:
            doubtful |= np.isin(rows[LINE].to_numpy(), odd_lines)
        typed = [rows[ROW].cast(pl.Int64), rows[LINE]]
        for column in self.contract.columns:
            values, doubts = self._screened(column, rows, is_odd_known=odd_lines is not None)
            typed.append(values.alias(column.name))
            for doubt in doubts:
                # Most say nothing of any row, and then they cost no more than a look.
                if doubt.any():
                    doubtful |= doubt.fill_null(False).to_numpy()
        frame = pl.DataFrame(typed)
        if not doubtful.any():
            return Checked(frame, pl.DataFrame(schema=REJECT_SCHEMA))
        mask = pl.Series(doubtful)
        checked = check(self.contract, rows.filter(mask), self.known)
        return Checked(pl.concat([frame.filter(~mask), checked.good.select(frame.columns)]), checked.rejects)

    def _screened(self, column: Column, rows: pl.DataFrame, is_odd_known: bool) -> tuple[pl.Series, list[Doubt]]:
        values = rows[column.name]
        doubts: list[Doubt] = []
        if column.is_required and values.null_count():
            doubts.append(values.is_null())
        for other, needing in column.required_when.items():
            if values.null_count():
                doubts.append(values.is_null() & rows[other].cast(pl.String).is_in(list(needing)))
        if values.dtype != pl.String:
            # Typed formats are few and their rules cheap: all of them are checked.
            return _empty(column, values.len()), [pl.repeat(True, values.len(), dtype=pl.Boolean, eager=True)]
        typed, more = {
            "text": self._text,
            "integer": _integer,
            "numeric": _numeric,
            "boolean": _boolean,
            "date": _date,
            "timestamp": _timestamp,
        }[column.type](column, values)
        doubts += more
        if column.type == "text" and not is_odd_known and not column.values:
            doubts.append(values.str.contains(CONTROL_PATTERN))
        if column.name == self.contract.date_column:
            doubts += self._outside(column, typed)
        if column.currency is not None:
            doubts += _too_fine(column, values, rows[column.currency])
        return typed, doubts

    def _outside(self, column: Column, typed: pl.Series) -> list[Doubt]:
        known = self.known
        if column.type == "timestamp":
            return [typed > known.last_instant, *([typed < known.first_instant] if known.first_instant else [])]
        return [typed > known.last_date, *([typed < known.first_date] if known.first_date else [])]

    def _text(self, column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
        if column.values:
            return values, [~values.is_in(list(column.values))]
        lengths = values.str.len_bytes()
        doubts = [(lengths > column.max_length) | (lengths == 0)]
        if column.is_required:
            doubts.append(values.str.strip_chars() == "")
        if column.pattern:
            doubts.append(~self._fits(column, values))
        return values, doubts

    def _fits(self, column: Column, values: pl.Series) -> pl.Series:
        """Whether each text fits the column's pattern; texts recur, so each is matched once."""
        known = self._known.setdefault(column.name, set())
        fits = values.is_in(list(known))
        new = values.filter(~fits).drop_nulls().unique()
        if len(known) + new.len() > _MOST_KNOWN:
            return values.str.contains(f"^(?:{column.pattern})$")
        if new.is_empty():
            return fits
        known |= set(new.filter(new.str.contains(f"^(?:{column.pattern})$")).to_list())
        return values.is_in(list(known))


def _empty(column: Column, count: int) -> pl.Series:
    kinds: dict[str, pl.DataType] = {
        "text": pl.String(),
        "integer": pl.Int64(),
        "numeric": pl.Decimal(38, column.scale),
        "boolean": pl.Boolean(),
        "date": pl.Date(),
        "timestamp": UTC,
    }
    return pl.repeat(None, count, dtype=kinds[column.type], eager=True)


def _integer(column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
    typed = values.cast(pl.Int64, strict=False)
    # The cast reads a plus sign and any number of leading zeros, the rules do not.
    doubts = [
        typed.is_null() & values.is_not_null(),
        values.str.starts_with("+"),
        values.str.len_bytes() > _SAFE_DIGITS,
    ]
    return typed, doubts + _beyond(column, typed)


def _numeric(column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
    shape = (
        rf"^-?\d{{1,{_SAFE_DIGITS}}}(\.\d{{1,{column.scale}}})?$" if column.scale else rf"^-?\d{{1,{_SAFE_DIGITS}}}$"
    )
    typed = values.cast(pl.Decimal(38, column.scale), strict=False)
    return typed, [~values.str.contains(shape), typed.is_null() & values.is_not_null(), *_beyond(column, typed)]


def _too_fine(column: Column, values: pl.Series, currencies: pl.Series) -> list[Doubt]:
    found = []
    for code in currencies.cast(pl.String).unique().drop_nulls():
        decimals = minor_units(code)
        if decimals is not None and decimals < column.scale:
            found.append((currencies == code) & values.str.contains(decimals_beyond(decimals)))
    return found


def _beyond(column: Column, typed: pl.Series) -> list[Doubt]:
    doubts = []
    if column.minimum is not None:
        doubts.append(typed < column.minimum)
    if column.maximum is not None:
        doubts.append(typed > column.maximum)
    return doubts


def _boolean(column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
    return values.is_in(["true", "1"]), [~values.is_in(["true", "false", "1", "0"])]


def _date(column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
    typed = values.str.to_date("%Y-%m-%d", strict=False)
    doubts = [~values.str.contains(DATE_PATTERN), typed.is_null() & values.is_not_null(), typed < FIRST_DATE]
    if column.is_first_of_month:
        doubts.append(typed.dt.day() != 1)
    return typed, doubts


def _timestamp(column: Column, values: pl.Series) -> tuple[pl.Series, list[Doubt]]:
    lengths = values.str.len_bytes()
    ends = values.str.tail(6)
    offsets = [end for end in ends.drop_nulls().unique() if _is_offset(end)]
    is_written_out = ends.is_in(offsets) & lengths.is_between(*_OFFSET_LENGTHS)
    if is_written_out.null_count() + is_written_out.sum() != values.len():
        is_written_out |= values.str.ends_with("Z") & lengths.is_between(*_ZULU_LENGTHS)
    typed = _instants(values)
    if typed is None:
        is_written_out &= values.str.contains(shape(None))
        is_written_out &= values.str.head(10).str.to_date("%Y-%m-%d", strict=False).is_not_null()
        typed = _instants(pl.select(pl.when(is_written_out).then(values)).to_series())
    if typed is None:
        return _empty(column, values.len()), [pl.repeat(True, values.len(), dtype=pl.Boolean, eager=True)]
    is_out_of_range = (typed < FIRST_INSTANT) | (typed > LAST_INSTANT)
    return typed, [~is_written_out, typed.is_null() & values.is_not_null(), is_out_of_range]


def _is_offset(end: str) -> bool:
    hours, minutes = end[1:3], end[4:]
    is_shaped = len(end) == 6 and end.isascii() and end[0] in "+-" and end[3] == ":"
    return is_shaped and hours.isdigit() and minutes.isdigit() and int(hours) < 24 and int(minutes) < 60


def _instants(values: pl.Series) -> pl.Series | None:
    """All of them, or none when one cannot be read."""
    try:
        instants = compute.cast(values.to_arrow().cast(pa.string()), pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return None
    return pl.Series(pl.from_arrow(instants)).cast(UTC)
