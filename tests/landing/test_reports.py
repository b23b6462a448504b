"""What the ledger tells people."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from tenure.landing import land, load_status
from tenure.landing.reports import missing_days
from tenure.settings import Settings
from tests.landing.deliveries import deliver, path_of, topup, topups


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
