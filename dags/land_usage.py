from __future__ import annotations

from airflow.sdk import dag, task

from tenure.orchestration.dag_parts import DEFAULT_ARGS, LANDED, every_business_day, tags
from tenure.orchestration.steps import land_source


@dag(
    dag_id="land_usage",
    dag_display_name="Land usage",
    schedule=every_business_day(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=1, subject="landing"),
)
def land_usage() -> None:
    """
    ### Land the extracts of `usage`: usage events and top-ups

    Entities: usage_event, topup.

    Takes every file whose business date is at or before the partition, checks it against its contract, and writes
    the rows to `raw_usage` and the balance to `ops.load`. A file that is there already is a no-op, so a rerun and a
    backfill change nothing.

    **When it is red** the log's last line names the file, the line and the rule. Have the file delivered again
    (same name: it counts as a correction) and run the day again: `tenure run --date D`.
    Without it MOU, DOU and inactive churn stop at the last landed day.
    """

    @task(task_id="land_extracts", task_display_name="Land usage extracts", outlets=[LANDED["usage"]])
    def land_extracts(partition_key: str | None = None) -> dict[str, int]:
        return land_source("usage", str(partition_key))

    land_extracts()


land_usage()
