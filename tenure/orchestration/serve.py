"""The start command of a container: `python -m tenure.orchestration.serve scheduler`.

A container gets Tenure's own variables; this turns them into Airflow's and becomes the wanted Airflow process, so
that there is one place (`environment.py`) that knows how Airflow is set. `AIRFLOW__*` variables given to the
container come on top: that is how the production shape asks for Celery.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from tenure.errors import TenureError
from tenure.orchestration.environment import airflow_environment, write_passwords
from tenure.orchestration.metadata import has_fresh_heartbeat, prepare_metadata
from tenure.orchestration.processes import api_answers
from tenure.settings import Settings, get_settings

COMMANDS = {
    "api-server": ["api-server", "--proxy-headers"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "worker": ["celery", "worker", "--skip-serve-logs"],
}
JOBS = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
CELERY_APP = "airflow.providers.celery.executors.celery_executor.app"
USAGE = f"use: serve prepare | install-dashboards | {' | '.join(COMMANDS)} | healthy {'|'.join(COMMANDS)}"


def container_environment(settings: Settings, component: str) -> dict[str, str]:
    """The environment of this Airflow process: Tenure's settings of Airflow, then what the container was given."""
    # With Celery the tasks run in the workers, so that only those import dbt ahead.
    given = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW__")}
    is_local = given.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor") == "LocalExecutor"
    runs_tasks = component == "worker" or (component == "scheduler" and is_local)
    return {**airflow_environment(settings, component if runs_tasks else ""), **given}


def prepare(settings: Settings) -> None:
    """The one-shot step before the first start and after every upgrade: roles, schemas, Airflow's tables."""
    from tenure.warehouse import prepare_warehouse

    prepare_warehouse(settings)
    prepare_metadata(settings)


def install_dashboards(settings: Settings) -> None:
    """The one-shot step of the Superset image: tables, administrator, roles, datasets and dashboards."""
    from tenure.dashboards import provision

    provision(settings, lambda line: print(line, flush=True))


def is_healthy(settings: Settings, component: str) -> bool:
    """Whether this component of this host works: it answers, or has reported in the last half minute."""
    if component == "api-server":
        return api_answers(settings)
    if component == "worker":
        ping = ["--app", CELERY_APP, "inspect", "ping", "--destination", f"celery@{socket.gethostname()}"]
        environment = container_environment(settings, "")
        return subprocess.run([sys.executable, "-m", "celery", *ping], env=environment, check=False).returncode == 0
    return has_fresh_heartbeat(settings, JOBS[component], seconds=30, hostname=socket.gethostname())


def main(arguments: list[str]) -> int:
    """Do what the container's command says. Returns the exit status; an Airflow process replaces this one."""
    settings = get_settings()
    match arguments:
        case ["prepare"]:
            prepare(settings)
            return 0
        case ["install-dashboards"]:
            install_dashboards(settings)
            return 0
        case ["healthy", component] if component in COMMANDS:
            return 0 if is_healthy(settings, component) else 1
        case [component] if component in COMMANDS:
            if component == "api-server":
                write_passwords(settings)
            environment = container_environment(settings, component)
            os.execve(sys.executable, [sys.executable, "-m", "airflow", *COMMANDS[component]], environment)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
