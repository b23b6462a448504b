"""The same file again, the same name with other bytes, the same content under another name, and the archive."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
from pathlib import Path

import pytest

from tenure.errors import TenureError
from tenure.landing import land
from tenure.landing.archive import Archive
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import csv_text, deliver, everything, landed, ledger, path_of, query, topup, topups


def test_second_landing__changes_nothing(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    before = query(warehouse, "select * from raw_usage.topup order by topup_id"), query(warehouse, "table ops.load")
    summary = land(warehouse, tmp_path)
    assert (summary.landed, summary.unchanged, summary.is_refused) == (0, 1, False)
    after = query(warehouse, "select * from raw_usage.topup order by topup_id"), query(warehouse, "table ops.load")
    assert after == before


def test_redelivery__of_the_same_bytes_is_noted_and_changes_no_row(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    before = query(warehouse, "select * from raw_usage.topup order by topup_id")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    (item,) = land(warehouse, tmp_path).files
    assert (item.status, item.version) == ("duplicate_delivery", 1)
    assert query(warehouse, "select * from raw_usage.topup order by topup_id") == before
    assert [row[0] for row in ledger(warehouse)] == ["landed", "duplicate_delivery"]
    assert land(warehouse, tmp_path).unchanged == 1, "and it is noted once"


def test_copy__under_another_name_is_noted_and_changes_no_row(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    shutil.copy(path, path_of(tmp_path, "usage.topup", "20260112"))
    (item,) = [item for item in land(warehouse, tmp_path).files if item.status != "unchanged"]
    assert (item.status, item.message) == (
        "duplicate_delivery", "its content has landed as topup_20260110.csv: nothing done",
    )  # fmt: skip
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(20,)]
    assert land(warehouse, tmp_path).unchanged == 2


def test_correction__replaces_the_rows_and_keeps_the_old_version(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20))
    deliver(tmp_path, "usage.topup", topups(5, first=50), day="20260111")
    land(warehouse, tmp_path)
    first = path.read_bytes()
    deliver(tmp_path, "usage.topup", [*topups(18), topup(19, amount="1.23"), topup(60)])
    summary = land(warehouse, tmp_path)
    (item,) = [item for item in summary.files if item.status == "landed"]
    assert (item.version, item.message) == (2, "correction: version 2")
    assert query(warehouse, "select amount::text from raw_usage.topup where topup_id in ('T000019', 'T000020')") == [
        ("1.23",)
    ]
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(25,)]
    assert [row[:2] for row in ledger(warehouse)] == [("superseded", 1), ("landed", 1), ("landed", 2)]
    (stored,) = query(warehouse, "select archive_path from ops.load where status = 'superseded'")[0]
    assert b"".join(Archive(warehouse).read(stored)) == first
    # As if the corrected files had been the only ones.
    corrected = landed(warehouse, "usage.topup")
    empty_warehouse(warehouse)
    land(warehouse, tmp_path)
    assert landed(warehouse, "usage.topup") == corrected


def test_version__that_was_replaced_does_not_come_back(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    first = path.read_bytes()
    deliver(tmp_path, "usage.topup", topups(21))
    land(warehouse, tmp_path)
    path.write_bytes(first)
    (item,) = land(warehouse, tmp_path).files
    assert item.status == "duplicate_delivery"
    assert item.message == "this is version 1, which a correction has replaced: nothing done"
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(21,)]


def test_correction__that_is_refused_leaves_the_old_rows(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    before = everything(warehouse)
    deliver(tmp_path, "usage.topup", [topup(n, amount="?") for n in range(20)])
    assert land(warehouse, tmp_path).is_refused
    assert everything(warehouse) == before
    assert [row[:2] for row in ledger(warehouse)] == [("landed", 1), ("refused", 2)]


def test_days_without_rows__are_landed_each(warehouse: Settings, tmp_path: Path) -> None:
    for day in ("20260110", "20260111", "20260112"):
        path_of(tmp_path, "usage.topup", day).write_text(csv_text([], topup(1)))
    assert land(warehouse, tmp_path).landed == 3
    assert query(warehouse, "select count(*), max(period_to) from ops.load where status = 'landed'") == [
        (3, dt.date(2026, 1, 12))
    ]


def test_up_to_date__leaves_later_files(warehouse: Settings, tmp_path: Path) -> None:
    for number, day in enumerate(["20260110", "20260111", "20260112"]):
        deliver(tmp_path, "usage.topup", topups(5, first=10 * number), day=day)
    assert land(warehouse, tmp_path, up_to_date=dt.date(2026, 1, 11)).landed == 2
    assert land(warehouse, tmp_path, source="crm").files == []
    assert land(warehouse, tmp_path, source="usage").landed == 1


def test_order_of_deliveries__does_not_matter(warehouse: Settings, tmp_path: Path) -> None:
    days = {f"202601{day:02d}": topups(10, first=10 * day) for day in range(10, 15)}
    digests = set()
    for order in (sorted(days), sorted(days, reverse=True), ["20260112", "20260110", "20260114"]):
        empty_warehouse(warehouse)
        folder = tmp_path / "-".join(order)
        for day in dict.fromkeys([*order, *days]):
            deliver(folder, "usage.topup", days[day], day=day)
            land(warehouse, folder)
        digests.add(landed(warehouse, "usage.topup"))
    assert len(digests) == 1


def test_two_landings_at_once__land_every_row_once(warehouse: Settings, tmp_path: Path) -> None:
    for day in range(10, 20):
        deliver(tmp_path, "usage.topup", topups(20, first=100 * day), day=f"202601{day}")
    landed_files: list[int] = []
    threads = [threading.Thread(target=lambda: landed_files.append(land(warehouse, tmp_path).landed)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(landed_files) == [0, 0, 10]
    assert query(warehouse, "select count(*), count(distinct topup_id) from raw_usage.topup") == [(200, 200)]


def test_interruption__before_the_commit_leaves_nothing(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenure.landing.ledger import Ledger

    deliver(tmp_path, "usage.topup", topups(20))

    def interrupted(self: Ledger, *arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "complete", interrupted)
        with pytest.raises(KeyboardInterrupt):
            land(warehouse, tmp_path)
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]
    assert ledger(warehouse) == []
    assert land(warehouse, tmp_path).landed == 1


def test_archive__notices_cuts_changes_and_other_keys(warehouse: Settings, tmp_path: Path) -> None:
    archive = Archive(warehouse)
    big = tmp_path / "big.csv"
    big.write_bytes(os.urandom(9 << 20))
    stored = archive.store("usage.topup/big.csv", big, None, "ab" * 32)
    assert b"".join(archive.read(stored)) == big.read_bytes()
    path = warehouse.archive_dir / stored
    sealed = path.read_bytes()
    path.write_bytes(sealed[: 5 << 20])
    with pytest.raises(TenureError, match=r"cut off|changed"):
        list(archive.read(stored))
    path.write_bytes(sealed[:1000] + bytes([sealed[1000] ^ 1]) + sealed[1001:])
    with pytest.raises(TenureError, match="was changed in the archive"):
        list(archive.read(stored))
    with pytest.raises(TenureError, match="not in the archive"):
        list(archive.read("usage.topup/absent.enc"))


def test_archive__forgets_after_its_retention(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(3))
    land(warehouse, tmp_path)
    archive = Archive(warehouse)
    assert archive.purge() == 0
    later = dt.datetime.now().timestamp() + (warehouse.archive_days + 1) * 86_400
    assert archive.purge(now=later) == 1
    assert list(warehouse.archive_dir.rglob("*.enc")) == []
