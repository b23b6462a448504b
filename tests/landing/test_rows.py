"""Single rows: what is refused and why, what is a duplicate, and that every row and every cent is accounted for."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from tenure.landing import land, reject_report
from tenure.landing.results import LandSummary
from tenure.settings import Settings
from tests.landing.deliveries import csv_text, customer, deliver, ledger, path_of, query, rejects, topup, topups

NUL = chr(0)


def _land_one(warehouse: Settings, folder: Path, bad: dict[str, str], good: int = 20) -> LandSummary:
    deliver(folder, "usage.topup", [*topups(good), topup(900, **bad)])
    return land(warehouse, folder)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("amount", "12a", "type"),
        ("amount", "NaN", "type"),
        ("amount", "inf", "type"),
        ("amount", "1e3", "type"),
        ("amount", "1,234.56", "type"),
        ("amount", " 5.00", "type"),
        ("amount", "1.005", "scale"),
        ("amount", "", "required"),
        ("topped_up_at", "2026-01-10 10:00:00", "type"),
        ("topped_up_at", "2026-02-30T10:00:00+08:00", "type"),
        ("topped_up_at", "infinity", "type"),
        ("topped_up_at", "1970-01-01T00:00:00Z", "min"),
        ("topped_up_at", "2026-01-12T00:00:01+08:00", "in_future"),
        ("currency_code", "yua", "pattern"),
        ("currency_code", "", "required"),
        ("msisdn", "", "required"),
        ("msisdn", "1" * 21, "max_length"),
        ("channel_type", "sh\top", "control_character"),
        ("channel_type", f"sh{NUL}op", "control_character"),
        ("channel_type", "\ufffd\ufffd", "control_character"),
        ("topup_id", "   ", "required"),
    ],
)
def test_row__that_breaks_a_rule_is_refused_alone(
    column: str, value: str, rule: str, warehouse: Settings, tmp_path: Path
) -> None:
    summary = _land_one(warehouse, tmp_path, {column: value})
    assert not summary.is_refused
    assert rejects(warehouse)[0] == (22, column, rule)
    assert ledger(warehouse) == [("landed", 1, 21, 20, 1, 0)]
    assert query(warehouse, "select count(*) from raw_usage.topup where topup_id = 'T000900'") == [(0,)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("amount", "-5.00"),
        ("amount", "0007.5"),
        ("amount", "1.0000"),
        ("topped_up_at", "2026-01-10T10:00:00Z"),
        ("topped_up_at", "2026-01-10 10:00:00.123456+0800"),
        ("topped_up_at", "2026-01-11T23:59:59+08:00"),
        ("channel_type", "\\N"),
        ("channel_type", "NULL"),
        ("channel_type", "'; drop table ops.load; --"),
        ("channel_type", '"a", b'),
        ("topup_id", "00012345678901234567890"),
    ],
)
def test_row__with_a_legal_value_lands(column: str, value: str, warehouse: Settings, tmp_path: Path) -> None:
    _land_one(warehouse, tmp_path, {column: value})
    assert rejects(warehouse) == []
    assert ledger(warehouse) == [("landed", 1, 21, 21, 0, 0)]


def test_text__lands_byte_for_byte(warehouse: Settings, tmp_path: Path) -> None:
    values = ["\\.", "\\N", "NULL", "00012", '"q"', "a,b", " x ", "9007199254740993"]
    deliver(tmp_path, "usage.topup", [topup(n, topup_id=f"id{n}", channel_type=v) for n, v in enumerate(values)])
    land(warehouse, tmp_path)
    assert [v for (v,) in query(warehouse, "select channel_type from raw_usage.topup order by topup_id")] == values


def test_ragged_lines__are_refused_by_number(warehouse: Settings, tmp_path: Path) -> None:
    lines = csv_text(topups(60)).splitlines(keepends=True)
    lines[10] = lines[10].replace("\n", ",more\n")
    lines[20] = "T000020,13900000020\n"
    lines[30] = "\n"
    path_of(tmp_path, "usage.topup").write_text("".join(lines))
    assert not land(warehouse, tmp_path).is_refused
    assert {(line, rule) for line, _, rule in rejects(warehouse)} >= {(11, "field_count"), (21, "field_count")}
    assert {line for line, _, _ in rejects(warehouse)} == {11, 21, 31}
    assert ledger(warehouse) == [("landed", 1, 60, 57, 3, 0)]


def test_rejects__tell_what_to_do_and_show_no_value(warehouse: Settings, tmp_path: Path) -> None:
    _land_one(warehouse, tmp_path, {"amount": "13800138000x"})
    (row,) = reject_report(warehouse)
    assert (row["entity_name"], row["file_name"], row["line_number"]) == ("usage.topup", "topup_20260110.csv", 22)
    assert (row["column_name"], row["rule_name"], row["masked_text"]) == ("amount", "type", "99999999999x")
    assert row["message"].startswith("it is no plain decimal number")


def test_duplicates__in_a_file_are_kept_once(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", [*topups(20), *topups(5), *topups(2)])
    land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 27, 20, 0, 7)]


def test_duplicates__across_files_are_kept_once(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(20))
    deliver(tmp_path, "usage.topup", topups(20, first=11), day="20260111")
    land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 20, 20, 0, 0), ("landed", 1, 20, 10, 0, 10)]
    assert query(warehouse, "select count(*), count(distinct topup_id) from raw_usage.topup") == [(30, 30)]


def test_key__with_other_content_is_a_conflict_of_both(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", [*topups(20), topup(3, amount="999.00")])
    deliver(tmp_path, "usage.topup", [*topups(20, first=21), topup(4, amount="999.00"), topup(5)], day="20260111")
    land(warehouse, tmp_path)
    assert rejects(warehouse) == [(line, "", "key_conflict") for line in (4, 5, 22, 22)]
    assert ledger(warehouse) == [("landed", 1, 21, 18, 3, 0), ("landed", 1, 22, 20, 1, 1)]
    assert query(warehouse, "select count(*) from raw_usage.topup where topup_id in ('T000003', 'T000004')") == [(0,)]
    assert query(warehouse, "select count(*) from raw_usage.topup where amount = 999") == [(0,)]


def test_balance__accounts_for_every_row_and_every_cent(warehouse: Settings, tmp_path: Path) -> None:
    first, second = topups(40), [*topups(40, first=31), topup(31, amount="1.00"), topup(98, currency_code="")]
    deliver(tmp_path, "usage.topup", first)
    stated = sum(Decimal(row["amount"]) for row in second)
    deliver(
        tmp_path, "usage.topup", [*second, topup(99, amount="x")], day="20260111",
        manifest={"rows": 43, "control_totals": {"amount": str(stated + 7)}},
    )  # fmt: skip
    assert not land(warehouse, tmp_path).is_refused
    loads = query(
        warehouse,
        "select load_id, row_count, landed_count, rejected_count, duplicate_count, control_totals from ops.load",
    )
    for load_id, rows, landed, rejected, duplicate, totals in loads:
        amount = {kind: Decimal(value) for kind, value in totals["amount"].items()}
        assert rows == landed + rejected + duplicate
        assert amount["file"] == amount["landed"] + amount["rejected"] + amount["duplicate"]
        # The ledger's word against the table itself.
        assert query(warehouse, "select count(*), sum(amount) from raw_usage.topup where _load_id = %s", load_id) == [
            (landed, amount["landed"])
        ]
    totals = loads[1][5]["amount"]
    assert Decimal(totals["file"]) == stated + 7
    # Two contents of one key in one file; and the manifest knows what the amount that cannot be read was.
    refused = Decimal("1.00") + Decimal(topup(31)["amount"]) + Decimal(topup(98)["amount"])
    assert Decimal(totals["rejected"]) == refused + 7
    assert Decimal(totals["duplicate"]) == sum(Decimal(row["amount"]) for row in topups(9, first=32))


def test_personal_values__are_nowhere_in_clear(warehouse: Settings, tmp_path: Path) -> None:
    people = [customer(n) for n in range(30)]
    # Shifted rows put a phone number where a birth year belongs.
    people += [customer(31, birth_year="13800139999"), customer(32, gender="王小明32")]
    deliver(tmp_path, "crm.customer", people)
    summary = land(warehouse, tmp_path)
    assert summary.rejected_rows == 2
    shown = [str(summary), repr(summary.files), repr(reject_report(warehouse))]
    tables = query(warehouse, "select schemaname || '.' || tablename from pg_tables where schemaname ~ '^(raw_|ops)'")
    shown += [repr(query(warehouse, f"select * from {table}")) for (table,) in tables]
    shown += [path.read_bytes().decode("latin-1") for path in warehouse.archive_dir.rglob("*.enc")]
    for row in people:
        for column in ("customer_name", "id_number", "contact_msisdn"):
            assert not any(row[column] in text for text in shown), column
    key = hashlib.sha256(warehouse.secret("token_key").encode()).digest()
    mac = CMAC(algorithms.AES(key))
    mac.update(people[0]["id_number"].encode())
    expected = mac.finalize().hex()
    assert query(warehouse, "select id_number_token from raw_crm.customer where customer_id = 'C000000'") == [
        (expected,)
    ]


def test_database_log__has_no_value_of_a_refused_row(warehouse: Settings, tmp_path: Path) -> None:
    from tenure.database import EmbeddedPostgres

    deliver(tmp_path, "usage.topup", topups(10))
    deliver(tmp_path, "usage.topup", [*topups(10, first=5), topup(1, amount="77.77")], day="20260111")
    land(warehouse, tmp_path)
    log = EmbeddedPostgres(warehouse).log_path.read_text()
    assert "T00000" not in log
