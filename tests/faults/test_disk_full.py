"""A full disk: nothing half landed, one line that says so, the room comes back, and a run with room completes.

The disk is filled by a limit on the size of files (RLIMIT_FSIZE), which works for every user and hits the real writes.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.database import EmbeddedPostgres
from tenure.errors import TenureError
from tenure.landing import land
from tenure.landing.room import Room
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.faults.processes import Process, check_ledger, landing, own_warehouse
from tests.landing.deliveries import deliver, ledger, path_of, query, topup, topups

pytestmark = pytest.mark.skipif(shutil.which("prlimit") is None, reason="limits of a running server need prlimit")

ENDINGS = ("csv", "csv.gz")
AGAIN = "(make room, then run the same command again: it goes on where this one ended)"
# A landing with a smaller limit on its files, and with so few keys in memory that they go to the spool.
LIMITED = """
import resource, sys
from tenure.landing import keys
keys.KEYS_IN_MEMORY = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from tenure.cli import main
main()
"""


@pytest.fixture(scope="module")
def own(test_base: Path) -> Iterator[Settings]:
    with own_warehouse(test_base / "a server without room") as settings:
        yield settings


def _limit_server(settings: Settings, size: int | str) -> None:
    """No file of the server may grow beyond this from now on: its next backends inherit the limit."""
    _limit(settings, EmbeddedPostgres(settings).postmaster_pid(), size)


def _limit(settings: Settings, pid: int | None, size: int | str) -> None:
    # As the user of the server: root may not where it was deprived of that right.
    arguments = ["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"]
    identity = EmbeddedPostgres(settings).identity.popen_arguments()
    subprocess.run(arguments, check=True, capture_output=True, cwd="/", **identity)  # type: ignore[call-overload]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(("keys_in_memory", "limit"), [(1 << 30, 300_000), (1000, 100_000)], ids=["archive", "spool"])
def test_home_full__lands_nothing_and_gives_the_room_back(
    keys_in_memory: int, limit: int, warehouse: Settings, tmp_path: Path
) -> None:
    # Packed, rows that come again and again take less room in the archive than their keys in the spool.
    is_spool = keys_in_memory == 1000
    deliver(tmp_path, "usage.topup", topups(100) * 200 if is_spool else topups(20_000), ending=ENDINGS[is_spool])
    process = Process(
        warehouse, str(keys_in_memory), str(limit), "land", str(tmp_path), program=("-c", LIMITED)
    )  # fmt: skip
    assert process.line() == f"tenure: there is no room left under TENURE_HOME {AGAIN}"
    assert ledger(warehouse) == []
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    left = _files(warehouse.archive_dir) + _files(warehouse.spool_dir)
    assert [path for path in left if path.suffix != ".enc"] == []
    again = landing(warehouse, tmp_path)
    assert again.end() == 0, again.err
    landed = 100 if is_spool else 20_000
    assert ledger(warehouse) == [("landed", 1, 20_000, landed, 0, 20_000 - landed)]
    check_ledger(warehouse)


def test_data_full__lands_nothing_keeps_what_was_there_and_gives_the_room_back(own: Settings, tmp_path: Path) -> None:
    EmbeddedPostgres(own).start()
    deliver(tmp_path, "usage.topup", topups(50))
    land(own, tmp_path)
    before = query(own, "select * from raw_usage.topup order by topup_id")
    size = "select pg_relation_size('raw_usage.topup')"
    deliver(tmp_path, "usage.topup", [topup(n, channel_type="x" * 60) for n in range(100, 160_000)], day="20260110_1")
    # Large enough for a segment of the log (16 MB), too small for the table.
    _limit_server(own, 17 << 20)
    try:
        process = landing(own, tmp_path)
        assert process.line() == f"tenure: there is no room left for the warehouse {AGAIN}"
        assert query(own, "select * from raw_usage.topup order by topup_id") == before
        assert len(ledger(own)) == 1
        assert query(own, size)[0][0] > 10 << 20
        with psycopg.connect(own.url("loader"), autocommit=True) as connection:
            # As the server does by itself when it has a minute.
            connection.execute("vacuum raw_usage.topup")
        assert query(own, size)[0][0] < 1 << 20
    finally:
        _limit_server(own, "unlimited")
    again = landing(own, tmp_path)
    assert again.end() == 0, again.err
    assert [row[:3] for row in ledger(own)] == [("landed", 1, 50), ("landed", 1, 159_900)]
    check_ledger(own)


def test_log_full__stops_the_server_and_loses_nothing(own: Settings, tmp_path: Path) -> None:
    EmbeddedPostgres(own).start()
    empty_warehouse(own)
    deliver(tmp_path, "usage.topup", topups(50))
    land(own, tmp_path)
    deliver(tmp_path, "usage.topup", topups(120_000, first=100), day="20260110_1")
    process = landing(own, tmp_path, pause_at="before_copy")
    process.wait_until_paused()
    with psycopg.connect(own.url("owner"), autocommit=True) as connection:
        backends = connection.execute("select pid from pg_stat_activity where usename = 'tenure_loader'").fetchall()
        connection.execute("select pg_switch_wal()")
    server = EmbeddedPostgres(own)
    for pid in [pid for (pid,) in backends] + [server.postmaster_pid()]:
        _limit(own, pid, 2 << 20)
    process.go_on()
    line = process.line()
    assert "the warehouse ended the connection" in line or "there is no room left for the warehouse" in line
    if (pid := server.postmaster_pid()) is not None:
        # The server starts itself again under the limit, and cannot.
        _limit(own, pid, "unlimited")
        arguments = [server.program("pg_ctl"), "stop", "-D", str(server.data), "-m", "immediate", "-w"]
        identity = server.identity.popen_arguments()
        subprocess.run(arguments, check=False, capture_output=True, cwd="/", **identity)  # type: ignore[call-overload]
    server.start()
    assert len(ledger(own)) == 1
    again = landing(own, tmp_path)
    assert again.end() == 0, again.err
    assert [row[:3] for row in ledger(own)] == [("landed", 1, 50), ("landed", 1, 120_000)]
    check_ledger(own)


@pytest.mark.parametrize(("ending", "share"), [("csv", 1.0), ("csv.gz", 0.5), ("parquet", 0.5)])
def test_file_that_cannot_fit__is_not_begun(ending: str, share: float, warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "usage.topup", topups(5))
    large = path_of(tmp_path, "usage.topup", "20260111", ending)
    # A file of holes: as large as the disk, and takes nothing of it.
    with large.open("wb") as out:
        out.truncate(int(shutil.disk_usage(warehouse.home).free * share))
    with pytest.raises(TenureError) as caught:
        land(warehouse, tmp_path)
    line = str(caught.value)
    assert line.startswith(f"there is no room to land {large.name}: about ")
    assert " MB are needed on the disk of " in line
    assert " MB are free (make room" in line
    assert ledger(warehouse) == [("landed", 1, 5, 5, 0, 0)]
    large.unlink()
    assert not land(warehouse, tmp_path).is_refused


def test_file_that_fits__is_begun(warehouse: Settings, tmp_path: Path) -> None:
    large = tmp_path / "topup_20260110.csv"
    with large.open("wb") as out:
        out.truncate(shutil.disk_usage(warehouse.home).free // 8)
    Room(warehouse).check(large, large.name)
