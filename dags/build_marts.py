from __future__ import annotations

from airflow.sdk import chain, dag, task

from tenure.orchestration.dag_parts import ALONE, BUILT, DEFAULT_ARGS, LANDED, after, tags
from tenure.orchestration.steps import build_models


@dag(
    dag_id="build_marts",
    dag_display_name="Build marts",
    schedule=after(*LANDED.values()),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=1, subject="marts"),
)
def build_marts() -> None:
    """
    ### Build and test every model that needs no score

    Starts for a business day when `crm`, `billing` and `usage` of that day have landed. dbt builds seeds
    and staging, then intermediate models, marts and the features of the churn model, all with their tests, in schemas
    that no reader uses: a red task here leaves the published marts as they are.

    **When it is red** the log's last line names the model or the test; the SQL that ran is under
    `dbt/target/run/` of TENURE_HOME. After the cause is mended, `tenure run --date D` does the day again.
    """

    @task(task_id="build_staging", task_display_name="Build and test staging", **ALONE)
    def build_staging() -> dict[str, int]:
        return build_models(["tag:base,path:seeds", "tag:base,path:models/staging"])

    @task(task_id="build_base_marts", task_display_name="Build and test base marts", **ALONE, outlets=[BUILT])
    def build_base_marts() -> dict[str, int]:
        return build_models(["tag:base"], exclude=["path:seeds", "path:models/staging"])

    chain(build_staging(), build_base_marts())


build_marts()
