from __future__ import annotations

from airflow.sdk import chain, dag, task

from tenure.orchestration.dag_parts import ALONE, DEFAULT_ARGS, PUBLISHED, SCORED, after, tags
from tenure.orchestration.steps import build_models
from tenure.orchestration.steps import publish_marts as publish_built_marts


@dag(
    dag_id="publish_marts",
    dag_display_name="Publish marts",
    schedule=after(SCORED),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=1, subject="marts"),
)
def publish_marts() -> None:
    """
    ### Build the marts that hold scores, then publish all marts at once

    Starts when the scores of a business day are written. dbt builds and tests `churn_score`, `customer_segment`,
    `model_run` and `churn_watchlist`; then one transaction moves every built mart to schema `marts` and adds a row to
    `publication`, so a reader sees the old day or the new one and never half of each.

    **When it is red** readers still see the last publication. Mend what the log's last line names and run the day
    again: `tenure run --date D`.
    """

    @task(task_id="build_scored_marts", task_display_name="Build and test scored marts", **ALONE)
    def build_scored_marts() -> dict[str, int]:
        return build_models(["tag:scored"])

    @task(task_id="publish_built_marts", task_display_name="Publish all marts", **ALONE, outlets=[PUBLISHED])
    def publish_all() -> None:
        publish_built_marts()

    chain(build_scored_marts(), publish_all())


publish_marts()
