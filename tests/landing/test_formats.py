"""The same rows in every format and encoding land as the same rows."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenure.landing import land
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import csv_text, deliver, landed, ledger, path_of, query, rejects, topup, topups

ROWS = [*topups(40), topup(50, channel_type=""), topup(51, channel_type='a "b", 中文')]


@pytest.fixture
def expected(warehouse: Settings, tmp_path: Path) -> str:
    """The digest of the rows as plain CSV."""
    deliver(tmp_path / "plain", "usage.topup", ROWS)
    land(warehouse, tmp_path / "plain")
    digest = landed(warehouse, "usage.topup")
    with_nothing = query(warehouse, "select count(*) from raw_usage.topup where channel_type is null")
    assert with_nothing == [(1,)]
    empty_warehouse(warehouse)
    return digest


@pytest.mark.parametrize("ending", ["csv.gz", "parquet", "jsonl", "jsonl.gz"])
def test_format__gives_the_same_rows(ending: str, expected: str, warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", ROWS, ending=ending)
    summary = land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 42, 42, 0, 0)], str(summary)
    assert landed(warehouse, "usage.topup") == expected


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl"])
def test_gb18030__gives_the_same_rows(ending: str, expected: str, warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", ROWS, ending=ending, encoding="gb18030", manifest={"encoding": "GB18030"})
    assert not land(warehouse, tmp_path).is_refused
    assert landed(warehouse, "usage.topup") == expected


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
    ],
    ids=["byte order mark", "CRLF", "CR"],
)
def test_csv_dialect__gives_the_same_rows(
    change: Callable[[str], str], expected: str, warehouse: Settings, tmp_path: Path
) -> None:
    path_of(tmp_path, "usage.topup").write_bytes(change(csv_text(ROWS)).encode())
    assert not land(warehouse, tmp_path).is_refused
    assert landed(warehouse, "usage.topup") == expected


def test_columns__are_matched_by_name(expected: str, warehouse: Settings, tmp_path: Path) -> None:
    columns = list(reversed(topup(1)))
    path_of(tmp_path, "usage.topup").write_text(csv_text(ROWS, columns))
    land(warehouse, tmp_path)
    assert landed(warehouse, "usage.topup") == expected


def test_extra_column__is_ignored_and_named(expected: str, warehouse: Settings, tmp_path: Path) -> None:
    rows = [{"shop": "s1", **row, "note": "x"} for row in ROWS]
    path_of(tmp_path, "usage.topup").write_text(csv_text(rows))
    (item,) = land(warehouse, tmp_path).files
    assert item.message == "ignored columns that are not in the contract: shop, note"
    assert landed(warehouse, "usage.topup") == expected


def test_quoted_fields__everywhere(expected: str, warehouse: Settings, tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]), quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writeheader()
    writer.writerows(ROWS)
    path_of(tmp_path, "usage.topup").write_text(out.getvalue())
    land(warehouse, tmp_path)
    assert landed(warehouse, "usage.topup") == expected


def test_typed_parquet__keeps_types_and_exact_amounts(expected: str, warehouse: Settings, tmp_path: Path) -> None:
    table = pa.table(
        {
            "topup_id": [row["topup_id"] for row in ROWS],
            "msisdn": pa.array([int(row["msisdn"]) for row in ROWS], pa.int64()),
            "topped_up_at": pa.array(
                [dt.datetime.fromisoformat(row["topped_up_at"]) for row in ROWS], pa.timestamp("ms", "Asia/Shanghai")
            ),
            "amount": pa.array([Decimal(row["amount"]) for row in ROWS], pa.decimal128(12, 2)),
            "currency_code": pa.array([row["currency_code"] for row in ROWS]).dictionary_encode(),
            "channel_type": [row["channel_type"] or None for row in ROWS],
        }
    )
    path = path_of(tmp_path, "usage.topup", ending="parquet")
    pq.write_table(table, path)
    summary = land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 42, 42, 0, 0)], str(summary)
    assert landed(warehouse, "usage.topup") == expected


def test_typed_parquet__refuses_values_that_do_not_fit(warehouse: Settings, tmp_path: Path) -> None:
    rows = topups(30)
    amounts = [Decimal(row["amount"]) for row in rows]
    amounts[4] = Decimal("1.005")
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]}).set_column(
        3, "amount", pa.array(amounts, pa.decimal128(12, 3))
    )
    pq.write_table(table, path_of(tmp_path, "usage.topup", ending="parquet"))
    land(warehouse, tmp_path)
    assert rejects(warehouse) == [(5, "amount", "scale")]


def test_instants_without_zone__are_refused_in_parquet_too(warehouse: Settings, tmp_path: Path) -> None:
    rows = topups(10)
    naive = pa.array([dt.datetime(2026, 1, 10, 12)] * 10, pa.timestamp("us"))
    table = pa.table({name: [row[name] for row in rows] for name in rows[0]}).set_column(2, "topped_up_at", naive)
    pq.write_table(table, path_of(tmp_path, "usage.topup", ending="parquet"))
    (item,) = land(warehouse, tmp_path).files
    assert item.status == "refused"
    assert "column topped_up_at: it is no instant" in item.message


def test_json_lines__that_are_broken_are_refused_by_number(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(40), ending="jsonl")
    lines = path.read_text().splitlines(keepends=True)
    lines[3] = "{oops}\n"
    lines[5] = "[1, 2]\n"
    lines[7] = lines[7].replace('"CNY"', '{"code": "CNY"}')
    lines[9] = lines[9].replace('"amount": "', '"amount": 10.5, "amount": "')
    path.write_text("".join(lines))
    land(warehouse, tmp_path)
    assert rejects(warehouse) == [(4, "", "json"), (6, "", "json"), (8, "", "json"), (10, "", "json")]
    assert ledger(warehouse) == [("landed", 1, 40, 36, 4, 0)]


def test_json_numbers__keep_their_text(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", [topup(1)], ending="jsonl")
    text = path.read_text().replace('"11.50"', "12345678901234.10").replace('"T000001"', "900719925474099312345")
    path.write_text(text)
    land(warehouse, tmp_path)
    assert query(warehouse, "select topup_id, amount from raw_usage.topup") == [
        ("900719925474099312345", Decimal("12345678901234.10"))
    ]


def test_large_file__lands_in_several_batches(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenure.landing import decoding, file_landing, snapshot

    monkeypatch.setattr(decoding, "BLOCK_BYTES", 4000)
    monkeypatch.setattr(snapshot, "IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(file_landing, "OVERLAP_BYTES", 1000)
    rows = [*topups(1000), *topups(3), topup(7, amount="3.33"), topup(2000, amount="bad")]
    deliver(tmp_path, "usage.topup", rows, manifest={"rows": 1005})
    land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 1005, 999, 3, 3)]
    assert rejects(warehouse) == [(8, "", "key_conflict"), (1005, "", "key_conflict"), (1006, "amount", "type")]
    lines = query(
        warehouse, "select min(_line_number), max(_line_number), count(distinct _line_number) from raw_usage.topup"
    )
    assert lines == [(2, 1001, 999)]
