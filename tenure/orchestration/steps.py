"""What the tasks of the DAGs call: one function a task. Each reads the settings itself, so nothing is in the DAG."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tenure.errors import TenureError
from tenure.orchestration.names import PARTITION_FORMAT
from tenure.settings import get_settings
from tenure.transform import main_python

Counts = dict[str, int]


def land_source(source: str, partition_key: str) -> dict[str, Any]:
    """Land every file of the source up to this business day. Returns counts of files and rows, and control totals.

    The log has what `tenure land` says, and then the balance of the source and day as `tenure status` shows it. A
    refused file fails the task at once, in the words of the command: the same file would be refused again.
    """
    from airflow.sdk.exceptions import AirflowFailException

    from tenure.landing import balance_of, balance_sheet, land

    settings = get_settings()
    day = datetime.strptime(partition_key, PARTITION_FORMAT).date()
    summary = land(settings, settings.extracts_location, source=source, up_to_date=day)
    refusals = balance_sheet.refusals(summary)
    run = balance_sheet.text_of(balance_sheet.of_run(summary.files))
    for line in (*refusals, *balance_sheet.notes(summary), *run, str(summary)):
        print(line)
    of_day = balance_of(settings, source, day)
    if of_day:
        print(f"the ledger of {source} for {day}:")
    for line in balance_sheet.text_of(balance_sheet.of_ledger(of_day)):
        print(line)
    if refusals:
        others = f" (and {len(refusals) - 1} more refused)" if len(refusals) > 1 else ""
        raise AirflowFailException(refusals[0] + others)
    return balance_sheet.counts(summary)


def build_models(select: Sequence[str], exclude: Sequence[str] = (), full_refresh: bool = False) -> Counts:
    """Build and test the dbt models that any of `select` matches and none of `exclude` does (dbt's selectors).

    A test runs once all it looks at is built, here or in an earlier step. The task log has a line a node. Returns
    counts of nodes by kind. Raises TenureError naming the first model or test that failed; nothing is published then.
    """
    from tenure.transform import run_dbt

    arguments = ["build", "--select", *select, "--indirect-selection", "buildable"]
    # Unit tests judge the SQL, not the data: they run where the SQL changes, in `make test`.
    arguments += ["--exclude-resource-type", "unit_test"]
    if exclude:
        arguments += ["--exclude", *exclude]
    if full_refresh:
        arguments.append("--full-refresh")
    run = run_dbt(get_settings(), arguments)
    counts: Counts = {}
    for node in run.nodes:
        kind = node.unique_id.partition(".")[0]
        counts[kind] = counts.get(kind, 0) + 1
        print(f"{node.seconds:8.2f} s  {node.status:8}  {node.unique_id}")
    return counts


def run_models(*command: str) -> None:
    """Run `python -m ml COMMAND`; the task log has its lines as they come.

    In a process of its own: beside Airflow's modules the library of the model files takes seconds longer to import and
    fills the log with warnings about each of them. Raises TenureError with the last line when it fails.
    """
    last = ""
    with subprocess.Popen(
        [main_python(), "-m", "ml", *command],
        cwd=get_settings().root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            for line in process.stdout or ():
                last = line.rstrip("\n")
                print(last)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise TenureError(last or f"the models ended with status {process.returncode}")


def publish_marts() -> None:
    """Move the built marts to the readers' schema in one transaction."""
    from tenure.warehouse import publish

    publish(get_settings())


def refresh_dashboards() -> None:
    """Let the dashboards forget cached answers, show the new publication, and begin to answer their pages ahead."""
    from tenure.dashboards import refresh, start_warming

    settings = get_settings()
    refresh(settings)
    start_warming(settings, print)
