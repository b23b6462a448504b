"""What every DAG must have, read from the DAG files as Airflow reads them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenure.orchestration.environment import airflow_environment
from tenure.orchestration.names import (
    CHAIN_DAGS,
    DAG_IDS,
    LAND_DAGS,
    MONTHLY_DAGS,
    WAREHOUSE_POOL,
    WAREHOUSE_SLOTS,
)
from tenure.settings import Settings

EVERY_DAG = (*DAG_IDS, *MONTHLY_DAGS)
# Airflow takes its configuration from the environment when it is imported: in a process of its own, not in pytest's.
READER = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
def names(condition):
    assets = getattr(condition, "objects", [condition])
    return sorted(asset.name for asset in assets if hasattr(asset, "name"))

bag = DagBag(sys.argv[1])
found = {"errors": bag.import_errors, "dags": {}}
for dag in bag.dags.values():
    found["dags"][dag.dag_id] = {
        "doc": dag.doc_md or "", "tags": sorted(dag.tags), "file": dag.fileloc, "display": dag.dag_display_name,
        "catchup": dag.catchup, "active": dag.max_active_runs, "schedule": type(dag.timetable).__name__,
        "zone": str(getattr(dag.timetable, "timezone", getattr(dag.timetable, "_timezone", ""))),
        "waits_for": names(getattr(dag.timetable, "asset_condition", None)),
        "tasks": {task.task_id: {
            "owner": task.owner, "retries": task.retries, "backoff": bool(task.retry_exponential_backoff),
            "display": task.task_display_name, "pool": task.pool, "slots": task.pool_slots,
            "outlets": sorted(asset.name for asset in task.outlets), "after": sorted(task.upstream_task_ids),
        } for task in dag.tasks},
    }
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """All that the DAG files define; the metadata database is never asked."""
    settings = Settings(home=tmp_path_factory.mktemp("reader"), time_zone="Asia/Shanghai")
    environment = airflow_environment(settings) | {"TENURE_ENV_FILE": os.devnull, "TENURE_TIME_ZONE": "Asia/Shanghai"}
    done = subprocess.run(
        [sys.executable, "-c", READER, str(settings.root / "dags")],
        env=environment, capture_output=True, text=True, check=False, cwd=settings.root,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    assert lines, done.stderr
    yield json.loads(lines[0].removeprefix("FOUND"))


def test_every_dag_file_imports_without_an_error(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == sorted(EVERY_DAG)


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_a_dag_says_what_it_is_whose_it_is_and_how_much_it_matters(bag: dict[str, Any], dag_id: str) -> None:
    dag = bag["dags"][dag_id]
    assert Path(dag["file"]).stem == dag_id, "one DAG a file, both of one name"
    verb, _, thing = dag_id.partition("_")
    assert verb in ("land", "build", "score", "publish", "refresh", "backtest") and thing
    assert dag["doc"].strip().startswith("### ") and "**When it is red**" in dag["doc"] and len(dag["doc"]) > 300
    assert sum(tag in ("impact/tier_1", "impact/tier_2", "impact/tier_3") for tag in dag["tags"]) == 1
    assert sum(tag.startswith("owner/") for tag in dag["tags"]) == 1
    assert dag["display"] != dag_id
    assert dag["catchup"] is False and dag["active"] == 1


@pytest.mark.parametrize("dag_id", EVERY_DAG)
def test_tasks_are_owned_retried_and_readable(bag: dict[str, Any], dag_id: str) -> None:
    for task_id, task in bag["dags"][dag_id]["tasks"].items():
        assert f"owner/{task['owner']}" in bag["dags"][dag_id]["tags"], task_id
        assert task["retries"] >= 1 and task["backoff"], task_id
        assert " " in task["display"] and task["display"][0].isupper(), task_id
        assert task["pool"] == WAREHOUSE_POOL, task_id


def test_whatever_writes_marts_runs_alone(bag: dict[str, Any]) -> None:
    for dag_id in ("build_marts", "score_subscriptions", "publish_marts"):
        for task_id, task in bag["dags"][dag_id]["tasks"].items():
            assert task["slots"] == WAREHOUSE_SLOTS, task_id
    for dag_id in LAND_DAGS:
        for task_id, task in bag["dags"][dag_id]["tasks"].items():
            assert task["slots"] == 1, task_id


def test_landing_is_partitioned_by_the_business_day_of_the_operator(bag: dict[str, Any]) -> None:
    for dag_id in LAND_DAGS:
        assert bag["dags"][dag_id]["schedule"] == "BusinessDayTimetable"
        assert "Asia/Shanghai" in bag["dags"][dag_id]["zone"]


def test_the_chain_is_tied_by_assets_and_has_no_loose_end(bag: dict[str, Any]) -> None:
    made = {
        dag_id: {name for task in dag["tasks"].values() for name in task["outlets"]}
        for dag_id, dag in bag["dags"].items()
    }
    landed = set().union(*(made[dag_id] for dag_id in LAND_DAGS))
    assert set(bag["dags"]["build_marts"]["waits_for"]) == landed and len(landed) == len(LAND_DAGS)
    for before, after in itertools.pairwise(CHAIN_DAGS):
        assert set(bag["dags"][after]["waits_for"]) == made[before] != set()
    for dag_id, dag in bag["dags"].items():
        last = [task for task in dag["tasks"].values() if task["outlets"]]
        followed = {name for task in dag["tasks"].values() for name in task["after"]}
        for task_id, task in dag["tasks"].items():
            # An asset written before the last task would start the next DAG too early.
            assert not (task in last and task_id in followed), (dag_id, task_id)


def test_dag_files_are_thin(bag: dict[str, Any]) -> None:
    for dag_id, dag in bag["dags"].items():
        code = Path(dag["file"]).read_text(encoding="utf-8").replace(dag["doc"], "")
        assert len(code.splitlines()) < 80, dag_id
        for word in ("Variable.get", "BaseHook", "os.environ", "postgresql", "select "):
            assert word not in code, (dag_id, word)
