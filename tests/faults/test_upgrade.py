"""A warehouse with data of the first release moves to this one, whatever interrupts it."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings
from tests.faults.processes import Process
from tests.landing.deliveries import deliver, query, topups

NEWER = ("ops.partition_version", "ops.upgrade_step", "reference.model_state", "reference.input_used")
VERSIONS = "select source_name, entity_name, record_date from ops.partition_version order by 1, 2, 3"


def _of_first_release(settings: Settings, folder: Path) -> list[tuple[Any, ...]]:
    """Lands something and takes away what the first release did not have. Returns the days that landed."""
    deliver(folder, "usage.topup", topups(20))
    assert not land(settings, folder).is_refused
    days = query(settings, VERSIONS)
    assert days
    with connect("owner", settings=settings) as connection:
        for table in NEWER:
            connection.execute(f"drop table if exists {table}")
    return days


def _upgrade(settings: Settings, kill_at: str = "") -> tuple[int, str]:
    process = Process(settings, "upgrade", program=(), TENURE_KILL_AT=kill_at)
    return process.end(), process.out


def test_upgrade__killed_between_and_within_steps_goes_on_where_it_stopped(warehouse: Settings, tmp_path: Path) -> None:
    days = _of_first_release(warehouse, tmp_path)
    assert _upgrade(warehouse, "before_upgrade_commit")[0] == -signal.SIGKILL
    assert query(warehouse, "select to_regclass('ops.partition_version') is null") == [(True,)]
    assert _upgrade(warehouse, "after_upgrade_commit")[0] == -signal.SIGKILL
    assert query(warehouse, "select count(*) from ops.upgrade_step") == [(1,)]
    status, out = _upgrade(warehouse)
    assert (status, "1 steps done" in out) == (0, True)
    assert query(warehouse, VERSIONS) == days
    assert _upgrade(warehouse) == (0, "nothing to upgrade\n")
