"""Horrors of JSON Lines and Parquet."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.landing.deliveries import topup
from tests.landing.horrors import GOOD, Horror, Reject, good, ids, refused

NOT_JSON = "it is not valid JSON: write one object of plain values a line"
NESTED = "it holds a list or an object: write one object of plain values a line"
PLAIN = "it is no plain decimal number: write digits and a point"
INSTANT = "it is no instant: write YYYY-MM-DDTHH:MM:SS with the zone offset"
UNKNOWN = (
    "its header is unknown: none of its 6 columns is one of topup_id, msisdn, topped_up_at, amount, currency_code, "
    "channel_type"
)
# A JSON Lines or Parquet file has no header, so its bad row has another number.
BAD = GOOD + 1


def horrors() -> Iterator[Horror]:
    """Each of another kind."""
    yield from _json()
    yield from _json_values()
    yield from _parquet()
    yield from _parquet_types()


def _lines(name: str) -> str:
    return "".join(json.dumps({k: v or None for k, v in row.items()}) + "\n" for row in good(name))


def _line(name: str, line: str, *rejects: Reject, **more: Any) -> Horror:
    return Horror(name, (_lines(name) + line + "\n").encode(), ids(name), rejects, ending="jsonl", **more)


def _object(name: str, member: str, value: str) -> str:
    """A good object whose member has this JSON text as its value."""
    row = topup(60, topup_id=f"{name}-bad0")
    return json.dumps({**row, member: "@@"}).replace('"@@"', value)


def _json() -> Iterator[Horror]:
    for name, line in (
        ("json_cut", '{"topup_id": "x", "amo'),
        ("json_single_quotes", "{'topup_id': 'x'}"),
        ("json_comma_at_end", '{"topup_id": "x",}'),
        ("json_word", "topup"),
        ("json_blank_line", ""),
        ("json_mark_within", "\ufeff{}"),
        ("json_two_objects", '{"topup_id": "a"}{"topup_id": "b"}'),
        ("json_noughts", _object("json_noughts", "amount", "007")),
        ("json_control", '{"topup_id": "a\tb"}'),
        ("json_bottomless", "[" * 100_000),
    ):
        yield _line(name, line, (BAD, "", "json", NOT_JSON))
    yield _line(
        "json_list", "[1, 2]", (BAD, "", "json", "it is not an object: write one object of plain values a line")
    )
    twice = '{"topup_id": "x", "amount": "1.00", "amount": "2.00"}'
    yield _line(
        "json_member_twice", twice,
        (BAD, "", "json", "it names a member twice: write one object of plain values a line"),
    )  # fmt: skip
    yield refused(
        "json_printed_prettily",
        "[\n" + _lines("x").replace("}\n", "},\n") + "]\n",
        "line 1: it is not a JSON object",
        "jsonl",
    )
    yield refused("json_called_csv", _lines("x"), UNKNOWN)
    name = "json_with_mark"
    yield Horror(name, b"\xef\xbb\xbf" + _lines(name).encode(), ids(name), ending="jsonl")
    yield refused(
        "json_cut_at_end", _lines("x").rstrip("\n"), "its last line has no line end, so it may be cut off", "jsonl"
    )


def _json_values() -> Iterator[Horror]:
    for name, member, value, rule, message in (
        ("json_nan", "amount", "NaN", "type", f"{PLAIN}, not-a-number and infinity are no amounts: leave it empty"),
        ("json_exponent", "amount", "1e400", "type", f"{PLAIN}, without an exponent"),
        ("json_huge", "amount", "9" * 400, "type", "it is too large: 18 digits before the point are the most"),
        ("json_true", "amount", "true", "type", PLAIN),
        ("json_fraction", "amount", "0.1000000000000000055511151231257827", "type", "it has more than 12 decimals"),
        ("json_null", "amount", "null", "required", "it is empty: every row needs it"),
        ("json_nul", "channel_type", '"a\\u0000b"', "control_character",
         "it holds a control, invisible or replacement character: remove it"),
    ):  # fmt: skip
        yield _line(name, _object(name, member, value), (BAD, member, rule, message))
    yield _line(
        "json_object_within", _object("json_object_within", "channel_type", '{"a": 1}'), (BAD, "", "json", NESTED)
    )
    yield _line("json_list_within", _object("json_list_within", "channel_type", "[]"), (BAD, "", "json", NESTED))
    lone = "it holds half of a character: write one object of plain values a line"
    yield _line(
        "json_lone_surrogate", _object("json_lone_surrogate", "channel_type", '"\\ud83d"'), (BAD, "", "json", lone)
    )
    name = "json_capitals"
    yield _line(name, _object(name, "amount", "5").replace('"amount"', '"Amount"'),
                (BAD, "amount", "required", "it is empty: every row needs it"),
                warning="ignored columns that are not in the contract: Amount")  # fmt: skip
    name = "json_number_as_id"
    content = _lines(name) + _object(name, "topup_id", "9007199254740995") + "\n"
    yield Horror(
        name, content.encode(), [*ids(name), "9007199254740995"], ending="jsonl", values={"channel_type": "app"}
    )
    name = "json_exact_amount"
    content = _lines(name) + _object(name, "amount", "123456789012345678.90") + "\n"
    yield Horror(
        name, content.encode(), [*ids(name), f"{name}-bad0"], ending="jsonl",
        values={"amount": Decimal("123456789012345678.9")},
    )  # fmt: skip


def _table(name: str, rows: int = GOOD) -> pa.Table:
    return pa.Table.from_pylist(good(name, rows))


def _bytes(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def _with(name: str, column: str, values: pa.Array) -> bytes:
    table = _table(name)
    return _bytes(table.set_column(table.schema.get_field_index(column), column, values))


def _typed(name: str, column: str, values: pa.Array, *rejects: Reject, **more: Any) -> Horror:
    bad = {line for line, *_ in rejects}
    lands = [key for line, key in enumerate(ids(name), start=1) if line not in bad]
    return Horror(name, _with(name, column, values), lands, rejects, ending="parquet", **more)


def _parquet() -> Iterator[Horror]:
    whole = _bytes(_table("x"))
    cut = "it is not a Parquet file, or is cut off"
    yield refused("parquet_cut", whole[:-20], cut, "parquet")
    yield refused("parquet_without_head", whole[50:], "its Parquet data is damaged", "parquet")
    middle = len(whole) // 3
    damaged = whole[:20] + bytes(byte ^ 0x5A for byte in whole[20:middle]) + whole[middle:]
    yield refused("parquet_damaged", damaged, "its Parquet data is damaged", "parquet")
    yield refused("parquet_empty", b"", "it is empty", "parquet")
    yield Horror("parquet_no_rows", _bytes(_table("x").slice(0, 0)), ending="parquet")
    name = "parquet_empty_row_groups"
    out = io.BytesIO()
    with pq.ParquetWriter(out, _table(name).schema) as writer:
        for part in (
            _table(name).slice(0, 0),
            _table(name).slice(0, 2),
            _table(name).slice(0, 0),
            _table(name).slice(2),
        ):
            writer.write_table(part)
    yield Horror(name, out.getvalue(), ids(name), ending="parquet")
    table = _table("x")
    yield refused(
        "parquet_column_twice", _bytes(table.append_column("Amount", table["amount"])),
        "its schema names a column twice", "parquet",
    )  # fmt: skip
    yield refused(
        "parquet_missing_column",
        _bytes(table.drop_columns(["channel_type"])),
        "column channel_type is missing",
        "parquet",
    )


def _parquet_types() -> Iterator[Horror]:
    walls = [dt.datetime(2026, 1, 10, 10, 0, second) for second in range(GOOD)]
    suspended = f"{GOOD} of {GOOD} rows are refused, more than 10%; the first: line 1, column "
    name = "parquet_no_zone"
    yield refused(
        name, _with(name, "topped_up_at", pa.array(walls, pa.timestamp("us"))), f"{suspended}topped_up_at: {INSTANT}",
        "parquet",
    )  # fmt: skip
    name = "parquet_nanoseconds"
    instant = 1768010400 * 10**9
    yield _typed(
        name, "topped_up_at", pa.array([instant] * 5 + [instant + 1], pa.timestamp("ns", "UTC")),
        (6, "topped_up_at", "type", "it is finer than a microsecond: round it"),
    )  # fmt: skip
    name = "parquet_far_future"
    yield _typed(
        name, "topped_up_at", pa.array([1768010400] * 5 + [10**15], pa.timestamp("s", "UTC")),
        (6, "topped_up_at", "type", INSTANT),
    )  # fmt: skip
    name = "parquet_float_amounts"
    yield _typed(
        name, "amount", pa.array([1.5, 2.25, 3.0, 4.1, 5.0, 0.1 + 0.2], pa.float64()),
        (6, "amount", "type", "it has more than 12 decimals"),
    )  # fmt: skip
    name = "parquet_nan"
    yield _typed(
        name, "amount", pa.array([1.5, 2.25, 3.0, 4.1, float("inf"), float("nan")], pa.float64()),
        (5, "amount", "type", f"{PLAIN}, not-a-number and infinity are no amounts: leave it empty"),
        (6, "amount", "type", f"{PLAIN}, not-a-number and infinity are no amounts: leave it empty"),
    )  # fmt: skip
    name = "parquet_decimal256"
    amounts = [Decimal("1.50")] * 5 + [Decimal("1.005")]
    yield _typed(
        name, "amount", pa.array(amounts, pa.decimal256(50, 3)), (6, "amount", "scale", "it has more than 2 decimals")
    )
    name = "parquet_huge_decimal"
    huge = [Decimal(1)] * 5 + [Decimal(10) ** 37]
    yield _typed(
        name, "amount", pa.array(huge, pa.decimal128(38, 0)),
        (6, "amount", "type", "it is too large: 18 digits before the point are the most"),
    )  # fmt: skip
    name = "parquet_dictionary"
    yield _typed(name, "currency_code", pa.array(["CNY"] * 5 + ["cny"]).dictionary_encode(),
                 (6, "currency_code", "pattern", "it does not look like [A-Z]{3}"))  # fmt: skip
    name = "parquet_number_as_number"
    yield _typed(name, "msisdn", pa.array([13900000000 + number for number in range(GOOD)], pa.int64()))
    for name, column, values, kind in (
        ("parquet_binary", "msisdn", pa.array([b"139"] * GOOD, pa.binary()), "binary"),
        ("parquet_list", "channel_type", pa.array([["app"]] * GOOD), "list<element: string>"),
        ("parquet_struct", "channel_type", pa.array([{"a": 1}] * GOOD), "struct<a: int64>"),
        ("parquet_duration", "amount", pa.array([1] * GOOD, pa.duration("us")), "duration[us]"),
        ("parquet_time", "topped_up_at", pa.array([1] * GOOD, pa.time32("ms")), "time32[ms]"),
    ):
        yield refused(
            name, _with(name, column, values), f"column {column} has type {kind}, not a plain value", "parquet"
        )
    name = "parquet_dates"
    yield refused(
        name, _with(name, "topped_up_at", pa.array([dt.date(2026, 1, 10)] * GOOD)),
        f"{suspended}topped_up_at: {INSTANT}", "parquet",
    )  # fmt: skip
    name = "parquet_nothing"
    yield Horror(
        name, _with(name, "channel_type", pa.nulls(GOOD)), ids(name), ending="parquet", values={"channel_type": None}
    )
    name = "parquet_unsigned"
    yield refused(
        name, _with(name, "amount", pa.array([2**64 - 1] * GOOD, pa.uint64())),
        f"{suspended}amount: it is too large: 18 digits before the point are the most", "parquet",
    )  # fmt: skip
    name = "parquet_strings_of_all_kinds"
    yield _typed(name, "channel_type", pa.array(["app", "中文", None, "", "x", "y"], pa.large_string()))
