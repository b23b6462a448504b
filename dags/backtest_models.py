from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task

from tenure.orchestration.dag_parts import DEFAULT_ARGS, tags
from tenure.orchestration.steps import run_models
from tenure.settings import get_settings


@dag(
    dag_id="backtest_models",
    dag_display_name="Back-test models",
    schedule=CronTriggerTimetable("0 13 12 * *", timezone=get_settings().time_zone),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=3, subject="models"),
)
def backtest_models() -> None:
    """
    ### Say how the churn models would have done in each of the newest months

    Once a month, some days after the labels of one more month are known and have been learnt from. Each of the newest
    months is scored by a model that knew only the months before; the log has a line for each, and `churn_backtest` has
    regions and tiers too after the next publication. A model that was back-tested already is left alone.

    **When it is red** no figure is wrong: the back-test published last is of an older model. The log says why; clear
    the task when that is mended.
    """

    @task(task_id="backtest_models", task_display_name="Back-test the churn models")
    def run() -> None:
        run_models("backtest")

    run()


backtest_models()
