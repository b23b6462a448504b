"""What the ledger tells people."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tenure import status as status_page
from tenure.landing import balance_of, balance_sheet, land, load_status
from tenure.landing.reports import missing_days, missing_numbers
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, path_of, query, topup, topups

WIDTH = 100


def test_missing_days__are_the_holes_between_periods() -> None:
    def day(number: int) -> dt.date:
        return dt.date(2026, 1, number)

    assert missing_days([]) == []
    assert missing_days([(day(5), day(9)), (day(1), day(4))]) == []
    assert missing_days([(day(1), day(10)), (day(2), day(3)), (day(12), day(12)), (day(20), day(31))]) == [
        (day(11), day(11)),
        (day(13), day(19)),
    ]


def test_status__shows_balance_freshness_gaps_and_refusals(warehouse: Settings, tmp_path: Path) -> None:
    deliver(
        tmp_path, "usage.topup", [*topups(20), topup(1), topup(99, amount="x")], day="20260110",
        manifest={"period_from": "2025-12-01", "period_to": "2026-01-10"},
    )  # fmt: skip
    deliver(tmp_path, "usage.topup", topups(5, first=30), day="20260113")
    path_of(tmp_path, "usage.topup", "20260112").write_bytes(b"")
    land(warehouse, tmp_path)
    status = load_status(warehouse)
    assert status["totals"] == {
        "file_count": 2, "row_count": 27, "landed_count": 25, "rejected_count": 1, "duplicate_count": 1,
    }  # fmt: skip
    (fresh,) = status["freshness"]
    assert (fresh["entity_name"], fresh["file_count"], fresh["row_count"]) == ("topup", 2, 25)
    assert (fresh["period_from"], fresh["period_to"]) == (dt.date(2025, 12, 1), dt.date(2026, 1, 13))
    (gap,) = status["gaps"]
    assert (gap["missing_from"], gap["missing_to"]) == (dt.date(2026, 1, 11), dt.date(2026, 1, 12))
    (refused,) = status["refused_files"]
    assert (refused["file_name"], refused["message"]) == ("topup_20260112.csv", "it is empty")
    (reason,) = status["rejects"]
    assert (reason["column_name"], reason["rule_name"], reason["reject_count"]) == ("amount", "type", 1)
    assert [row["status"] for row in status["last_loads"]] == ["landed", "refused", "landed"]
    json.dumps(status, default=str)

    deliver(tmp_path, "usage.topup", topups(2, first=60), day="20260112")
    land(warehouse, tmp_path)
    status = load_status(warehouse)
    assert status["refused_files"] == []
    assert status["gaps"][0]["missing_to"] == dt.date(2026, 1, 11)


def test_missing_numbers__are_the_holes_of_a_day() -> None:
    first, second = dt.date(2026, 1, 1), dt.date(2026, 1, 2)
    assert missing_numbers({first: {1, 2, 4}}) == {first: [(3, 3)]}
    assert missing_numbers({first: {1, 2, 3}, second: {1}}) == {}
    # Who counts from 1 every day has lost the first file of the second day; who goes on counting has lost nothing.
    assert missing_numbers({first: {1, 2}, second: {3, 7}}) == {second: [(1, 2), (4, 6)]}
    assert missing_numbers({first: {24, 25}, second: {26, 27}}) == {}
    assert missing_numbers({first: {0, 1, 3}}) == {first: [(2, 2)]}


def test_sequence_gaps__are_seen_until_the_file_arrives(warehouse: Settings, tmp_path: Path) -> None:
    for number in (1, 2, 4):
        deliver(tmp_path, "usage.topup", topups(3, first=number * 10), day=f"20260110_{number}")
    path_of(tmp_path, "usage.topup", "20260110_6").write_bytes(b"")
    land(warehouse, tmp_path)
    gap = {"entity_name": "usage.topup", "business_date": dt.date(2026, 1, 10)}
    # The sixth arrived and was refused: that is told elsewhere.
    assert load_status(warehouse)["sequence_gaps"] == [
        gap | {"missing_from": 3, "missing_to": 3},
        gap | {"missing_from": 5, "missing_to": 5},
    ]
    deliver(tmp_path, "usage.topup", topups(3, first=30), day="20260110_3")
    deliver(tmp_path, "usage.topup", topups(3, first=50), day="20260110_5")
    land(warehouse, tmp_path)
    assert load_status(warehouse)["sequence_gaps"] == []


@pytest.fixture
def two_days(warehouse: Settings, tmp_path: Path) -> Settings:
    """Two days of top-ups, the first in two files with a bad row and a repeated one, and a refused third."""
    deliver(tmp_path, "usage.topup", [*topups(20), topup(1)], day="20260110_1", manifest={"rows": 21})
    deliver(tmp_path, "usage.topup", [*topups(4, first=40), topup(99, channel_type="x" * 99)], day="20260110_2")
    deliver(tmp_path, "usage.topup", topups(5, first=30), day="20260113")
    path_of(tmp_path, "usage.topup", "20260114").write_bytes(b"")
    land(warehouse, tmp_path)
    return warehouse


def test_balance__accounts_for_rows_and_control_totals_of_every_source_and_day(two_days: Settings) -> None:
    days = load_status(two_days)["balance"]
    assert [(day["source_name"], day["business_date"]) for day in days] == [
        ("usage", dt.date(2026, 1, 13)), ("usage", dt.date(2026, 1, 10)),
    ]  # fmt: skip
    first = days[1]
    assert (first["file_count"], first["row_count"]) == (2, 26)
    assert (first["landed_count"], first["rejected_count"], first["duplicate_count"]) == (24, 1, 1)
    landed = sum(Decimal(topup(number)["amount"]) for number in (*range(1, 21), *range(40, 44)))
    total = first["control_totals"]["topup.amount"]
    assert {name: Decimal(text) for name, text in total.items()} == {
        "file": landed + Decimal(topup(1)["amount"]) + Decimal(topup(99)["amount"]),
        "landed": landed,
        "rejected": Decimal(topup(99)["amount"]),
        "duplicate": Decimal(topup(1)["amount"]),
    }
    assert all(day["is_balanced"] for day in days)
    (table_sum,) = query(two_days, "select sum(amount) from raw_usage.topup")
    assert table_sum == (sum(Decimal(day["control_totals"]["topup.amount"]["landed"]) for day in days),)
    assert balance_of(two_days, "usage", dt.date(2026, 1, 10)) == [first]
    assert balance_of(two_days, "usage", dt.date(2026, 1, 12)) == []


def test_balance_that_does_not_add_up__is_marked(two_days: Settings) -> None:
    day: dict[str, Any] = load_status(two_days)["balance"][1]
    lines = balance_sheet.text_of(balance_sheet.of_ledger([day]))
    assert not any(line.startswith("!") for line in lines)
    day["control_totals"]["topup.amount"]["landed"] = "1"
    day["landed_count"] -= 1
    heading, rows, amount = balance_sheet.text_of(balance_sheet.of_ledger([day]))
    assert (heading[0], rows[0], amount[0]) == (" ", "!", "!")
    assert rows.split() == ["!usage", "2026-01-10", "26", "23", "1", "1"]


def test_freshness__says_who_is_behind(two_days: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    deliver(folder, "crm.customer", [customer(1)], day="20260115")
    land(two_days, folder)
    behind = {row["entity_name"]: row["days_behind"] for row in load_status(two_days)["freshness"]}
    assert behind == {"customer": 0, "topup": 2}


def test_page__fits_a_hundred_columns_and_names_what_is_wrong(two_days: Settings) -> None:
    page = io.StringIO()
    status_page.render(status_page.gather(two_days), Console(file=page, width=WIDTH, highlight=False))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= WIDTH
    text = page.getvalue()
    assert "3 files: 31 rows = 29 landed + 1 refused + 1 duplicate" in text
    assert "all add up" in text and "DO NOT" not in text
    assert "topup_20260114.csv" in text and "it is empty" in text
    (gap,) = [line for line in lines if "2026-01-11" in line]
    assert gap.split() == ["usage.topup", "2026-01-11", "2026-01-12", "daily"]
    (reason,) = [line for line in lines if "channel_type" in line]
    assert reason.split()[:4] == ["usage.topup", "channel_type", "max_length", "1"]
    assert "none: gaps in sequences" in text


def test_command__gives_the_same_in_json(two_days: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tenure", "status", "--json"], capture_output=True, text=True, check=True,
        cwd=two_days.root, env=os.environ | {"TENURE_HOME": str(two_days.home), "TENURE_ENV_FILE": os.devnull},
    )  # fmt: skip
    landing = json.loads(done.stdout)["landing"]
    assert list(landing) == [
        "totals", "freshness", "balance", "gaps", "sequence_gaps", "late", "refused_files", "rejects", "suspense",
        "last_loads",
    ]  # fmt: skip
    assert landing == json.loads(json.dumps(load_status(two_days), default=str))
    assert landing["balance"][0]["control_totals"]["topup.amount"]["rejected"] == "0"


def test_rejects__of_one_file_as_csv(two_days: Settings) -> None:
    def asked(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tenure", "rejects", *words], capture_output=True, text=True, check=False,
            cwd=two_days.root, env=os.environ | {"TENURE_HOME": str(two_days.home), "TENURE_ENV_FILE": os.devnull},
        )  # fmt: skip

    (row,) = csv.DictReader(io.StringIO(asked("--file", "topup_20260110_2.csv", "--csv").stdout))
    assert (row["entity_name"], row["line_number"], row["column_name"]) == ("usage.topup", "6", "channel_type")
    assert asked("--file", "topup_20260110_1.csv", "--csv").stdout == ""
    unknown = asked("--file", "topup_20300101.csv", "--csv")
    assert unknown.returncode == 1 and unknown.stderr.startswith("tenure: no file of this name")


def test_late_rows_and_suspense__are_counted(warehouse: Settings, tmp_path: Path) -> None:
    late = [topup(number, topped_up_at="2026-01-02T10:00:00+08:00") for number in (70, 71)]
    deliver(tmp_path, "usage.topup", topups(5))
    deliver(tmp_path, "usage.topup", [*late, topup(1, amount="77.00"), *topups(3, first=80)], day="20260111")
    land(warehouse, tmp_path)
    status = load_status(warehouse)
    (row,) = status["late"]
    assert (row["entity_name"], row["first_date"]) == ("usage.topup", dt.date(2026, 1, 2))
    # With the row that waits: its day has to be refreshed when it is decided on.
    assert row["row_count"] == 6
    conflicts = [
        (held["entity_name"], held["row_count"]) for held in status["suspense"] if held["reason"] == "conflict"
    ]
    assert conflicts == [("usage.topup", 2)]
