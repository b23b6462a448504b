"""Fixtures on a real server: nothing that Tenure talks to is replaced by a stand-in."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from tenure import stack
from tenure.database.unprivileged import shared_folder
from tenure.db import connect
from tenure.settings import Settings, get_settings
from tenure.warehouse import prepare_warehouse, publish
from tenure.warehouse.refresh_tables import REFRESH_TABLES

_REFRESHED = ", ".join(f"'{name}'" for name in re.findall(r"table if not exists reference\.(\w+)", REFRESH_TABLES))

# Limits on time live in the benchmarks: a busy machine fails no test.
hypothesis.settings.register_profile("tenure", deadline=None)
hypothesis.settings.load_profile("tenure")

# What looks at the one built warehouse, which takes minutes to make and must not be made twice.
ON_THE_BUILT_WAREHOUSE = (
    "tests/oracle/", "tests/superset/", "tests/warehouse/", "tests/ml/test_backtest.py", "tests/ml/test_challenger.py",
    "tests/ml/test_model_card.py", "tests/ml/test_pipeline.py",
)  # fmt: skip


class TogetherOnOneWorker(LoadFileScheduling):
    """The tests of a file go to one worker, and so do all files of the built warehouse."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "built warehouse" if file.startswith(ON_THE_BUILT_WAREHOUSE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """How tests are given to workers."""
    return TogetherOnOneWorker(config, log)


def fresh_settings(home: Path) -> Settings:
    """Settings of a new home, for this process and for every process it starts."""
    for name in list(os.environ):
        if name.startswith("TENURE_") and name != "TENURE_TEST_BASE":
            del os.environ[name]
    os.environ["TENURE_ENV_FILE"] = os.devnull
    os.environ["TENURE_HOME"] = str(home)
    get_settings.cache_clear()
    return get_settings()


@pytest.fixture(scope="session")
def test_base() -> Iterator[Path]:
    """A folder for homes, outside pytest's private one, because the database may run as another user."""
    given = os.environ.get("TENURE_TEST_BASE")
    base = Path(given) if given else Path(tempfile.mkdtemp(prefix="tenure-test-"))
    base.chmod(0o755)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        base = base / worker
        base.mkdir()
    yield base
    if not given:
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(test_base: Path) -> Iterator[Settings]:
    """A home with a running, prepared, empty warehouse, for the whole session."""
    # A space in the path: people have such folders.
    found = fresh_settings(test_base / "a home")
    prepare_warehouse(found)
    yield found
    stack.down(found, lambda line: None)
    shutil.rmtree(shared_folder(found.home), ignore_errors=True)


def empty_warehouse(settings: Settings) -> None:
    """Forget all that was landed, scored or built."""
    with connect("owner", settings=settings) as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname like 'raw\\_%' or schemaname in ('ops', 'scores', 'vault')"
            # What models were built from; without it the next build is one from nothing.
            f" or (schemaname = 'reference' and tablename in ({_REFRESHED}))"
        ).fetchall()
        connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")
    shutil.rmtree(settings.archive_dir, ignore_errors=True)
    shutil.rmtree(settings.models_dir, ignore_errors=True)


@pytest.fixture
def warehouse(settings: Settings) -> Settings:
    """The session's warehouse with nothing landed in it. It must not be used beside `built_warehouse`."""
    empty_warehouse(settings)
    return settings


@dataclass(frozen=True)
class BuiltWarehouse:
    """A warehouse with a simulated operator landed, built, scored and published; its extracts and their truth."""

    settings: Settings
    extracts: Path
    truth: Path


@dataclass(frozen=True)
class Simulation:
    """What `tenure simulate` is told."""

    seed: int
    subscriptions: int
    months: int
    days: int
    start: str


@contextmanager
def build_warehouse(home: Path, simulation: Simulation) -> Iterator[BuiltWarehouse]:
    """Simulate, land, build, score and publish in a home of its own, so that tests of landing may empty theirs."""
    from ml import pipeline
    from tenure.landing import land
    from tenure.orchestration.steps import build_models
    from tenure.simulator import simulate

    before = {name: value for name, value in os.environ.items() if name.startswith("TENURE_")}
    settings = fresh_settings(home)
    try:
        simulate(out=settings.home / "operator", **asdict(simulation))
        (settings.home / "operator" / "truth").rename(settings.home / "truth")
        (settings.home / "operator").rename(settings.extracts_dir)
        prepare_warehouse(settings)
        land(settings, settings.extracts_dir)
        build_models(["tag:base"])
        pipeline.train_if_needed(settings)
        pipeline.score(settings)
        build_models(["tag:scored"])
        publish(settings)
    finally:
        os.environ.update(before)
        get_settings.cache_clear()
    yield BuiltWarehouse(settings, settings.extracts_dir, settings.home / "truth")
    stack.down(settings, lambda line: None)
    shutil.rmtree(shared_folder(settings.home), ignore_errors=True)


@pytest.fixture(scope="session")
def built_warehouse(test_base: Path) -> Iterator[BuiltWarehouse]:
    """The one that all tests of what was built look at; making it takes minutes."""
    with build_warehouse(test_base / "built", Simulation(11, 600, 14, 5, "2025-08")) as built:
        yield built
