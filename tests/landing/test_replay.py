"""Refused rows land when their rule is mended or their day has come; references settle; files of another day."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tenure import contracts as contracts_module
from tenure.contracts import load_contracts
from tenure.landing import land, load_status, replay_rejects
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import customer, deliver, ledger, query, rejects, topup, topups


def _with_channel_length(settings: Settings, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    """The contract of top-ups with another limit for the channel, as if somebody had edited its YAML."""
    known = dict(contracts_module._load(settings.root))
    contract = known["usage.topup"]
    columns = tuple(
        replace(column, max_length=length) if column.name == "channel_type" else column for column in contract.columns
    )
    known["usage.topup"] = replace(contract, columns=columns)
    monkeypatch.setattr(contracts_module, "_load", lambda root: known)


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet"])
def test_mended_rule__lands_what_it_refused(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    long = "a channel with a long name"
    rows = [*topups(30), topup(31, channel_type=long), topup(32, amount="x" if ending != "parquet" else "7.777")]
    rows += [topup(33, channel_type=long), topup(5, channel_type="")]
    _with_channel_length(warehouse, monkeypatch, 10)
    deliver(tmp_path, "usage.topup", rows, ending=ending)
    deliver(tmp_path, "usage.topup", [topup(40), topup(33, channel_type=long)], day="20260111", ending=ending)
    land(warehouse, tmp_path)
    assert ledger(warehouse)[0] == ("landed", 1, 34, 29, 5, 0)
    _with_channel_length(warehouse, monkeypatch, 60)
    assert str(replay_rejects(warehouse)).splitlines() == [
        "4 refused rows checked again: 2 landed, 1 duplicates, 1 refused as before"
    ]
    assert ledger(warehouse) == [("landed", 1, 34, 31, 3, 0), ("landed", 1, 2, 1, 0, 1)]
    assert {rule for _, _, rule in rejects(warehouse)} == {"key_conflict", "type" if ending != "parquet" else "scale"}
    for load_id, landed, totals in query(warehouse, "select load_id, landed_count, control_totals from ops.load"):
        amounts = {kind: Decimal(value) for kind, value in totals["amount"].items()}
        assert amounts["file"] == amounts["landed"] + amounts["rejected"] + amounts["duplicate"]
        found = query(
            warehouse, "select count(*), coalesce(sum(amount), 0) from raw_usage.topup where _load_id = %s", load_id
        )
        assert found == [(landed, amounts["landed"])]
    assert replay_rejects(warehouse).landed == 0


def test_row_before_its_time__lands_when_its_day_has_come(warehouse: Settings, tmp_path: Path) -> None:
    early = [
        topup(90, topped_up_at="2026-01-12T09:00:00+08:00"),
        topup(91, topped_up_at="2098-01-01T00:00:00+08:00"),
    ]
    files = {"20260110": [*topups(30), *early], "20260111": topups(5, first=40), "20260112": topups(5, first=50)}
    for order in (sorted(files), sorted(files, reverse=True)):
        empty_warehouse(warehouse)
        folder = tmp_path / order[0]
        for day in order:
            deliver(folder, "usage.topup", files[day], day=day)
            land(warehouse, folder)
            if (order[0], day) == ("20260110", "20260110"):
                assert [rule for _, _, rule in rejects(warehouse)] == ["in_future", "in_future"]
        assert query(warehouse, "select count(*) from raw_usage.topup where topup_id = 'T000090'") == [(1,)]
        assert rejects(warehouse) == [(33, "topped_up_at", "in_future")]
        days = query(
            warehouse,
            "select record_date, day.row_count from ops.load_day as day join ops.load using (load_id)"
            " where file_name like '%%0110%%' order by 1",
        )
        assert days == [(dt.date(2026, 1, 10), 30), (dt.date(2026, 1, 12), 1)]


def test_unknown_numbers__wait_until_their_subscriptions_come(warehouse: Settings, tmp_path: Path) -> None:
    people = [customer(number) for number in range(3)]
    accounts = [
        {
            "account_id": f"A{number}",
            "effective_at": "2025-06-01T08:00:00+08:00",
            "customer_id": f"C{number:06d}",
            "currency_code": "CNY",
        }
        for number in (0, 1, 7)
    ]
    deliver(tmp_path, "crm.account", accounts, ending="jsonl")
    land(warehouse, tmp_path)
    unknown = (
        "select reference_value, row_count, resolved_at is null from ops.unknown_reference"
        " where column_name = 'customer_id' order by 1"
    )
    assert query(warehouse, unknown) == [(f"C{number:06d}", 1, True) for number in (0, 1, 7)]
    (waiting,) = load_status(warehouse)["suspense"]
    assert (waiting["entity_name"], waiting["reason"], waiting["row_count"], waiting["value_count"]) == (
        "crm.account", "unknown crm.customer.customer_id", 3, 3,
    )  # fmt: skip
    deliver(tmp_path, "crm.customer", people)
    land(warehouse, tmp_path)
    assert query(warehouse, unknown) == [("C000000", 1, False), ("C000001", 1, False), ("C000007", 1, True)]
    # The other way round nobody waits but 7, and the rows are the same.
    empty_warehouse(warehouse)
    land(warehouse, tmp_path)
    assert query(
        warehouse,
        "select reference_value from ops.unknown_reference where resolved_at is null and column_name = 'customer_id'",
    ) == [("C000007",)]
    assert query(warehouse, "select count(*) from raw_crm.account") == [(3,)]


def test_file_of_another_day__is_refused(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(160), day="20260111")
    (result,) = land(warehouse, tmp_path).files
    assert result.message == (
        "160 of its 160 good rows are of 2026-01-10, not of 2026-01-11: is it the file of another day?"
    )
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]
    # Half of it late is a bad day, not a wrong one; and a manifest may say what the file covers.
    late = [topup(number, topped_up_at="2026-01-11T10:00:00+08:00") for number in range(200, 400)]
    deliver(tmp_path, "usage.topup", [*topups(150), *late], day="20260111")
    assert not land(warehouse, tmp_path).is_refused
    assert query(warehouse, "select record_date, row_count, is_late from ops.load_day order by 1") == [
        (dt.date(2026, 1, 10), 150, True), (dt.date(2026, 1, 11), 200, False),
    ]  # fmt: skip
    manifest = {"period_from": "2026-01-10", "period_to": "2026-01-12"}
    deliver(tmp_path, "usage.topup", topups(160, first=500), day="20260112", manifest=manifest)
    assert not land(warehouse, tmp_path).is_refused


def test_contracts__refer_to_entities_that_exist(settings: Settings) -> None:
    known = load_contracts(settings.root)
    referring = [name for name, contract in known.items() if contract.references]
    assert {"crm.account", "usage.usage_event", "billing.invoice_line"} <= set(referring)
