"""Alerts and reports on demand: what each last found, and sending them without waiting for their time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tenure.dashboards.reports import FILE
from tenure.dashboards.state import table_exists
from tenure.dashboards.web import interpreter, worker_environment, working_dir
from tenure.errors import TenureError
from tenure.settings import Settings

INSTALLED = """
select extra_json::jsonb ->> 'tenure' as name, r.type, r.active,
       r.last_eval_dttm::timestamp(0) as looked_at, r.last_state as state, r.last_value_row_json as found
from report_schedule as r where extra_json like '%"tenure"%' order by r.id
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one: state is Success (sent), Not triggered, On Grace (told already) or Error; error says why."""

    name: str
    state: str
    error: str | None


def mail_schedules(settings: Settings) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and a row for each installed alert and report: name, type, whether active, what it last found."""
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        if not table_exists(connection, "report_schedule"):
            return [], []
        cursor = connection.execute(INSTALLED)
        return [column.name for column in cursor.description or []], cursor.fetchall()


def send_now(settings: Settings, names: Sequence[str] = ()) -> list[Outcome]:
    """Ask these alerts, or all that are active, and send these reports, as at their time: silence stays silence.

    Needs Superset's web server for pictures. Raises TenureError when there is no mail server or nobody to send to.
    """
    if settings.mail_host is None:
        raise TenureError("no mail server is set", hint="set TENURE_MAIL_HOST and TENURE_MAIL_TO, see .env.example")
    active = {row[0]: row[2] for row in mail_schedules(settings)[1]}
    if unknown := [name for name in names if name not in active]:
        raise TenureError(
            f"{unknown[0]} is not installed", hint=f"see {FILE}, and run `tenure dashboards`", exit_code=2
        )
    chosen = list(names) or [name for name, is_active in active.items() if is_active]
    if not any(active[name] for name in chosen):
        raise TenureError(
            "nobody is to get a mail", hint="set TENURE_MAIL_TO or TENURE_MAIL_TO_ZH, and run `tenure dashboards`"
        )
    log = settings.logs_dir / "superset-mails.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as errors:
        done = subprocess.run(
            [str(interpreter(settings)), str(settings.root / "superset" / "report_worker.py"), "now", *chosen],
            env=worker_environment(settings), cwd=working_dir(settings), stdout=subprocess.PIPE, stderr=errors,
            text=True, check=False,
        )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1:] or [""]
    if done.returncode != 0 or not last[0].startswith("done "):
        raise TenureError("Superset could not be asked for its alerts and reports", hint=f"see {log}")
    outcome = json.loads(last[0].removeprefix("done "))
    return [Outcome(name, said["state"], said["error"]) for name, said in outcome.items()]
