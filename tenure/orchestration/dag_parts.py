"""What the DAG files share: schedule, assets, pool and retries. Only `dags/` imports it, because it imports Airflow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, dag, task

from tenure.orchestration.names import PARTITION_FORMAT, WAREHOUSE_POOL, WAREHOUSE_SLOTS
from tenure.orchestration.steps import land_source
from tenure.orchestration.timetable import BusinessDayTimetable
from tenure.settings import get_settings
from tenure.sources import SOURCES

OWNER = "data-engineering"

# Retries are for what passes by itself: a server that restarts, a lock that is held. A refused file is not retried.
DEFAULT_ARGS: dict[str, Any] = {
    "owner": OWNER,
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "pool": WAREHOUSE_POOL,
}
ALONE: dict[str, Any] = {"pool_slots": WAREHOUSE_SLOTS}
"""Task arguments of whatever writes marts: it takes the whole pool, so nothing else touches the warehouse."""

LANDED = {source: Asset(name=f"landed_{source}", uri=f"tenure://warehouse/raw_{source}") for source in SOURCES}
BUILT = Asset(name="built_marts", uri="tenure://warehouse/build")
SCORED = Asset(name="scored_subscriptions", uri="tenure://warehouse/scores")
PUBLISHED = Asset(name="published_marts", uri="tenure://warehouse/marts")


def tags(impact_tier: int, subject: str) -> list[str]:
    """Tags of a DAG. Tier 1: management sees wrong or old figures; 2: a list ages; 3: nobody notices for a day."""
    return [f"impact/tier_{impact_tier}", f"owner/{OWNER}", f"subject/{subject}"]


def every_business_day() -> BusinessDayTimetable:
    """One run a night of the operator's time zone, for the business day that has just ended."""
    return BusinessDayTimetable(
        "30 2 * * *",
        timezone=get_settings().time_zone,
        run_offset=-1,
        # Only about the hour itself: starting Airflow in the morning must not run last night's schedule unasked.
        run_immediately=timedelta(minutes=10),
        key_format=PARTITION_FORMAT,
    )


def after(*assets: Asset) -> PartitionedAssetTimetable:
    """Run for a business day once all of these assets exist for that day."""
    condition: Any = assets[0]
    for asset in assets[1:]:
        condition = condition & asset
    return PartitionedAssetTimetable(assets=condition)


LANDING_DOC = """
Takes every file whose business date is at or before the partition, checks it against its contract, and writes the rows
to `raw_{source}` and the balance to `ops.load`. A file that is there already is a no-op, so a rerun and a backfill
change nothing.

**When it is red** the log's last line names the file, the line and the rule. Have the file delivered again (same name:
it counts as a correction) and run the day again: `tenure run --date D`.
"""


def landing_dag(source: str, doc: str) -> DAG:
    """The DAG that lands one source each business day. `doc`: what it lands and what is missing without it."""

    @dag(
        dag_id=f"land_{source}",
        dag_display_name=f"Land {source}",
        schedule=every_business_day(),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGS,
        tags=tags(impact_tier=1, subject="landing"),
        doc_md=doc.strip() + "\n" + LANDING_DOC.format(source=source),
    )
    def land() -> None:
        @task(task_id="land_extracts", task_display_name=f"Land {source} extracts", outlets=[LANDED[source]])
        def land_extracts(partition_key: str | None = None) -> dict[str, Any]:
            return land_source(source, str(partition_key))

        land_extracts()

    return land()
