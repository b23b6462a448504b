from __future__ import annotations

from airflow.sdk import dag, task

from tenure.orchestration.dag_parts import DEFAULT_ARGS, LANDED, every_business_day, tags
from tenure.orchestration.steps import land_source


@dag(
    dag_id="land_billing",
    dag_display_name="Land billing",
    schedule=every_business_day(),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=1, subject="landing"),
)
def land_billing() -> None:
    """
    ### Land the extracts of `billing`: invoice lines

    Entities: invoice_line (monthly: the lines of service month M are dated the first of the next month).

    Takes every file whose business date is at or before the partition, checks it against its contract, and writes
    the rows to `raw_billing` and the balance to `ops.load`. A file that is there already is a no-op, so a rerun and a
    backfill change nothing.

    **When it is red** the log's last line names the file, the line and the rule. Have the file delivered again
    (same name: it counts as a correction) and run the day again: `tenure run --date D`.
    Without it revenue and ARPU of the month are missing, which the dashboards show as missing and not as zero.
    """

    @task(task_id="land_extracts", task_display_name="Land billing extracts", outlets=[LANDED["billing"]])
    def land_extracts(partition_key: str | None = None) -> dict[str, int]:
        return land_source("billing", str(partition_key))

    land_extracts()


land_billing()
