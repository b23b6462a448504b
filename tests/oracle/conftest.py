"""The operators that the oracle looks at: the marts of each, and its own count over the files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.conftest import BuiltWarehouse, Simulation, build_warehouse
from tests.oracle.agreement import SEEDS
from tests.oracle.churn_signals import Signals, read_rules
from tests.oracle.lifecycle import Lifecycle, Stages, read_thresholds
from tests.oracle.operator import Clock
from tests.oracle.profit import Profit, count_profit
from tests.oracle.receivables import Account, AccountKey, read_accounts, receivables
from tests.oracle.retention import Retention
from tests.oracle.service import Service, count_service
from tests.oracle.summaries import Opinion, form_opinion

Books = tuple[dict[AccountKey, Account], dict[tuple[date, str, str], dict[str, Decimal]]]

# The others begin in another month and end on another day of a month, one of them on its last: what happens to hold in
# one history only shows there. None is the warehouse that other tests look at too.
OTHERS = (Simulation(2, 400, 16, 17, "2024-10"), Simulation(7, 800, 13, 0, "2025-01"))
OPERATORS = [
    pytest.param(None, id="seed 11"),
    *(pytest.param(other, id=f"seed {other.seed}", marks=pytest.mark.long) for other in OTHERS),
]


@pytest.fixture(scope="session", params=OPERATORS)
def world(request: pytest.FixtureRequest, test_base: Path) -> Iterator[BuiltWarehouse]:
    """A simulated operator whose extracts were landed, built, scored and published."""
    if request.param is None:
        yield request.getfixturevalue("built_warehouse")
    else:
        with build_warehouse(test_base / f"built-{request.param.seed}", request.param) as built:
            yield built


@pytest.fixture(scope="session")
def opinion(world: BuiltWarehouse) -> Opinion:
    """What the oracle counts in the files of the operator."""
    clock = Clock(ZoneInfo(world.settings.time_zone), world.settings.month_close_days)
    return form_opinion(world.extracts, clock, SEEDS / "value_tier.csv")


@pytest.fixture(scope="session")
def marts(world: BuiltWarehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the analyst, who sees what everybody sees."""
    with psycopg.connect(world.settings.url("analyst"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def life(opinion: Opinion) -> Lifecycle:
    """Signals of lines and what stages need beside them."""
    return Lifecycle(opinion, Signals(opinion, read_rules(SEEDS / "churn_signal.csv")))


@pytest.fixture(scope="session")
def stages(life: Lifecycle) -> Stages:
    """Stage of every line as each month ends."""
    return life.stages(read_thresholds(SEEDS / "lifecycle_stage_rule.csv"))


@pytest.fixture(scope="session")
def retention(opinion: Opinion) -> Retention:
    """Who pays, and the core followed for a year."""
    return Retention(opinion)


@pytest.fixture(scope="session")
def books(opinion: Opinion) -> Books:
    """Every account as the last month leaves it, and the months on the way."""
    accounts = read_accounts(opinion.operator)
    return accounts, receivables(opinion.operator, accounts)


@pytest.fixture(scope="session")
def profit(opinion: Opinion) -> Profit:
    """What every line earns and costs."""
    return count_profit(opinion)


@pytest.fixture(scope="session")
def service(opinion: Opinion) -> Service:
    """Contacts, issues, surveys and tickets."""
    return count_service(opinion, SEEDS)
