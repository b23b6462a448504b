from __future__ import annotations

from airflow.sdk import chain, dag, task

from tenure.orchestration.dag_parts import ALONE, BUILT, DEFAULT_ARGS, SCORED, after, tags
from tenure.orchestration.steps import run_models


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
    ### Train the models when they are due, and score every subscription on the network

    Starts when the base marts of a business day are built. Training happens only when there is a new month, and each
    run is recorded in `model_run` with what it was measured by. Scores, reasons, segments, lifetime values and
    responses to offers go to schema `scores`. The log of each task has a line for each model.

    **When it is red** the log says why training was refused (one class only, a column known only after the outcome,
    too few rows). The last good model is kept, and the published scores stay as they are with their as-of date.
    """

    @task(task_id="train_models", task_display_name="Train models if due", **ALONE)
    def train_models() -> None:
        run_models("train", "--allow-refusal")

    @task(task_id="score_subscriptions", task_display_name="Score subscriptions", **ALONE, outlets=[SCORED])
    def score_all() -> None:
        run_models("score")

    chain(train_models(), score_all())


score_subscriptions()
