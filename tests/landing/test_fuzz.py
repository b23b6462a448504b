"""Any bytes: readers and checks refuse them, or take of them only what a slow reader takes too. They never fail.

Set TENURE_TEST_LONG to look at many more examples: 1,000 of each kind, or as many as TENURE_TEST_EXAMPLES says.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import gzip
import io
import json
import os
import resource
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tenure.contracts import parse_contract
from tenure.landing import decoding
from tenure.landing.batches import LINE
from tenure.landing.checks import end_of_day
from tenure.landing.results import FileRefused
from tests.landing.dry import DAY, SHANGHAI, Dry, dry_land
from tests.landing.oracle import Refused, good_lines

EXAMPLES = int(os.environ.get("TENURE_TEST_EXAMPLES", "1000")) if os.environ.get("TENURE_TEST_LONG") else 60
MOST_GROWTH_BYTES = 400 << 20

_COLUMNS: dict[str, dict[str, Any]] = {
    "event_id": {"type": "text", "required": True, "max_length": 20},
    "at": {"type": "timestamp", "required": True},
    "day": {"type": "date"},
    "seconds": {"type": "integer", "min": 0},
    "amount": {"type": "numeric", "scale": 3, "currency": "currency_code", "required_when": {"kind": ["paid"]}},
    "currency_code": {"type": "text", "max_length": 3, "pattern": "[A-Z]{3}"},
    "is_new": {"type": "boolean"},
    "kind": {"type": "text", "values": ["paid", "free"]},
}
CONTRACT = parse_contract(
    "shop",
    {
        "name": "event",
        "description": "One column of each type.",
        "config": {
            "meta": {
                "contract": {
                    "primary_key": ["event_id"], "cadence": "daily", "delivery": "event", "date_column": "at",
                    "control_totals": ["seconds", "amount"], "late_days": 30,
                }
            }
        },
        "columns": [{"name": n, "description": n, "config": {"meta": meta}} for n, meta in _COLUMNS.items()],
    },
)  # fmt: skip
FIRST = end_of_day(DAY - dt.timedelta(days=31), SHANGHAI)
LAST = end_of_day(DAY + dt.timedelta(days=1), SHANGHAI)

GOOD: dict[str, str] = {
    "event_id": "E1", "at": "2026-01-10T10:00:00+08:00", "day": "2026-01-10", "seconds": "60", "amount": "1.50",
    "currency_code": "CNY", "is_new": "true", "kind": "paid",
}  # fmt: skip
NEAR: dict[str, list[str]] = {
    "event_id": ["", " ", "007", "\u200b", "a\tb", "x" * 21, "é", "1e5", '"', "a,b", "\\N", "\\."],
    "at": ["2026-01-10 10:00:00Z", "2026-01-10T10:00:00", "2026-02-30T10:00:00Z", "2026-01-12T00:00:00+08:00",
           "2026-01-12T00:00:01+08:00", "2025-12-11T00:00:00+08:00", "2025-12-10T23:59:59+08:00", "24:00",
           "2026-01-10T10:00:00.1234567Z", "2026-01-10T10:00:60Z", "2026-01-10T10:00:00+2500", "0000-01-01T00:00:00Z",
           "2026-01-10T10:00:00+08", "2026-01-10T10:00:00-00:00", "9999-12-31T23:59:59-23:59", "infinity"],
    "day": ["", "2025-02-29", "2024-02-29", "1849-12-31", "1850-01-01", "9999-12-31", "2026-1-1", "２０２６-01-01"],
    "seconds": ["", "0", "-1", "-0", "007", "1e3", "1.0", "9" * 18, "9" * 19, "1" * 40, "１２", "+1", "1_0"],
    "amount": ["", "0", "-0.00", "1.005", "1.0005", "1.5000", "1e3", "NaN", "inf", "9" * 18, "9" * 19, "0." + "1" * 12,
               "1." + "0" * 13, "1,5", ".5", "5.", "-1.10", "１.5", "0." + "9" * 30],
    "currency_code": ["", "JPY", "KWD", "cny", "CNYX", "XXX", "￥￥￥"],
    "is_new": ["", "TRUE", "0", "1", "yes", "2", "fAlSe"],
    "kind": ["", "free", "PAID", "paid "],
}  # fmt: skip
TOKENS = [
    b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"\0", b"\\.", b"\xff", b"\xef\xbb\xbf", b"{", b"}", b"[", b":", b"\\u",
    b"\\ud800", b"null", b"NaN", b"1e999", b"\x1f\x8b", b"PAR1", b"\xe4\xb8", b"\xed\xa0\x80",
]  # fmt: skip

looked_at = hypothesis_settings(
    max_examples=EXAMPLES, derandomize=True, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip

row = st.fixed_dictionaries(
    {
        name: st.one_of(st.just(value), st.just(value), st.sampled_from(NEAR[name]), st.text(max_size=8))
        for name, value in GOOD.items()
    }
)
rows = st.lists(st.one_of(st.just(GOOD), row), max_size=6)
change = st.tuples(
    st.sampled_from(["flip", "cut", "drop", "twice", "insert", "replace"]), st.floats(0, 1), st.integers(0, 255),
    st.sampled_from(TOKENS),
)  # fmt: skip
changes = st.lists(change, min_size=1, max_size=5)
block_bytes = st.sampled_from([1, 7, 64, 1000, 8 << 20])


def _csv(found: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(GOOD), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode("utf-8", "surrogatepass")


def _jsonl(found: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(item) + "\n" for item in found).encode()


def _parquet(found: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    whole = [item for item in found if all(value.isprintable() for value in item.values())]
    pq.write_table(pa.Table.from_pylist(whole or [GOOD], pa.schema([(name, pa.string()) for name in GOOD])), out)
    return out.getvalue()


def _mutated(content: bytes, done: list[tuple[str, float, int, bytes]]) -> bytes:
    for kind, share, number, token in done:
        place = int(share * len(content))
        match kind:
            case "flip" if place < len(content):
                content = content[:place] + bytes([content[place] ^ (number or 1)]) + content[place + 1 :]
            case "cut":
                content = content[:place]
            case "drop":
                content = content[:place] + content[place + number :]
            case "twice":
                content = content[: place + number] + content[place:]
            case "insert":
                content = content[:place] + token + content[place:]
            case _:
                content = content[:place] + token + content[place + len(token) :]
    return content


@contextlib.contextmanager
def _blocks_of(size: int) -> Iterator[None]:
    before = decoding.BLOCK_BYTES
    decoding.BLOCK_BYTES = size
    try:
        yield
    finally:
        decoding.BLOCK_BYTES = before


def _landed(content: bytes, file_format: str, size: int = 8 << 20) -> Dry | None:
    """What lands, or None when the file is refused in one line; anything else fails the test."""
    with _blocks_of(size):
        try:
            return dry_land(CONTRACT, content, file_format)
        except FileRefused as refusal:
            assert str(refusal)
            assert "\n" not in str(refusal)
            return None


def _assert_oracle_agrees(found: Dry, content: bytes, file_format: str) -> dict[int, dict[str, Any]]:
    """No row lands that the oracle refuses or reads otherwise. Returns what the oracle would land."""
    try:
        oracle = good_lines(CONTRACT, content, file_format, FIRST, LAST)
    except Refused:
        oracle = {}
    for good in found.good:
        line = good.pop(LINE)
        assert oracle.get(line) == good, f"line {line}"
    return oracle


@given(found=rows, size=block_bytes)
@looked_at
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_rows__land_exactly_where_the_oracle_takes_them(
    file_format: str, found: list[dict[str, str]], size: int
) -> None:
    content = _csv(found) if file_format == "csv" else _jsonl(found)
    landed = _landed(content, file_format, size)
    if landed is not None:
        oracle = _assert_oracle_agrees(landed, content, file_format)
        assert len(landed.good) == len(oracle)


@given(found=rows, done=changes, size=block_bytes)
@looked_at
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_damaged_text__lands_nothing_that_the_oracle_refuses(
    file_format: str, found: list[dict[str, str]], done: list[tuple[str, float, int, bytes]], size: int
) -> None:
    content = _mutated(_csv(found) if file_format == "csv" else _jsonl(found), done)
    landed = _landed(content, file_format, size)
    if landed is not None:
        _assert_oracle_agrees(landed, content, file_format)


@given(found=rows, done=changes)
@looked_at
@pytest.mark.parametrize("file_format", ["csv.gz", "csv.zst"])
def test_damaged_compression__is_refused_or_lands_what_it_holds(
    file_format: str, found: list[dict[str, str]], done: list[tuple[str, float, int, bytes]]
) -> None:
    plain = _csv(found)
    is_gzip = file_format.endswith("gz")
    packed = gzip.compress(plain, mtime=0) if is_gzip else pa.compress(plain, codec="zstd", asbytes=True)
    landed = _landed(_mutated(packed, done), file_format)
    if landed is not None and is_gzip:
        # What a gzip file holds is proved by its checksum, unless members were added or taken whole.
        _assert_oracle_agrees(landed, plain, "csv")


@given(found=rows, done=changes)
@looked_at
def test_damaged_parquet__lands_nothing_that_its_own_reader_does_not_give(
    found: list[dict[str, str]], done: list[tuple[str, float, int, bytes]]
) -> None:
    content = _mutated(_parquet(found), done)
    landed = _landed(content, "parquet")
    if landed is not None:
        table = pq.read_table(io.BytesIO(content)).to_pylist()
        lines = "".join(json.dumps(item) + "\n" for item in table).encode()
        _assert_oracle_agrees(landed, lines, "jsonl")


@given(content=st.binary(max_size=400), size=block_bytes)
@looked_at
@pytest.mark.parametrize("file_format", ["csv", "jsonl", "csv.gz", "jsonl.zst", "parquet"])
def test_any_bytes__are_refused_or_land_nothing_unheard_of(file_format: str, content: bytes, size: int) -> None:
    head = _csv([]) if file_format == "csv" else b""
    landed = _landed(head + content, file_format, size)
    if landed is not None and file_format in ("csv", "jsonl"):
        _assert_oracle_agrees(landed, head + content, file_format)


@pytest.mark.parametrize(
    ("file_format", "line"),
    [
        ("csv", b'"' * 1000 + b"\n"),
        ("csv", b"," * 100_000 + b"\n"),
        ("jsonl", b"[" * 1_000_000 + b"\n"),
        ("jsonl", b'{"a":' * 100_000 + b"\n"),
        ("jsonl", b'{"seconds": ' + b"9" * 900_000 + b"}\n"),
        ("jsonl", b'"' + b"\\u0000" * 100_000 + b'"\n'),
    ],
)
def test_long_lines__take_bounded_memory(file_format: str, line: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    content = (_csv([GOOD]) if file_format == "csv" else _jsonl([GOOD])) + line * (20_000_000 // len(line))
    _landed(content, file_format)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MOST_GROWTH_BYTES
