"""A real Airflow on a real warehouse with a small operator, for the tests that take days through it."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tenure import services, stack
from tenure.database.unprivileged import shared_folder
from tenure.orchestration import start_airflow
from tenure.settings import Settings, get_settings
from tenure.simulator import simulate
from tenure.warehouse import mart_digests, prepare_warehouse


@dataclass
class Orchestra:
    """A running Airflow: its settings, the last business day of its extracts, and the lines that commands told."""

    settings: Settings
    last_day: dt.date
    told: list[str] = field(default_factory=list)

    def digests(self) -> dict[str, tuple[int, str]]:
        """Rows and order-free digest of every published mart."""
        return {mart.name: (mart.row_count, mart.digest) for mart in mart_digests(self.settings)}

    def run_command(self, *words: str) -> subprocess.Popen[str]:
        """Start `tenure WORDS` as a person would, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "tenure", *words], cwd=self.settings.root, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(self.settings),
        )  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a command on this home, whatever the caller's is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
    return {**kept, "TENURE_ENV_FILE": os.devnull, "TENURE_HOME": str(settings.home)}


@contextmanager
def home_of_this_process(settings: Settings) -> Iterator[None]:
    """Let `get_settings()` give these settings, and give the old ones back afterwards."""
    before = {name: value for name, value in os.environ.items() if name.startswith("TENURE_")}
    os.environ.update({"TENURE_ENV_FILE": os.devnull, "TENURE_HOME": str(settings.home)})
    get_settings.cache_clear()
    try:
        yield
    finally:
        os.environ.pop("TENURE_ENV_FILE")
        os.environ.pop("TENURE_HOME")
        os.environ.update(before)
        get_settings.cache_clear()


@pytest.fixture(scope="session")
def orchestra(test_base: Path) -> Iterator[Orchestra]:
    """Airflow with its own metadata database, a warehouse, and the extracts of a small operator; nothing landed yet."""
    settings = Settings(home=test_base / "an orchestra")
    made = simulate(out=settings.home / "operator", subscriptions=150, months=12, days=3, seed=5)
    (settings.home / "operator" / "truth").rename(settings.home / "truth")
    (settings.home / "operator").rename(settings.extracts_dir)
    with home_of_this_process(settings):
        try:
            prepare_warehouse(settings)
            start_airflow(settings)
            yield Orchestra(settings, made.last_date)
        finally:
            stack.down(settings, lambda line: None)
            shutil.rmtree(shared_folder(settings.home), ignore_errors=True)


@pytest.fixture
def scheduler_pid(orchestra: Orchestra) -> Callable[[], int]:
    """Asks for the process id of the running scheduler."""

    def ask() -> int:
        pid = services.running_pid(orchestra.settings, "airflow-scheduler")
        assert pid is not None, "no scheduler runs"
        return pid

    return ask
