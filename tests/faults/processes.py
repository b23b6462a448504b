"""Landings as processes of their own, made to stand still where a fault is to hit them."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tenure.database import EmbeddedPostgres
from tenure.database.unprivileged import shared_folder
from tenure.landing import load_status
from tenure.settings import ROOT, Settings
from tenure.warehouse import prepare_warehouse
from tests.landing.deliveries import deliver, query, topup

SECONDS = 120


def environment(settings: Settings, **variables: str) -> dict[str, str]:
    """What a command of this home needs, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
    own = {"TENURE_HOME": str(settings.home), "TENURE_ENV_FILE": os.devnull, "COLUMNS": "300"}
    return {**kept, **own, **variables}


class Process:
    """A running `tenure` command."""

    def __init__(self, settings: Settings, *arguments: str, program: tuple[str, ...] = (), **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *(program or ("-m", "tenure")), *arguments],
            cwd=ROOT,
            env=environment(settings, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.out = self.err = ""
        # One that stands still when its test fails would stand there for ever.
        atexit.register(self.process.kill)

    def wait_until_paused(self) -> None:
        """Wait until it has reached the place that TENURE_PAUSE_AT names."""
        wait_until(lambda: _state(self.process.pid) == "T" or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()[1]

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> int:
        """Its exit status; `out` and `err` are then what it printed."""
        try:
            self.out, self.err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode

    def line(self) -> str:
        """The one line that a failed command has to print, on its way to exit status 1."""
        status = self.end()
        assert (status, len(self.err.splitlines())) == (1, 1), f"{status}: {self.err}{self.out}"
        assert self.err.startswith("tenure: ")
        assert "Traceback" not in self.out
        assert "defect" not in self.err
        return self.err.strip()


def landing(settings: Settings, folder: Path, pause_at: str = "", **variables: str) -> Process:
    """A running `tenure land` of a folder."""
    if pause_at:
        variables["TENURE_PAUSE_AT"] = pause_at
    return Process(settings, "land", str(folder), program=(), **variables)


def wait_until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Look often until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def _state(pid: int) -> str:
    done = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1]


@contextmanager
def own_warehouse(home: Path) -> Iterator[Settings]:
    """A home with a server apart from the session's, to be maltreated."""
    settings = Settings(_env_file=None, home=home)
    prepare_warehouse(settings)
    try:
        yield settings
    finally:
        with suppress(FileNotFoundError):
            EmbeddedPostgres(settings).stop()
        folder = shared_folder(settings.home)
        if folder.exists():
            subprocess.run(["rm", "-rf", str(folder)], check=True)


def deliver_days(folder: Path, rows: int = 40, days: int = 3) -> None:
    """Files of several days, in which some rows are refused and some come twice."""
    for day in range(days):
        first = 1 + day * rows
        date = f"202601{10 + day}"
        when = f"2026-01-{10 + day}T08:00:00+08:00"
        good = [topup(number, topped_up_at=when) for number in range(first, first + rows)]
        bad = topup(first + rows + 10_000, topped_up_at=when, amount="?")
        deliver(folder, "usage.topup", [*good, good[0], bad], day=date)


def check_ledger(settings: Settings) -> None:
    """Ledger and rows tell the same: balance, counts and one landed version of each file."""
    assert query(
        settings,
        "select file_name from ops.load where row_count <> landed_count + rejected_count + duplicate_count",
    ) == []  # fmt: skip
    differing = query(
        settings,
        "select load_id, landed_count, count(raw._load_id) from ops.load left join raw_usage.topup as raw"
        " on raw._load_id = load_id where entity_name = 'topup'"
        " group by load_id having count(raw._load_id) <> case status when 'landed' then landed_count else 0 end",
    )
    assert differing == []
    orphans = "select count(*)::int from raw_usage.topup where _load_id not in (select load_id from ops.load)"
    assert query(settings, orphans) == [(0,)]
    assert query(settings, "select count(*) = count(distinct topup_id) from raw_usage.topup") == [(True,)]
    # Reports read the ledger in their own words: they must not fail on what was left.
    load_status(settings)
