"""Two sources that finish landing in the same moment meet in one waiting run, and not in two that wait for ever."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tenure.orchestration.environment import airflow_environment
from tests.dags.conftest import Orchestra

# Both transactions look for the waiting run before either commits: the interleaving that is rare in life, every time.
PROGRAM = """
import importlib, sys, threading, time
from types import SimpleNamespace
from airflow import settings
settings.initialize()
import airflow.assets.manager  # it loads the class of the configuration itself
from airflow.models.asset import AssetModel, AssetPartitionDagRun
from airflow.utils.session import create_session
from sqlalchemy import delete, select

module, _, name = sys.argv[1].rpartition(".")
manager = getattr(importlib.import_module(module), name)
key = "1999-01-01"
with create_session() as session:
    assets = session.scalars(select(AssetModel.id).where(AssetModel.name.in_(["landed_crm", "landed_usage"]))).all()
assert len(assets) == 2, assets

def arrive(asset_id, pause):
    time.sleep(pause)
    with create_session() as session:
        manager._get_or_create_apdr(
            target_key=key,
            target_partition_date=None,
            target_dag=SimpleNamespace(dag_id="a_dag_that_no_scheduler_knows"),
            rollup_fingerprint={},
            asset_id=asset_id,
            session=session,
        )
        time.sleep(1.5)

threads = [threading.Thread(target=arrive, args=(asset, 0.5 * number)) for number, asset in enumerate(assets)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with create_session() as session:
    mine = AssetPartitionDagRun.partition_key == key
    print("WAITING", len(session.scalars(select(AssetPartitionDagRun).where(mine)).all()))
    session.execute(delete(AssetPartitionDagRun).where(mine))
"""


@pytest.mark.parametrize(
    ("manager", "waiting"),
    [
        ("tenure.orchestration.asset_manager.OneJoinAssetManager", 1),
        # When this one gives 1 as well, Airflow has been mended and our class can go.
        ("airflow.assets.manager.AssetManager", 2),
    ],
)
def test_assets_that_arrive_together_make_one_waiting_run(orchestra: Orchestra, manager: str, waiting: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, manager], env=airflow_environment(orchestra.settings),
        cwd=orchestra.settings.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"WAITING {waiting}" in done.stdout, done.stdout + done.stderr
