"""One simulated operator for the tests that only look at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tenure.simulator import Behaviour, SimulationSummary, simulate
from tests.oracle.deliveries import Row, all_rows

EVENTS_PER_DAY = 0.4


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    """2,000 lines that use little, 12 closed months and 4 days of the next."""
    out, quiet = tmp_path_factory.mktemp("operator") / "out", Behaviour(events_per_day=EVENTS_PER_DAY)
    return simulate(out, subscriptions=2_000, months=12, days=4, seed=7, behaviour=quiet)


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of 12,000 lines in lively use for 13 closed months: enough to find causes in the extracts alone."""
    out = tmp_path_factory.mktemp("busy") / "out"
    return simulate(out, subscriptions=12_000, months=13, seed=11, behaviour=Behaviour(events_per_day=1.0)).directory


@pytest.fixture(scope="session")
def extracts(operator: SimulationSummary) -> Path:
    """The folder of its extracts."""
    return operator.directory


@pytest.fixture(scope="session")
def rows_of(extracts: Path) -> Callable[[str], list[Row]]:
    """All rows of an entity, read once."""

    @cache
    def read(entity: str) -> list[Row]:
        return list(all_rows(extracts, entity))

    return read
