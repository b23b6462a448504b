from __future__ import annotations

from airflow.sdk import chain, dag, task

from tenure.orchestration.dag_parts import ALONE, BUILT, DEFAULT_ARGS, SCORED, after, tags
from tenure.settings import get_settings


@dag(
    dag_id="score_subscriptions",
    dag_display_name="Score subscriptions",
    schedule=after(BUILT),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=tags(impact_tier=2, subject="models"),
)
def score_subscriptions() -> None:
    """
    ### Train the churn model when it is due, and score every subscription on the network

    Starts when the base marts of a business day are built. Training happens only when the features or their labels
    have changed, and the run is recorded in `model_run`; scores, reasons and segments go to schema `scores`.

    **When it is red** the log says why training was refused (one class only, a column known only after the outcome,
    too few rows). The last good model is kept, and the published scores stay as they are with their as-of date.
    """

    @task(task_id="train_churn_model", task_display_name="Train churn model if due", **ALONE)
    def train_churn_model() -> None:
        # Imported in the task: scikit-learn takes seconds, and a DAG file is read every minute.
        from ml.pipeline import train_if_needed

        train_if_needed(get_settings())

    @task(task_id="score_churn", task_display_name="Score churn and segments", **ALONE, outlets=[SCORED])
    def score_churn() -> None:
        from ml.pipeline import score

        score(get_settings())

    chain(train_churn_model(), score_churn())


score_subscriptions()
