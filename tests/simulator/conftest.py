"""One simulated operator for the tests that only look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.simulator import SimulationSummary, simulate


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> SimulationSummary:
    """2,000 lines, 12 closed months and 4 days of the next."""
    return simulate(tmp_path_factory.mktemp("operator") / "out", subscriptions=2_000, months=12, days=4, seed=7)


@pytest.fixture(scope="session")
def extracts(operator: SimulationSummary) -> Path:
    """The folder of its extracts."""
    return operator.directory
