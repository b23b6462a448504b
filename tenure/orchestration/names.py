"""Names that the DAG files and the programs that trigger and watch them share. Imports nothing heavy."""

from __future__ import annotations

from tenure.sources import SOURCES

LAND_DAGS = tuple(f"land_{source}" for source in SOURCES)
CHAIN_DAGS = ("build_marts", "score_subscriptions", "publish_marts", "refresh_dashboards")
# Those of a business day.
DAG_IDS = (*LAND_DAGS, *CHAIN_DAGS)
MONTHLY_DAGS = ("backtest_models",)

PARTITION_FORMAT = "%Y-%m-%d"

# Landing of different sources may run side by side, as many as keep two cores busy; whatever writes the marts runs
# alone, because a build that reads raw tables while they grow would mix two states. A landing takes one slot,
# everything else takes all of them.
WAREHOUSE_POOL = "warehouse"
WAREHOUSE_SLOTS = 3
WAREHOUSE_POOL_NOTE = "One slot a landing; a task that writes marts takes all slots and so runs alone"

ADMIN_USER = "admin"
