"""A slow reader of delivered files in plain Python: which lines are good, and what they say.

It shares no code with landing: the csv and json modules, `datetime`, `Decimal`, and the rules written once more.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from decimal import Decimal
from typing import Any

from tenure.contracts import Column, Contract

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufffd]")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d:?\d\d)", re.ASCII)
NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,12})?", re.ASCII)
WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

Row = dict[str, Any]


class Refused(Exception):
    """The oracle does not want this value, line or file."""


def good_lines(
    contract: Contract, content: bytes, file_format: str, first: dt.datetime, last: dt.datetime
) -> dict[int, Row]:
    """The good lines of a file by number. Raises Refused when none of it can be read."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8") from None
    lines = re.split("\r\n|\n|\r", text)
    read = _csv_line if file_format == "csv" else _json_line
    header = _fields(lines[0]) if file_format == "csv" else list(contract.column_names)
    found: dict[int, Row] = {}
    for number, line in enumerate(lines, start=1):
        if number == 1 and file_format == "csv":
            continue
        try:
            found[number] = _row(contract, read(line, header), first, last)
        except (Refused, RecursionError):
            continue
    return found


def _fields(line: str) -> list[str]:
    try:
        rows = list(csv.reader([line]))
    except csv.Error as error:
        raise Refused(str(error)) from None
    if len(rows) != 1:
        raise Refused("it is not one row")
    return rows[0]


def _csv_line(line: str, header: list[str]) -> dict[str, str]:
    fields = _fields(line)
    if len(fields) != len(header):
        raise Refused("it is ragged")
    return dict(zip(header, fields, strict=True))


def _json_line(line: str, _header: list[str]) -> dict[str, Any]:
    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused("it names a member twice")
        return dict(pairs)

    try:
        row = json.loads(line, object_pairs_hook=object_of, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        raise Refused("it is not JSON") from None
    if not isinstance(row, dict):
        raise Refused("it is no object")
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()}


def _row(contract: Contract, given: dict[str, Any], first: dt.datetime, last: dt.datetime) -> Row:
    row = {column.name: _value(column, given.get(column.name)) for column in contract.columns}
    for column in contract.columns:
        value = row[column.name]
        for other, values in column.required_when.items():
            if value is None and row[other] in values:
                raise Refused("it is needed there")
        if column.currency and value is not None:
            decimals = {"JPY": 0, "KWD": 3}.get(str(row[column.currency]), 2)
            if value != round(value, decimals):
                raise Refused("its currency has fewer decimals")
    when = row[contract.date_column]
    if when is not None and not first <= when <= last:
        raise Refused("it is not of this file")
    return row


def _value(column: Column, given: Any) -> Any:
    if given is None or given == "":
        if column.is_required:
            raise Refused("it is empty")
        return None
    if not isinstance(given, str):
        raise Refused("it is no plain value")
    value = _TYPES[column.type](given)
    if isinstance(value, str):
        if UNSEEN.search(value) or len(value) > column.max_length or any("\ud800" <= c <= "\udfff" for c in value):
            raise Refused("it is no text")
        if column.is_required and not value.strip():
            raise Refused("it is blank")
        if column.pattern and not re.fullmatch(column.pattern, value):
            raise Refused("it looks otherwise")
    if column.values and value not in column.values:
        raise Refused("it is none of them")
    if isinstance(value, Decimal) and value != round(value, column.scale):
        raise Refused("it has more decimals")
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        if column.minimum is not None and value < column.minimum:
            raise Refused("it is too small")
        if column.maximum is not None and value > column.maximum:
            raise Refused("it is too large")
    return value


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise Refused("it is written otherwise")
    return text


def _date(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(_matched(DAY, text))
    except ValueError:
        raise Refused("there is no such day") from None
    if day < dt.date(1850, 1, 1):
        raise Refused("it is before our time")
    return day


def _instant(text: str) -> dt.datetime:
    match = INSTANT.fullmatch(text)
    if not match:
        raise Refused("it is written otherwise")
    day, clock, offset = match.groups()
    digits = offset.replace("Z", "+00:00").replace(":", "")
    try:
        hours, minutes = int(digits[1:3]), int(digits[3:])
        if hours > 23 or minutes > 59:
            raise Refused("there is no such offset")
        zone = dt.timezone((1 if digits[0] == "+" else -1) * dt.timedelta(hours=hours, minutes=minutes))
        return dt.datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Refused("there is no such instant") from None


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise Refused("it is neither")
    return text.lower() in ("true", "1")


_TYPES = {
    "text": str,
    "integer": lambda text: int(_matched(WHOLE, text)),
    "numeric": lambda text: Decimal(_matched(NUMBER, text)),
    "boolean": _boolean,
    "date": _date,
    "timestamp": _instant,
}
