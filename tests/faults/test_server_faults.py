"""The server is stopped, or loses one backend, in the middle of a landing: one line, and the next run completes it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.database import EmbeddedPostgres
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.faults.processes import check_ledger, deliver_days, landing, own_warehouse, wait_until
from tests.landing.deliveries import deliver, everything, ledger, query, topups

# Each takes half a minute on a small machine: the others run in `make test-long`.
ALWAYS = ("after_copy:2", "after_commit")
PLACES = [
    *ALWAYS,
    *(pytest.param(name, marks=pytest.mark.long) for name in ("before_copy", "after_rejects", "before_ledger:2")),
    pytest.param("before_commit", marks=pytest.mark.long),
]
LOST = (
    "tenure: the warehouse ended the connection (see that it runs (`tenure db start`), then run the same command again:"
    " it goes on where this one ended)"
)


@pytest.fixture(scope="module")
def own(test_base: Path) -> Iterator[Settings]:
    with own_warehouse(test_base / "a server to maltreat") as settings:
        yield settings


@pytest.fixture
def delivered(own: Settings, tmp_path: Path) -> tuple[Settings, Path, dict[str, str]]:
    """A running server with nothing landed, a folder of three days, and the digests of its undisturbed landing."""
    EmbeddedPostgres(own).start()
    deliver_days(tmp_path)
    digests = {}
    if "digests" not in _KNOWN:
        empty_warehouse(own)
        process = landing(own, tmp_path)
        assert process.end() == 0, process.err
        _KNOWN["digests"] = everything(own)
    digests = _KNOWN["digests"]
    empty_warehouse(own)
    return own, tmp_path, digests


_KNOWN: dict[str, dict[str, str]] = {}


def _stop_at_once(settings: Settings) -> None:
    server = EmbeddedPostgres(settings)
    arguments = [server.program("pg_ctl"), "stop", "-D", str(server.data), "-m", "immediate", "-w"]
    identity = server.identity.popen_arguments()
    subprocess.run(arguments, check=True, capture_output=True, cwd="/", **identity)  # type: ignore[call-overload]


def _backends(settings: Settings, condition: str) -> list[int]:
    with psycopg.connect(settings.url("owner"), autocommit=True) as connection:
        found = connection.execute(
            f"select pid from pg_stat_activity where usename = 'tenure_loader' and {condition}"
        ).fetchall()
    return [pid for (pid,) in found]


def _completes(settings: Settings, folder: Path, digests: dict[str, str]) -> None:
    check_ledger(settings)
    again = landing(settings, folder)
    assert again.end() == 0, again.err
    check_ledger(settings)
    assert everything(settings) == digests
    assert {row[0] for row in ledger(settings)} == {"landed"}
    assert not list(settings.archive_dir.rglob("*.part"))


@pytest.mark.parametrize("place", PLACES)
def test_server_stopped_at_once__leaves_whole_files_and_the_next_run_completes(
    place: str, delivered: tuple[Settings, Path, dict[str, str]]
) -> None:
    settings, folder, digests = delivered
    process = landing(settings, folder, pause_at=place)
    process.wait_until_paused()
    _stop_at_once(settings)
    process.go_on()
    assert process.line() == LOST
    # A landing starts the server that it needs.
    assert EmbeddedPostgres(settings).postmaster_pid() is None
    EmbeddedPostgres(settings).start()
    _completes(settings, folder, digests)


@pytest.mark.parametrize("place", PLACES)
def test_backend_killed__takes_nothing_with_it(place: str, delivered: tuple[Settings, Path, dict[str, str]]) -> None:
    settings, folder, digests = delivered
    process = landing(settings, folder, pause_at=place)
    process.wait_until_paused()
    (backend,) = _backends(settings, "true")
    os.kill(backend, signal.SIGKILL)
    EmbeddedPostgres(settings).start()
    process.go_on()
    assert process.line() == LOST
    _completes(settings, folder, digests)


@pytest.mark.parametrize("how", ["server", "backend"])
def test_server_lost_during_copy__leaves_none_of_the_rows(how: str, own: Settings, tmp_path: Path) -> None:
    EmbeddedPostgres(own).start()
    empty_warehouse(own)
    deliver(tmp_path, "usage.topup", topups(150_000))
    process = landing(own, tmp_path)
    backends: list[int] = []

    def is_copying() -> bool:
        assert process.process.poll() is None, "it ended before it was hit"
        backends[:] = _backends(own, "state = 'active' and query ilike 'copy%%'")
        return bool(backends)

    wait_until(is_copying)
    if how == "server":
        _stop_at_once(own)
    else:
        os.kill(backends[0], signal.SIGKILL)
    assert process.line() == LOST
    EmbeddedPostgres(own).start()
    assert query(own, "select count(*)::int from raw_usage.topup") == [(0,)]
    assert ledger(own) == []
    again = landing(own, tmp_path)
    assert again.end() == 0, again.err
    assert ledger(own) == [("landed", 1, 150_000, 150_000, 0, 0)]
    check_ledger(own)


def test_rerun__starts_the_server_that_was_stopped(delivered: tuple[Settings, Path, dict[str, str]]) -> None:
    settings, folder, digests = delivered
    _stop_at_once(settings)
    process = landing(settings, folder)
    assert process.end() == 0, process.err
    assert everything(settings) == digests
