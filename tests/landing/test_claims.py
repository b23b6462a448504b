"""Who stands for a key depends on the files alone, not on their order; corrections free keys that others wait for."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tenure.landing import keys, land
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import customer, deliver, ledger, query, rejects, topup, topups


def _amounts(settings: Settings) -> dict[str, Decimal]:
    return dict(query(settings, "select topup_id, amount from raw_usage.topup"))


def _balances(settings: Settings) -> list[tuple[Any, ...]]:
    """The balance of each landed file, and the same counted in the tables themselves."""
    found = query(
        settings,
        """
        select load.file_name, row_count, landed_count, rejected_count, duplicate_count,
            (control_totals -> 'amount' ->> 'file')::numeric, (control_totals -> 'amount' ->> 'landed')::numeric,
            (control_totals -> 'amount' ->> 'rejected')::numeric,
            (control_totals -> 'amount' ->> 'duplicate')::numeric,
            (select count(*) from raw_usage.topup where _load_id = load_id),
            (select coalesce(sum(amount), 0) from raw_usage.topup where _load_id = load_id),
            (select count(distinct line_number) from ops.reject where reject.load_id = load.load_id),
            (select count(*) from ops.held_row where held_row.load_id = load.load_id and reason <> 'conflict')
        from ops.load where status = 'landed' order by file_name
        """,
    )
    for name, rows, landed, rejected, duplicate, file, *sums in found:
        assert rows == landed + rejected + duplicate, name
        assert file == sum(sums[:3], Decimal(0)), name
        assert (landed, sums[0]) == (sums[3], sums[4]), name
        assert (rejected, duplicate) == (sums[5], sums[6]), name
    return [row[:9] for row in found]


def test_rows_of_several_files__stand_alike_in_every_order(warehouse: Settings, tmp_path: Path) -> None:
    files = {
        "20260110": [*topups(5), topup(20)],
        "20260111": [topup(1), topup(2, amount="7.00"), topup(3), topup(3, amount="8.00"), topup(21), topup(21)],
        "20260112": [topup(1), topup(3), topup(4, amount="9.00"), topup(22)],
    }
    seen = set()
    for order in itertools.permutations(files):
        empty_warehouse(warehouse)
        folder = tmp_path / "-".join(order)
        for day in order:
            deliver(folder, "usage.topup", files[day], day=day)
            land(warehouse, folder)
        places = query(
            warehouse,
            "select topup_id, amount::text, file_name, _line_number from raw_usage.topup"
            " join ops.load on load_id = _load_id order by 1",
        )
        refused = query(warehouse, "select file_name, line_number, rule_name from ops.reject order by 1, 2")
        seen.add(repr((places, _balances(warehouse), refused)))
    assert len(seen) == 1
    # 2 and 4 are told two ways by two files; 3 by one file, so that the other two have the word.
    assert sorted(_amounts(warehouse)) == ["T000001", "T000003", "T000005", "T000020", "T000021", "T000022"]
    assert _amounts(warehouse)["T000003"] == Decimal(topup(3)["amount"])


def test_correction__frees_the_rows_that_waited(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(10))
    deliver(tmp_path, "usage.topup", [*topups(5), topup(8, amount="1.00"), topup(30)], day="20260111")
    land(warehouse, tmp_path)
    assert ledger(warehouse) == [("landed", 1, 10, 9, 1, 0), ("landed", 1, 7, 1, 1, 5)]
    # The first file no longer says anything about 1 to 3 and 8.
    deliver(tmp_path, "usage.topup", [topup(number) for number in (4, 5, 6, 7, 9, 10)])
    land(warehouse, tmp_path)
    assert set(_amounts(warehouse)) == {f"T{number:06d}" for number in (*range(1, 11), 30)}
    assert _amounts(warehouse)["T000008"] == 1
    assert ledger(warehouse)[1:] == [("landed", 1, 7, 5, 0, 2), ("landed", 2, 6, 6, 0, 0)]
    assert rejects(warehouse) == [(9, "", "key_conflict")]  # of the replaced version
    _balances(warehouse)


def test_restated_customer__is_what_the_latest_file_says(warehouse: Settings, tmp_path: Path) -> None:
    for order in (("10", "11", "12"), ("12", "11", "10"), ("11", "10", "12")):
        empty_warehouse(warehouse)
        folder = tmp_path / "".join(order)
        for day in order:
            region = {"10": "north", "11": "south", "12": "west"}[day]
            rows = [customer(1, region_id=region), customer(int(day))]
            deliver(folder, "crm.customer", rows, day=f"202601{day}")
            land(warehouse, folder)
        found = query(warehouse, "select region_id from raw_crm.customer where customer_id = 'C000001'")
        assert found == [("west",)], order
        counts = query(warehouse, "select business_date, landed_count, duplicate_count from ops.load order by 1")
        assert [row[1:] for row in counts] == [(1, 1), (1, 1), (2, 0)]
    # Withdrawn, it is again what the file before said.
    deliver(folder, "crm.customer", [customer(12)], day="20260112")
    land(warehouse, folder)
    assert query(warehouse, "select region_id from raw_crm.customer where customer_id = 'C000001'") == [("south",)]


def test_keys_of_a_large_file__wait_on_disk_and_are_found(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "KEYS_IN_MEMORY", 50)
    from tenure.landing import decoding

    monkeypatch.setattr(decoding, "BLOCK_BYTES", 2000)
    deliver(tmp_path, "usage.topup", [*topups(500), *topups(5), topup(9, amount="3.00")])
    covered = {"period_from": "2026-01-10", "period_to": "2026-01-11"}
    deliver(tmp_path, "usage.topup", topups(300, first=400), day="20260111", manifest=covered)
    land(warehouse, tmp_path)
    assert query(warehouse, "select count(*), count(distinct topup_id) from raw_usage.topup") == [(698, 698)]
    assert ledger(warehouse) == [("landed", 1, 506, 499, 2, 5), ("landed", 1, 300, 199, 0, 101)]
    assert query(warehouse, "select count(*) > 2, sum(length(hashes)) / 8 from ops.key_chunk") == [(True, 806)]
    assert not list(warehouse.spool_dir.iterdir())
    _balances(warehouse)


def test_hashes_of_another_library__are_made_anew(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(20))
    deliver(tmp_path, "usage.topup", [*topups(5), *topups(5, first=21)], day="20260111")
    land(warehouse, tmp_path)
    query_ = "update ops.{} returning 1"
    assert query(warehouse, query_.format("key_chunk set hash_name = 'other', hashes = lines"))
    assert query(warehouse, query_.format("held_row set key_hashes = '{1}'"))
    deliver(tmp_path, "usage.topup", [topup(3), topup(30)], day="20260112")
    land(warehouse, tmp_path)
    assert ledger(warehouse)[-1] == ("landed", 1, 2, 1, 0, 1)
    # The first file lets go of 1 to 5: the second has them.
    deliver(tmp_path, "usage.topup", topups(15, first=6))
    land(warehouse, tmp_path)
    assert len(_amounts(warehouse)) == 26
    _balances(warehouse)
