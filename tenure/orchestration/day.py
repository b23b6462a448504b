"""One business day through Airflow, from landing to the dashboards: asked for, watched, and reported."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tenure.errors import TenureError
from tenure.orchestration import metadata
from tenure.orchestration.client import AirflowClient, AirflowRefusal
from tenure.orchestration.names import CHAIN_DAGS, DAG_IDS, LAND_DAGS
from tenure.orchestration.processes import is_running, start_airflow, task_log
from tenure.settings import Settings

POLL_SECONDS = 1.0
DAY_SECONDS = 6 * 3600.0
# Between the end of one DAG and the start of the next lies one turn of the scheduler, on a loaded machine a few
# seconds; far beyond that the hand-over is lost and it is asked for by name.
HAND_OVER_SECONDS = 60.0
BACKFILL_END_SECONDS = 90.0
UNFINISHED = ("queued", "running")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class TaskTime:
    """A task that ended: seconds of its last attempt, and how many attempts it took."""

    dag_id: str
    task_id: str
    name: str
    seconds: float
    attempts: int


@dataclass(frozen=True)
class DayResult:
    """A business day that went through: the runs by DAG, its tasks in order, and seconds from request to end."""

    date: dt.date
    run_ids: dict[str, str]
    tasks: tuple[TaskTime, ...]
    seconds: float


@dataclass
class _Watch:
    """What has been seen of a day so far."""

    settings: Settings
    client: AirflowClient
    key: str
    progress: Progress
    run_ids: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str, str, int]] = field(default_factory=set)
    ended: dict[tuple[str, str], TaskTime] = field(default_factory=dict)

    def watched_runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The run of this DAG that belongs to the attempt, as the API sees it now: one, or none if it was deleted."""
        return [run for run in self.client.runs(dag_id, self.key) if run["dag_run_id"] == self.run_ids[dag_id]]


def run_day(settings: Settings, date: dt.date, progress: Progress = lambda line: None) -> DayResult:
    """Take one business day through Airflow and wait until its dashboards are refreshed.

    A day that is under way already (an interrupted command left it so) is joined, not started again; a finished or
    failed one is done again, with the same result. Starts Airflow if it does not run; the database must be up.
    Raises TenureError naming the task that failed, its reason and its log.
    """
    return _take(settings, date, progress, _trigger)


def is_day_done(settings: Settings, date: dt.date) -> bool:
    """Whether the last run of every DAG for this business day ended well. Airflow must be running."""
    client = AirflowClient(settings)
    for dag_id in DAG_IDS:
        newest = client.runs(dag_id, date.isoformat())[:1]
        if not newest or newest[0]["state"] != "success":
            return False
    return True


def backfill(
    settings: Settings, from_: dt.date, to: dt.date, progress: Progress = lambda line: None
) -> list[DayResult]:
    """Airflow's own backfill of every business day from `from_` to `to`, oldest first, each to its end."""
    if from_ > to:
        raise TenureError(f"the backfill would end ({to}) before it begins ({from_})", exit_code=2)
    results = []
    for offset in range((to - from_).days + 1):
        results.append(_take(settings, from_ + dt.timedelta(days=offset), progress, _create_backfill))
    return results


def _take(settings: Settings, date: dt.date, progress: Progress, ask: Callable[[_Watch, str], str]) -> DayResult:
    if not is_running(settings):
        start_airflow(settings, progress)
    began = time.monotonic()
    watch = _Watch(settings, AirflowClient(settings), date.isoformat(), progress)
    if not _join_unfinished(watch):
        metadata.forget_half_joined_day(settings, watch.key)
        for dag_id in LAND_DAGS:
            watch.run_ids[dag_id] = ask(watch, dag_id)
    _wait(watch, list(LAND_DAGS))
    asked_at = min(_asked_at(run) for dag_id in LAND_DAGS for run in watch.watched_runs(dag_id))
    for dag_id in CHAIN_DAGS:
        if dag_id not in watch.run_ids:
            watch.run_ids[dag_id] = _next_run(watch, dag_id, asked_at)
        _wait(watch, [dag_id])
    return DayResult(date, watch.run_ids, tuple(watch.ended.values()), time.monotonic() - began)


def _trigger(watch: _Watch, dag_id: str) -> str:
    return watch.client.trigger(dag_id, watch.key)


def _create_backfill(watch: _Watch, dag_id: str) -> str:
    deadline = time.monotonic() + BACKFILL_END_SECONDS
    while True:
        try:
            backfill_id = watch.client.create_backfill(dag_id, watch.key)
            break
        except AirflowRefusal as refusal:
            # A DAG has one backfill at a time, and Airflow looks only twice a minute whether one has ended.
            if refusal.status != HTTPStatus.CONFLICT or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS * 2)
    for run in watch.client.runs(dag_id, watch.key):
        if run["run_type"] == "backfill":
            return str(run["dag_run_id"])
    raise TenureError(f"Airflow made no run of {dag_id} for {watch.key} in backfill {backfill_id}")


def _join_unfinished(watch: _Watch) -> bool:
    """Take over the runs of this day that have not ended. Returns whether there were any."""
    newest = {dag_id: watch.client.runs(dag_id, watch.key)[:1] for dag_id in DAG_IDS}
    active = [dag_id for dag_id, runs in newest.items() if runs and runs[0]["state"] in UNFINISHED]
    if not active:
        return False
    if any(not newest[dag_id] for dag_id in LAND_DAGS):
        return False
    asked_at = min(_asked_at(newest[dag_id][0]) for dag_id in LAND_DAGS)
    for dag_id, runs in newest.items():
        # A later step counts only if it is of this attempt: asked for after the landings were.
        if runs and (dag_id in LAND_DAGS or _asked_at(runs[0]) >= asked_at):
            watch.run_ids[dag_id] = str(runs[0]["dag_run_id"])
    watch.progress(f"{watch.key} is under way: {', '.join(active)}")
    return True


def _asked_at(run: dict[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(str(run["queued_at"] or run["run_after"]))


def _next_run(watch: _Watch, dag_id: str, asked_at: dt.datetime) -> str:
    """The run that Airflow makes of the next DAG of the chain once the one before has written its asset."""
    deadline = time.monotonic() + HAND_OVER_SECONDS
    while True:
        for run in watch.client.runs(dag_id, watch.key):
            # Runs older than this attempt belong to an earlier one of the same day.
            if _asked_at(run) >= asked_at:
                return str(run["dag_run_id"])
        if time.monotonic() > deadline:
            watch.progress(f"{dag_id} was not started by its assets: asked for by name")
            return watch.client.trigger(dag_id, watch.key)
        time.sleep(POLL_SECONDS)


def _wait(watch: _Watch, dag_ids: list[str]) -> None:
    """Wait until the watched runs of these DAGs have ended well. Raises TenureError when one failed."""
    deadline = time.monotonic() + DAY_SECONDS
    waiting = dag_ids
    while True:
        # What has ended is not asked for again before everything has: questions take time from the tasks.
        waiting = [dag_id for dag_id in waiting if not _ended_well(watch, dag_id)]
        if not waiting:
            waiting = [dag_id for dag_id in dag_ids if not _ended_well(watch, dag_id)]
            if not waiting:
                return
        if time.monotonic() > deadline:
            raise TenureError(f"{watch.key} did not end within {DAY_SECONDS / 3600:.0f} hours")
        if not is_running(watch.settings):
            raise TenureError(
                f"Airflow stopped while {watch.key} ran", hint="`tenure run` starts it again and goes on with the day"
            )
        time.sleep(POLL_SECONDS)


def _ended_well(watch: _Watch, dag_id: str) -> bool:
    """Whether the watched runs of a DAG have, after telling what is new of them. Raises TenureError when one failed."""
    runs = watch.watched_runs(dag_id)
    if not runs:
        raise TenureError(f"the run of {dag_id} for {watch.key} was deleted while it ran")
    _report(watch, dag_id)
    if any(run["state"] == "failed" for run in runs):
        raise _failure(watch, dag_id)
    return all(run["state"] == "success" for run in runs)


def _report(watch: _Watch, dag_id: str) -> None:
    for task in watch.client.tasks(dag_id, watch.run_ids[dag_id]):
        seen = (dag_id, str(task["task_id"]), str(task["state"]), int(task["try_number"]))
        if seen in watch.told:
            continue
        watch.told.add(seen)
        name = str(task["task_display_name"] or task["task_id"])
        if task["state"] == "success":
            seconds = float(task["duration"] or 0.0)
            watch.ended[dag_id, seen[1]] = TaskTime(dag_id, seen[1], name, seconds, int(task["try_number"]))
            watch.progress(f"{name}: done in {seconds:.1f} s")
        elif task["state"] == "up_for_retry":
            watch.progress(f"{name}: failed, will be tried again ({_reason(watch, dag_id, task)})")


def _failure(watch: _Watch, dag_id: str) -> TenureError:
    run_id = watch.run_ids[dag_id]
    for task in watch.client.tasks(dag_id, run_id):
        if task["state"] == "failed":
            log = task_log(watch.settings, dag_id, run_id, str(task["task_id"]), int(task["try_number"]))
            return TenureError(
                f"{watch.key}: {dag_id}.{task['task_id']} failed: {_reason(watch, dag_id, task)}", hint=f"see {log}"
            )
    return TenureError(f"{watch.key}: {dag_id} failed before a task ran", hint="see Airflow's page")


def _reason(watch: _Watch, dag_id: str, task: dict[str, Any]) -> str:
    log = task_log(watch.settings, dag_id, watch.run_ids[dag_id], str(task["task_id"]), max(int(task["try_number"]), 1))
    reason = "no reason in its log"
    for entry in _log_entries(log.read_text(errors="replace") if log.exists() else ""):
        for detail in entry.get("error_detail") or []:
            reason = f"{detail.get('exc_value') or detail.get('exc_type')}"
    return " ".join(reason.split())[:400]


def _log_entries(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
