"""The metadata database of Airflow: made, migrated, and looked at where its API has no word for it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import psycopg

from tenure.errors import TenureError
from tenure.orchestration.environment import airflow_environment, airflow_home
from tenure.settings import Settings

PREPARE_SECONDS = 300
CONNECT_SECONDS = 30


class MetadataUnreachable(TenureError):
    """The server of Airflow's metadata database does not answer now."""


def connect_metadata(settings: Settings) -> psycopg.Connection[Any]:
    """An autocommit connection to the metadata database. Raises MetadataUnreachable when the server does not answer."""
    try:
        return psycopg.connect(settings.url("airflow"), autocommit=True, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as error:
        raise MetadataUnreachable(
            f"cannot connect to Airflow's metadata database: {str(error).strip().splitlines()[-1]}",
            hint="start it with `tenure db start`, or check TENURE_DATABASE_URL",
        ) from None


def prepare_metadata(settings: Settings) -> None:
    """Create or upgrade the metadata tables and the pool. Quick when nothing is to do."""
    stamp = airflow_home(settings) / "metadata.json"
    stamp.parent.mkdir(parents=True, exist_ok=True)
    if stamp.exists() and json.loads(stamp.read_text()) == _state(settings):
        return
    log = settings.logs_dir / "airflow-migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "tenure.orchestration.migrate"],
            env=airflow_environment(settings),
            cwd=settings.root,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=PREPARE_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        raise TenureError("Airflow's metadata database could not be prepared", hint=f"see {log}")
    stamp.write_text(json.dumps(_state(settings)))


def _state(settings: Settings) -> dict[str, str]:
    """Installed version and revision of the tables: both as they were means there is nothing to migrate."""
    with connect_metadata(settings) as connection:
        known = connection.execute("select to_regclass('alembic_version')").fetchone()
        if known is None or known[0] is None:
            return {}
        revision = connection.execute("select version_num from alembic_version").fetchone()
    return {"airflow": version("apache-airflow-core"), "revision": revision[0] if revision else ""}


def release_dead_scheduler(settings: Settings) -> int:
    """Mark scheduler jobs as failed; call only while no scheduler of this home runs. Returns how many there were.

    Airflow waits half a minute of missed heartbeats before it believes that a scheduler is dead and takes back its
    tasks. Who has just seen that the process is gone need not wait.
    """
    with connect_metadata(settings) as connection:
        done = connection.execute(
            "update job set state = 'failed', end_date = now() where job_type = 'SchedulerJob' and state = 'running'"
        )
        return done.rowcount


def has_fresh_heartbeat(settings: Settings, job_type: str, seconds: int = 20, hostname: str | None = None) -> bool:
    """Whether a job of this type (`SchedulerJob`, `DagProcessorJob`, ...) has reported in the last seconds.

    hostname: only jobs of this host count; None for those of any.
    """
    with connect_metadata(settings) as connection:
        row = connection.execute(
            "select count(*) from job where job_type = %s and state = 'running'"
            " and latest_heartbeat > now() - make_interval(secs => %s) and (%s::text is null or hostname = %s)",
            (job_type, seconds, hostname, hostname),
        ).fetchone()
    return bool(row and row[0])


def parsed_dags(settings: Settings) -> set[str]:
    """Ids of the DAGs that the scheduler can run now."""
    with connect_metadata(settings) as connection:
        rows = connection.execute("select dag_id from dag where not is_stale and not is_paused").fetchall()
    return {row[0] for row in rows}


def import_errors(settings: Settings) -> list[tuple[str, str]]:
    """File name and last line of the error, for every DAG file that cannot be read."""
    with connect_metadata(settings) as connection:
        rows = connection.execute("select filename, stacktrace from import_error order by filename").fetchall()
    return [(row[0], str(row[1]).strip().splitlines()[-1]) for row in rows]


def forget_half_joined_day(settings: Settings, partition_key: str) -> int:
    """Drop what a failed attempt left waiting at the join of the sources. Returns how many waiting runs there were.

    `build_marts` starts when all sources of a day have landed. If one failed, the others of that attempt keep waiting
    at the join, and a second attempt would start the build before it has landed everything again.
    """
    waiting = (
        "select id from asset_partition_dag_run where created_dag_run_id is null"
        " and target_dag_id = 'build_marts' and partition_key = %s"
    )
    with connect_metadata(settings) as connection, connection.transaction():
        connection.execute(
            f"delete from partitioned_asset_key_log where asset_partition_dag_run_id in ({waiting})",  # noqa: S608
            (partition_key,),
        )
        done = connection.execute(
            f"delete from asset_partition_dag_run where id in ({waiting})",  # noqa: S608
            (partition_key,),
        )
        return done.rowcount
