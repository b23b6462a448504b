"""Each field of a contract does what its description says."""

from __future__ import annotations

import datetime as dt
import gzip
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tenure.contracts import Contract, contract_of
from tenure.landing import decoding, land
from tenure.landing.results import FileRefused
from tenure.settings import ROOT, Settings
from tests.landing.deliveries import csv_text, ledger, path_of, query, topup, topups
from tests.landing.dry import dry_land

TOPUP = contract_of(ROOT, "usage.topup")
NEW_YORK = ZoneInfo("America/New_York")


def _zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


def _refusal(contract: Contract, content: bytes | str, file_format: str = "csv") -> str:
    with pytest.raises(FileRefused) as caught:
        dry_land(contract, content.encode() if isinstance(content, str) else content, file_format)
    return str(caught.value)


def _one(contract: Contract, **changes: str) -> list[tuple[int, str, str]]:
    return dry_land(contract, csv_text([topup(1), topup(2, **changes)]).encode()).rules


def test_column_that_may_be_absent__is_left_out_or_delivered() -> None:
    columns = [replace(it, may_be_absent=it.name == "channel_type") for it in TOPUP.columns]
    contract = replace(TOPUP, columns=tuple(columns))
    assert not TOPUP.column("channel_type").is_required
    whole = [topup(1, channel_type="app"), topup(2, channel_type="app")]
    short = [{name: value for name, value in row.items() if name != "channel_type"} for row in whole]
    assert [row["channel_type"] for row in dry_land(contract, csv_text(whole).encode()).good] == ["app", "app"]
    assert [row["channel_type"] for row in dry_land(contract, csv_text(short).encode()).good] == [None, None]
    assert _refusal(TOPUP, csv_text(short)) == "column channel_type is missing"


@pytest.mark.parametrize("ending", ["csv.zst", "jsonl.zst"])
def test_zstd__lands_as_what_is_in_it(ending: str, warehouse: Settings, tmp_path: Path) -> None:
    rows = topups(40)
    plain = csv_text(rows) if ending == "csv.zst" else "".join(f'{{"{_members(row)}"}}\n' for row in rows)
    path_of(tmp_path, "usage.topup", ending=ending).write_bytes(_zstd(plain.encode()))
    summary = land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 40, 40, 0, 0)], str(summary)
    total = sum(Decimal(row["amount"]) for row in rows)
    assert query(warehouse, "select sum(amount) from raw_usage.topup") == [(total,)]


def _members(row: dict[str, str]) -> str:
    return '","'.join(f'{name}":"{value}' for name, value in row.items())


@pytest.mark.parametrize(
    ("file_format", "compress", "name"), [("csv.gz", gzip.compress, "gzip"), ("csv.zst", _zstd, "zstd")]
)
def test_compressed_file__is_refused_wherever_it_is_cut(file_format: str, compress: object, name: str) -> None:
    content = compress(csv_text(topups(60)).encode())  # type: ignore[operator]
    assert dry_land(TOPUP, content, file_format).row_count == 60
    for cut in range(1, len(content)):
        message = _refusal(TOPUP, content[:cut], file_format)
        assert message in (f"its {name} data is truncated", f"its {name} data is damaged"), cut


def test_zstd__of_several_frames_is_read_to_its_end() -> None:
    lines = csv_text(topups(40)).splitlines(keepends=True)
    parts = [_zstd("".join(lines[:20]).encode()), _zstd("".join(lines[20:]).encode())]
    assert dry_land(TOPUP, b"".join(parts), "csv.zst").row_count == 40
    assert _refusal(TOPUP, b"".join(parts) + b"rest", "csv.zst") == "its zstd data is damaged"


def test_zstd__that_inflates_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "FREE_INFLATED_BYTES", 1 << 20)
    bomb = _zstd(csv_text(topups(1)).encode() + csv_text(topups(1)).encode().splitlines(keepends=True)[1] * 500_000)
    assert "it inflates to more than" in _refusal(TOPUP, bomb, "csv.zst")


def test_zstd__under_another_name_is_no_text() -> None:
    assert _refusal(TOPUP, _zstd(csv_text(topups(3)).encode())) == "it is zstd data, not text"


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_unknown_column__is_refused_where_the_contract_says_so(file_format: str) -> None:
    rows = [{**row, "loyalty_card": "x"} for row in topups(3)]
    content = csv_text(rows) if file_format == "csv" else "".join(f'{{"{_members(row)}"}}\n' for row in rows)
    assert dry_land(TOPUP, content.encode(), file_format).warnings == [
        "ignored columns that are not in the contract: loyalty_card"
    ]
    strict = replace(TOPUP, unknown_columns="refuse")
    assert _refusal(strict, content, file_format) == (
        "column loyalty_card is not in the contract: agree on it first, or leave it out"
    )


def test_unknown_member__is_refused_on_a_late_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 400)
    lines = [f'{{"{_members(row)}"}}\n' for row in [*topups(30), {**topup(31), "card": "x"}]]
    strict = replace(TOPUP, unknown_columns="refuse")
    assert "column card is not in the contract" in _refusal(strict, "".join(lines), "jsonl")


@pytest.mark.parametrize("delimiter", [";", "|", "\t", "\x01", "^", "~"])
def test_delimiter__is_the_declared_one(delimiter: str) -> None:
    # A control character may part fields but not lie in one.
    row = topup(2, channel_type=f'a{delimiter if delimiter.isprintable() else ","}b "c"')
    text = csv_text([topup(1)]).replace(",", delimiter)
    text += delimiter.join(f'"{value.replace(chr(34), chr(34) * 2)}"' for value in row.values()) + "\n"
    found = dry_land(replace(TOPUP, delimiter=delimiter), text.encode())
    assert found.rejects == []
    assert [good["channel_type"] for good in found.good] == [topup(1)["channel_type"], row["channel_type"]]


def test_quote_none__makes_a_quote_a_character() -> None:
    text = csv_text([topup(1), topup(2, channel_type="@"), topup(3)]).replace("@", '"6 inch')
    assert "a quoted field runs over the line end" in _refusal(TOPUP, text)
    found = dry_land(replace(TOPUP, quote=None), text.encode())
    assert [row["channel_type"] for row in found.good][1] == '"6 inch'


def test_null_values__stand_for_nothing() -> None:
    text = csv_text([topup(1, channel_type="\\N"), topup(2, channel_type="NULL"), topup(3, amount="\\N")])
    plain = dry_land(TOPUP, text.encode())
    assert [row["channel_type"] for row in plain.good] == ["\\N", "NULL"]
    assert plain.rules == [(4, "amount", "type")]
    found = dry_land(replace(TOPUP, null_values=("\\N", "NULL")), text.encode())
    assert [row["channel_type"] for row in found.good] == [None, None]
    assert found.rules == [(4, "amount", "required")]


TRAILED = replace(TOPUP, trailer=r"TRAILER\|(?P<rows>\d+)(?:\|(?P<amount>[-\d.]+))?")


@pytest.mark.parametrize("ending", ["\n", "", "\r\n"])
def test_trailer__is_compared_and_taken_off(ending: str) -> None:
    text = csv_text(topups(3)).replace("\n", "\r\n" if ending == "\r\n" else "\n")
    total = sum(Decimal(row["amount"]) for row in topups(3))
    found = dry_land(TRAILED, f"{text}TRAILER|3|{total}{ending}".encode())
    assert (len(found.good), found.rejects, found.row_count) == (3, [], 3)


def test_trailer__may_say_that_there_are_no_rows() -> None:
    assert dry_land(TRAILED, (csv_text(topups(1)).splitlines()[0] + "\nTRAILER|0\n").encode()).row_count == 0
    assert dry_land(TRAILED, b"TRAILER|0\n", "jsonl").row_count == 0


@pytest.mark.parametrize(
    ("trailer", "complaint"),
    [
        ("", "its last line is not the trailer that its contract asks for: it may be cut off"),
        ("TRAILER|", "its last line is not the trailer that its contract asks for: it may be cut off"),
        ("TRAILER|30\n", "its trailer says 30 rows, the file has 3"),
        ("TRAILER|3|34.5\n", "its trailer says amount adds up to 34.5, the file to 37.5"),
        ("TRAILER|3|1.2.3\n", "its trailer holds something that is no number"),
        ("TRAILER|3\nTRAILER|3\n", "its trailer says 3 rows, the file has 4"),
    ],
)
def test_trailer__that_does_not_fit_refuses_the_file(trailer: str, complaint: str) -> None:
    assert _refusal(TRAILED, csv_text(topups(3)) + trailer) == complaint


def test_trailer__is_found_in_whichever_block_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (csv_text(topups(30)) + "TRAILER|30").encode()
    for size in (16, 64, 100, 1000):
        monkeypatch.setattr(decoding, "BLOCK_BYTES", size)
        assert dry_land(TRAILED, content).row_count == 30


def test_trailer__that_counts_an_unreadable_amount_does_not_refuse_the_file() -> None:
    text = csv_text([*topups(3), topup(4, amount="1O.50")]) + "TRAILER|4|52.00\n"
    assert dry_land(TRAILED, text.encode()).rules == [(5, "amount", "type")]


ABROAD = replace(TOPUP, time_zone="America/New_York")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-03-08T01:59:59", None),
        ("2026-03-08T02:30:00", "nonexistent_time"),
        ("2026-03-08 03:00:00.25", None),
        ("2026-03-08T02:30:00-05:00", None),
        ("2025-11-02T01:30:00", "ambiguous_time"),
        ("2025-11-02T01:30:00-04:00", None),
        ("2025-11-02T02:00:00", None),
        ("2025-12-31T23:59:60", "leap_second"),
        ("2025-12-31T23:59:60Z", "leap_second"),
        ("2025-12-31T24:00:00", "type"),
        ("2025-02-29T10:00:00", "type"),
        ("2025-12-31", "type"),
    ],
)
@pytest.mark.parametrize("is_mixed", [False, True])
def test_time_zone__is_that_of_instants_without_an_offset(text: str, rule: str | None, is_mixed: bool) -> None:
    rows = [topup(1, topped_up_at="2025-12-01T10:00:00" + ("Z" if is_mixed else "")), topup(2, topped_up_at=text)]
    found = dry_land(ABROAD, csv_text(rows).encode(), day=dt.date(2026, 3, 31))
    assert found.rules == ([] if rule is None else [(3, "topped_up_at", rule)])
    if rule is None:
        expected = dt.datetime.fromisoformat(text)
        expected = expected if expected.tzinfo else expected.replace(tzinfo=NEW_YORK)
        assert found.good[1]["topped_up_at"] == expected


def test_time_zone__unless_declared_an_offset_is_needed() -> None:
    assert _one(TOPUP, topped_up_at="2026-01-10T10:00:00") == [(3, "topped_up_at", "type")]
    assert _one(TOPUP, topped_up_at="2026-01-10T10:00:60+08:00") == [(3, "topped_up_at", "leap_second")]


def test_late_days__refuse_older_rows_alone() -> None:
    late = replace(TOPUP, late_days=3)
    assert _one(late, topped_up_at="2026-01-07T00:00:00+08:00") == []
    assert _one(late, topped_up_at="2026-01-06T23:59:59+08:00") == [(3, "topped_up_at", "too_late")]
    assert _one(replace(TOPUP, late_days=None), topped_up_at="1990-01-06T23:59:59+08:00") == []
    assert TOPUP.late_days == 400
    assert contract_of(ROOT, "crm.customer").late_days is None


@pytest.mark.parametrize(
    ("code", "amount", "rule"),
    [
        ("CNY", "1.05", None),
        ("CNY", "1.0500", None),
        ("CNY", "1.005", "scale"),
        ("JPY", "100", None),
        ("JPY", "100.00", None),
        ("JPY", "100.50", "scale"),
        ("KWD", "1.005", None),
        ("KWD", "1.0005", "scale"),
    ],
)
def test_currency__limits_the_decimals_of_its_amounts(code: str, amount: str, rule: str | None) -> None:
    columns = tuple(replace(column, scale=3) if column.name == "amount" else column for column in TOPUP.columns)
    found = dry_land(replace(TOPUP, columns=columns), csv_text([topup(1, amount=amount, currency_code=code)]).encode())
    assert found.rules == ([] if rule is None else [(2, "amount", rule)])
    if rule is None:
        assert found.good[0]["amount"] == Decimal(amount)
