"""The processes of Airflow: what starts each, when it is ready, and starting and stopping them together."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from tenure import services
from tenure.errors import TenureError
from tenure.orchestration import metadata
from tenure.orchestration.environment import (
    admin_password,
    airflow_environment,
    airflow_home,
    airflow_url,
    write_passwords,
)
from tenure.orchestration.names import ADMIN_USER, DAG_IDS
from tenure.ports import ReservedPorts
from tenure.services import Service
from tenure.settings import Settings

API_SERVER = "airflow-api-server"
SCHEDULER = "airflow-scheduler"
DAG_PROCESSOR = "airflow-dag-processor"
NAMES = (API_SERVER, DAG_PROCESSOR, SCHEDULER)

READY_SECONDS = 240.0
Progress = Callable[[str], None]


def airflow_services(settings: Settings) -> list[Service]:
    """The processes that take a business day through the DAGs. No DAG defers, so no triggerer is needed here."""

    def service(name: str, argv: list[str], ready: Callable[[], bool], component: str = "") -> Service:
        return Service(
            name=name,
            # `python -m`: a console script's first line cannot hold a path with a space.
            argv=[sys.executable, "-m", "airflow", *argv],
            env=airflow_environment(settings, component),
            log_path=settings.logs_dir / f"{name}.log",
            ready=ready,
            cwd=settings.root,
            ready_seconds=READY_SECONDS,
        )

    return [
        service(API_SERVER, ["api-server"], lambda: api_answers(settings)),
        service(DAG_PROCESSOR, ["dag-processor"], lambda: _in_time(_dags_are_read, settings)),
        service(
            SCHEDULER,
            # Task logs are files of this machine: the API server reads them without a log server beside the scheduler.
            ["scheduler", "--skip-serve-logs"],
            lambda: _in_time(_scheduler_reports, settings),
            component="scheduler",
        ),
    ]


def is_running(settings: Settings) -> bool:
    """Whether every Airflow process of this home is there."""
    return all(services.running_pid(settings, name) is not None for name in NAMES)


def prepare_airflow(settings: Settings) -> None:
    """What must be true before Airflow starts: tables, login file, free port, nothing left of a killed process.

    The database must be up. Safe while Airflow runs: what runs is left alone.
    """
    if services.running_pid(settings, API_SERVER) is None and settings.airflow_port is None:
        ReservedPorts(settings.home / "ports.json").replace_if_busy("airflow")
    write_passwords(settings)
    metadata.prepare_metadata(settings)
    for name in NAMES:
        if services.running_pid(settings, name) is None:
            # A killed process may have left children, which must not work on beside the new one.
            services.stop(settings, name)
            if name == SCHEDULER:
                metadata.release_dead_scheduler(settings)


def start_airflow(settings: Settings, progress: Progress = lambda line: None) -> str:
    """Start what does not run, and return the address of the page once all of it works. The database must be up.

    Raises TenureError when a process ends or is not ready in time, and names a DAG file that cannot be read.
    """
    prepare_airflow(settings)
    wanted = airflow_services(settings)
    for service in wanted:
        if services.running_pid(settings, service.name) is None:
            progress(f"{service.name} starts")
        services.start(settings, service, wait=False)
    for service in wanted:
        services.wait_ready(settings, service)
    return airflow_url(settings)


def stop_airflow(settings: Settings) -> list[str]:
    """Stop all Airflow processes of this home and what they started. Returns the names of those that ran."""
    return services.stop_all(settings, NAMES)


def login(settings: Settings) -> tuple[str, str, str]:
    """Address of the Airflow page, user and password."""
    return airflow_url(settings), ADMIN_USER, admin_password(settings)


def task_log(settings: Settings, dag_id: str, run_id: str, task_id: str, attempt: int) -> Path:
    """The log file of one attempt of a task (one JSON object a line)."""
    folder = airflow_home(settings) / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    return folder / f"attempt={attempt}.log"


def api_answers(settings: Settings) -> bool:
    """Whether the page and the API that tasks talk to both answer.

    Airflow builds the second one, which takes seconds, at its first request: better now than in the first task.
    """
    try:
        with urllib.request.urlopen(f"{airflow_url(settings)}/api/v2/version", timeout=3) as answer:  # noqa: S310
            if not json.load(answer).get("version"):
                return False
        with urllib.request.urlopen(f"{airflow_url(settings)}/execution/health", timeout=60) as answer:  # noqa: S310
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _in_time(check: Callable[[Settings], bool], settings: Settings) -> bool:
    """What the check finds; not yet, while the server is too busy to be asked."""
    try:
        return check(settings)
    except metadata.MetadataUnreachable:
        return False


def _scheduler_reports(settings: Settings) -> bool:
    return metadata.has_fresh_heartbeat(settings, "SchedulerJob")


def _dags_are_read(settings: Settings) -> bool:
    """Whether the scheduler knows every DAG. Raises TenureError naming a DAG file that cannot be read."""
    broken = metadata.import_errors(settings)
    if broken:
        name, reason = broken[0]
        raise TenureError(f"Airflow cannot read {name}: {reason}", hint="correct the DAG file; it is read again")
    return set(DAG_IDS) <= metadata.parsed_dags(settings)
