"""Several landings at once, stale ones, backfills beside today's files, and clocks that are wrong."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.landing import land
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.faults.processes import check_ledger, deliver_days, landing
from tests.landing.deliveries import customer, deliver, everything, ledger, query, topup, topups

FAKETIME = next(
    (
        path
        for folder in ("/usr/lib", "/usr/local/lib", os.environ.get("FAKETIME_FOLDER", "/usr/lib"))
        for path in Path(folder).glob("**/faketime/libfaketimeMT.so.1")
    ),
    None,
)

DEADLOCKS = "select deadlocks::int from pg_stat_database where datname = 'tenure'"


@pytest.mark.parametrize("count", [2, *(pytest.param(n, marks=pytest.mark.long) for n in (4, 8))])
def test_landings_of_one_folder_at_once__land_every_row_once(count: int, warehouse: Settings, tmp_path: Path) -> None:
    deliver_days(tmp_path, days=3)
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(20)])
    processes = [landing(warehouse, tmp_path) for _ in range(count)]
    for process in processes:
        assert process.end() == 0, process.err
        assert process.err == ""
        assert "files landed" in process.out
        assert " 0 files refused" in process.out
    landed = [int(process.out.split(" files landed")[0].split()[-1]) for process in processes]
    there = [int(process.out.split(" already there")[0].split()[-1]) for process in processes]
    assert sum(landed) == 4
    assert [a + b for a, b in zip(landed, there, strict=True)] == [4] * count
    assert ledger(warehouse) == [("landed", 1, 42, 40, 1, 1)] * 3
    assert ledger(warehouse, "customer") == [("landed", 1, 20, 20, 0, 0)]
    check_ledger(warehouse)
    together = everything(warehouse)
    empty_warehouse(warehouse)
    land(warehouse, tmp_path)
    assert everything(warehouse) == together


@pytest.mark.parametrize("place", ["before_copy:2", "before_commit:2"])
def test_stale_landing__cannot_publish(place: str, warehouse: Settings, tmp_path: Path) -> None:
    """A pooler or a suspended machine may give its lock away: the number taken with the lock decides."""
    deliver_days(tmp_path)
    # Another holds its second file.
    process = landing(warehouse, tmp_path, pause_at="after_commit")
    process.wait_until_paused()
    assert len(ledger(warehouse)) == 1
    query(warehouse, "update ops.landing_fence set fence = fence + 1 where entity_name = 'usage.topup' returning 1")
    process.go_on()
    assert process.line() == (
        "tenure: another landing has taken over usage.topup (nothing of this file was landed: run again)"
    )
    assert len(ledger(warehouse)) == 1
    check_ledger(warehouse)
    # Who began to publish is in time: the other waits for it.
    process = landing(warehouse, tmp_path, pause_at=place.partition(":")[0])
    process.wait_until_paused()
    with psycopg.connect(warehouse.url("loader"), autocommit=True) as other:
        other.execute("set lock_timeout = '300ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("update ops.landing_fence set fence = fence + 1 where entity_name = 'usage.topup'")
    process.go_on()
    assert process.end() == 0, process.err
    assert len(ledger(warehouse)) == 3
    check_ledger(warehouse)


def test_suspended_landing_that_lost_its_session__cannot_publish(warehouse: Settings, tmp_path: Path) -> None:
    deliver_days(tmp_path)
    stale = landing(warehouse, tmp_path, pause_at="before_commit")
    stale.wait_until_paused()
    with psycopg.connect(warehouse.url("owner"), autocommit=True) as owner:
        owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tenure_loader'")
    fresh = landing(warehouse, tmp_path)
    assert fresh.end() == 0, fresh.err
    expected, published = ledger(warehouse), everything(warehouse)
    stale.go_on()
    assert "the warehouse ended the connection" in stale.line()
    assert ledger(warehouse) == expected
    assert everything(warehouse) == published
    check_ledger(warehouse)


def test_backfills_beside_today__end_as_in_order(warehouse: Settings, tmp_path: Path) -> None:
    deadlocks = query(warehouse, DEADLOCKS)
    chance = random.Random(47)  # noqa: S311 (which days are backfilled, not a secret)
    old = chance.sample(range(1, 28), 10)
    today = tmp_path / "today"
    for hour in range(4):
        rows = topups(30, first=1 + 20 * hour)
        deliver(today, "usage.topup", rows, day=f"20260110_{hour}")
    folders = []
    for number, day in enumerate(old):
        folder = tmp_path / f"backfill {number}"
        when = f"2025-12-{day:02d}T08:00:00+08:00"
        # Every backfill shares keys with another one and with today, some with other contents.
        rows = [topup(1000 + 10 * number + n, topped_up_at="2025-12-01T08:00:00+08:00") for n in range(15)]
        rows += [topup(5, topped_up_at=when, amount="7.00")] if number % 3 == 0 else []
        deliver(folder, "usage.topup", rows, day=f"202512{day:02d}", manifest={"period_from": "2025-12-01",
                "period_to": f"2025-12-{day:02d}"})  # fmt: skip
        deliver(folder, "crm.customer", [customer(n, region_id=f"r{day}") for n in range(8)], day=f"202512{day:02d}")
        folders.append(folder)
    running = [landing(warehouse, today)]
    waiting = [*folders]
    while waiting or running:
        while waiting and len(running) < 4:
            running.append(landing(warehouse, waiting.pop()))
        process = running.pop(0)
        assert process.end() == 0, process.err
    together = everything(warehouse)
    assert query(warehouse, DEADLOCKS) == deadlocks
    check_ledger(warehouse)
    empty_warehouse(warehouse)
    for folder in [*sorted(folders, key=lambda it: old[folders.index(it)]), today]:
        land(warehouse, folder)
    assert everything(warehouse) == together


def _digests(settings: Settings, folder: Path, **variables: str) -> tuple[object, ...]:
    empty_warehouse(settings)
    process = landing(settings, folder, **variables)
    assert process.end() == 0, process.err
    found = (
        everything(settings),
        ledger(settings),
        query(settings, "select file_name, business_date, period_from, period_to from ops.load order by 1"),
        query(settings, "select record_date, row_count, is_late from ops.load_day order by 1, 2, 3"),
        query(settings, "select file_name, line_number, rule_name, due_at from ops.reject order by 1, 2, 3"),
    )
    return found


@pytest.fixture
def around_midnight(tmp_path: Path) -> Iterator[Path]:
    """Events at both ends of the operator's day, one too early for its file and one too late."""
    times = ("2026-01-10T00:00:00", "2026-01-10T23:59:59", "2026-01-11T23:59:59", "2026-01-12T00:00:01",
             "2024-12-06T00:00:00", "2024-12-05T23:59:59")  # fmt: skip
    rows = [topup(n, topped_up_at=f"{when}+08:00") for n, when in enumerate(times)]
    deliver(tmp_path, "usage.topup", [*rows, *topups(20, first=100)])
    yield tmp_path


def test_time_zone_of_the_host__changes_nothing(warehouse: Settings, around_midnight: Path) -> None:
    zones = ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati")
    found = [_digests(warehouse, around_midnight, TZ=zone, PGTZ=zone) for zone in zones]
    assert found[1:] == [found[0]] * 2
    assert len(found[0][4]) == 2, "the limits are those of the operator's days"  # type: ignore[arg-type]


@pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed: only the time zone of the host is varied")
def test_clock_of_the_host__changes_nothing(warehouse: Settings, around_midnight: Path) -> None:
    plain = _digests(warehouse, around_midnight)
    for shift in ("-2d", "+2d"):
        variables = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "DONT_FAKE_MONOTONIC": "1"}
        assert _digests(warehouse, around_midnight, **variables) == plain
