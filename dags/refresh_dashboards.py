from __future__ import annotations

from airflow.sdk import dag, task

from tenure.orchestration.dag_parts import DEFAULT_ARGS, PUBLISHED, after, tags
from tenure.orchestration.steps import refresh_dashboards as show_new_publication


@dag(
    dag_id="refresh_dashboards",
    dag_display_name="Refresh dashboards",
    schedule=after(PUBLISHED),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=2, subject="dashboards"),
)
def refresh_dashboards() -> None:
    """
    ### Let the dashboards show the new publication

    Starts when the marts of a business day are published. Superset keeps answers to charts for a while; this drops
    what it kept, so that the next visitor sees the new as-of date, and has a process begin to answer the pages anew, so
    that he does not wait. Nobody waits for that process; `tenure status` says how far it is.

    **When it is red** the figures on the page are those of the last publication until their cache ends by itself
    (within a day). See that Superset runs (`tenure status`), then clear the task in Airflow's page.
    """

    @task(task_id="refresh_dashboards", task_display_name="Refresh dashboard caches")
    def refresh() -> None:
        show_new_publication()

    refresh()


refresh_dashboards()
