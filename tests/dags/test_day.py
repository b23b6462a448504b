"""A business day through a real Airflow: killed, completed, done again, backfilled, refused, stopped, in this order."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tenure import services, stack
from tenure.database.unprivileged import shared_folder
from tenure.errors import TenureError
from tenure.landing import balance_sheet
from tenure.orchestration import backfill, is_day_done, run_day
from tenure.orchestration.client import AirflowClient
from tenure.orchestration.metadata import connect_metadata
from tenure.orchestration.names import DAG_IDS, LAND_DAGS
from tenure.orchestration.processes import task_log
from tenure.settings import Settings
from tests.dags.conftest import Orchestra, environment

KILL_SECONDS = 600.0


@pytest.fixture(scope="module")
def killed_day(orchestra: Orchestra) -> dict[str, Any]:
    """The last day, whose scheduler was killed with SIGKILL while dbt built, and which was then asked for again."""
    command = orchestra.run_command("run", "--date", orchestra.last_day.isoformat())
    client = AirflowClient(orchestra.settings)
    deadline = time.monotonic() + KILL_SECONDS
    while not _is_building(client, orchestra.last_day):
        if time.monotonic() > deadline or command.poll() is not None:
            command.kill()
            pytest.fail(f"dbt did not start: {command.communicate()[0]}")
        time.sleep(0.2)
    pid = services.running_pid(orchestra.settings, "airflow-scheduler")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    said, _ = command.communicate(timeout=120)
    told: list[str] = []
    result = run_day(orchestra.settings, orchestra.last_day, told.append)
    return {"said": said, "status": command.returncode, "told": told, "result": result}


def _is_building(client: AirflowClient, day: dt.date) -> bool:
    for run in client.runs("build_marts", day.isoformat()):
        if any(task["state"] == "running" for task in client.tasks("build_marts", run["dag_run_id"])):
            return True
    return False


def test_the_command_says_that_airflow_stopped(killed_day: dict[str, Any]) -> None:
    assert killed_day["status"] == 1
    last = killed_day["said"].strip().splitlines()[-1]
    assert "Airflow stopped" in last and "`tenure run`" in last
    assert "Traceback" not in killed_day["said"]


def test_a_day_whose_scheduler_was_killed_is_completed(orchestra: Orchestra, killed_day: dict[str, Any]) -> None:
    assert any("is under way" in line for line in killed_day["told"]), killed_day["told"]
    assert is_day_done(orchestra.settings, orchestra.last_day)
    assert set(killed_day["result"].run_ids) == set(DAG_IDS)
    assert {task.dag_id for task in killed_day["result"].tasks} == set(DAG_IDS)
    assert orchestra.digests()["subscription_monthly"][0] > 0
    # It was joined, not started again.
    client = AirflowClient(orchestra.settings)
    for dag_id in LAND_DAGS:
        assert len(client.runs(dag_id, orchestra.last_day.isoformat())) == 1


def test_the_log_and_result_of_a_landing_are_those_of_the_command(
    orchestra: Orchestra, killed_day: dict[str, Any], test_base: Path
) -> None:
    day = orchestra.last_day.isoformat()
    run_id = killed_day["result"].run_ids["land_usage"]
    log = task_log(orchestra.settings, "land_usage", run_id, "land_extracts", 1)
    logged = [str(json.loads(line).get("event")) for line in log.read_text(encoding="utf-8").splitlines()]

    # The same files, by the command, into a warehouse of its own.
    other = Settings(home=test_base / "a command")
    try:
        done = landing_command(other, orchestra, day)
        said = done.stdout.splitlines()
    finally:
        stack.down(other, lambda line: None)
        shutil.rmtree(shared_folder(other.home), ignore_errors=True)
    assert done.returncode == 0 and any(line.startswith(" usage.usage_event ") for line in said)
    assert [line for line in said if line not in logged] == []

    # The ledger's balance of the day, as the status has it.
    status = orchestra.run_command("status", "--json").communicate()[0]
    landing = json.loads(status)["landing"]
    ours = [row for row in landing["balance"] if (row["source_name"], row["business_date"]) == ("usage", day)]
    heading = f"the ledger of usage for {day}:"
    after = logged[logged.index(heading) + 1 :]
    sheet = balance_sheet.text_of(balance_sheet.of_ledger(ours))
    assert after[: len(sheet)] == sheet and len(sheet) > 2

    path = f"/dags/land_usage/dagRuns/{quote(run_id, safe='')}/taskInstances/land_extracts/xcomEntries/return_value"
    found = AirflowClient(orchestra.settings)._call("GET", path)["value"]
    counts = json.loads(found) if isinstance(found, str) else found
    of_usage = [row for row in landing["balance"] if row["source_name"] == "usage"]
    assert counts["rows_in_files"] == sum(row["row_count"] for row in of_usage)
    assert counts["rows_landed"] == sum(row["landed_count"] for row in of_usage)
    assert counts["files_refused"] == 0
    amounts = [Decimal(row["control_totals"]["usage_event.rated_amount"]["landed"]) for row in of_usage]
    assert Decimal(counts["control_totals"]["usage.usage_event.rated_amount"]["landed"]) == sum(amounts)


def landing_command(settings: Settings, orchestra: Orchestra, day: str) -> subprocess.CompletedProcess[str]:
    """`tenure land` of the orchestra's extracts of usage, into the warehouse of these settings."""
    words = ["land", str(orchestra.settings.extracts_dir), "--source", "usage", "--date", day]
    return subprocess.run(
        [sys.executable, "-m", "tenure", *words],
        cwd=settings.root, capture_output=True, text=True, check=False, env=environment(settings),
    )  # fmt: skip


def test_the_page_shows_readable_green_runs(orchestra: Orchestra, killed_day: dict[str, Any]) -> None:
    client = AirflowClient(orchestra.settings)
    for dag_id, run_id in killed_day["result"].run_ids.items():
        tasks = client.tasks(dag_id, run_id)
        assert {task["state"] for task in tasks} == {"success"}
        assert all(" " in task["task_display_name"] for task in tasks)


def test_another_attempt_and_a_backfill_change_nothing(orchestra: Orchestra, killed_day: dict[str, Any]) -> None:
    before = orchestra.digests()
    results = backfill(orchestra.settings, orchestra.last_day, orchestra.last_day)
    assert orchestra.digests() == before
    kinds = {
        run["run_type"]
        for dag_id in LAND_DAGS
        for run in AirflowClient(orchestra.settings).runs(dag_id, orchestra.last_day.isoformat())
        if run["dag_run_id"] == results[0].run_ids[dag_id]
    }
    assert kinds == {"backfill"}
    with connect_metadata(orchestra.settings) as connection:
        unasked = connection.execute(
            "select dag_id, partition_key from dag_run where run_type = 'scheduled'"
        ).fetchall()
    assert unasked == [], "a backfill must not set off the nightly schedule"


@pytest.fixture
def bad_file(orchestra: Orchestra) -> Iterator[str]:
    """An extract without one of its columns, delivered beside the good ones."""
    folder = orchestra.settings.extracts_dir / "usage.topup"
    path = folder / f"topup_{orchestra.last_day:%Y%m%d}_99.csv"
    path.write_text("topup_id,topped_up_at\n1,2026-01-01T00:00:00+08:00\n", encoding="utf-8")
    yield path.name
    path.unlink()


def test_a_refused_file_stops_the_day_with_one_clear_line(
    orchestra: Orchestra, killed_day: dict[str, Any], bad_file: str
) -> None:
    before = orchestra.digests()
    with pytest.raises(TenureError) as refusal:
        run_day(orchestra.settings, orchestra.last_day)
    line = str(refusal.value)
    assert "land_usage.land_extracts failed" in line and bad_file in line and "msisdn" in line
    assert "\n" not in line and "attempt=1.log" in line, "refused at once, without a retry"
    command = landing_command(orchestra.settings, orchestra, orchestra.last_day.isoformat())
    (said,) = command.stderr.splitlines()
    assert command.returncode == 1 and said.removeprefix("tenure: ") in line, "in the words of the command"
    assert orchestra.digests() == before
    client = AirflowClient(orchestra.settings)
    newest = client.runs("build_marts", orchestra.last_day.isoformat())[0]
    assert newest["dag_run_id"] in killed_day["result"].run_ids.values() or newest["state"] == "success"


def test_metadata_and_task_logs_hold_no_personal_data_and_no_secret(
    orchestra: Orchestra, killed_day: dict[str, Any]
) -> None:
    secrets = json.loads((orchestra.settings.home / "secrets.json").read_text())
    numbers = _phone_numbers(orchestra)
    assert len(numbers) > 50
    texts = {"metadata": _everything_in(connect_metadata(orchestra.settings))}
    for folder in (orchestra.settings.home / "airflow" / "logs", orchestra.settings.logs_dir):
        for path in folder.rglob("*.log"):
            texts[str(path)] = path.read_text(errors="replace")
    assert "subscription_monthly" in "".join(texts.values())
    for where, text in texts.items():
        for name, secret in secrets.items():
            assert secret not in text, f"secret {name} is in {where}"
        for number in numbers:
            assert number not in text, f"a phone number is in {where}"


def _phone_numbers(orchestra: Orchestra) -> set[str]:
    import polars

    files = sorted((orchestra.settings.extracts_dir / "crm.subscription").glob("*.csv*"))
    found: set[str] = set()
    for path in (item for item in files if not item.name.endswith(".json")):
        column = polars.read_csv(path, infer_schema=False)["msisdn"]
        found |= {number for number in column.to_list() if number}
    return found


def _everything_in(connection: psycopg.Connection[Any]) -> str:
    with connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname = 'public'"
        ).fetchall()
        rows = []
        for (table,) in tables:
            rows += [row[0] for row in connection.execute(f"select t::text from {table} t").fetchall()]
        return "\n".join(rows)


def test_stopping_leaves_no_process_behind(
    orchestra: Orchestra, killed_day: dict[str, Any], scheduler_pid: Callable[[], int]
) -> None:
    from tenure.orchestration import stop_airflow

    group = scheduler_pid()
    assert stop_airflow(orchestra.settings) == ["airflow-api-server", "airflow-dag-processor", "airflow-scheduler"]
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
