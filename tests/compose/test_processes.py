"""Every service of docker-compose.yml, started as a plain process with the file's commands, settings and health checks.

docs/decisions/0005-how-compose-is-checked.md says what this shows and what only a container engine can.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.database.server import EmbeddedPostgres
from tenure.database.unprivileged import shared_folder
from tenure.orchestration.client import AirflowClient
from tenure.settings import Settings
from tenure.simulator import simulate
from tests.compose.shape import ENV_EXAMPLE, ROOT, SUPERSET_VENV, PlainProcesses, free_ports, load_compose, redis_server

DAY = "2026-03-31"
INSTALL_SECONDS = 400.0
AIRFLOW = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker")
SUPERSET = ("superset-web", "superset-worker", "superset-beat")


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    """What `docker/new_env.py` would write to .env."""
    sys.path.insert(0, str(ROOT / "docker"))
    try:
        from new_env import filled
    finally:
        sys.path.pop(0)
    return dict(re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=(.*)$", filled(ENV_EXAMPLE.read_text(encoding="utf-8"))))


@pytest.fixture(scope="module")
def database(test_base: Path, secrets: dict[str, str]) -> Iterator[Settings]:
    """A server like the one of the postgres image when it has just started: one role, one empty database."""
    home = test_base / "compose database"
    home.mkdir()
    (home / "secrets.json").write_text(json.dumps({"postgres_owner": secrets["TENURE_SECRET_POSTGRES_OWNER"]}))
    settings = Settings(home=home)
    server = EmbeddedPostgres(settings)
    server.start()
    url = settings.url("owner").rsplit("/", 1)[0]
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute("create database tenure")
    yield settings
    server.stop()
    shutil.rmtree(shared_folder(home), ignore_errors=True)


@pytest.fixture(scope="module")
def stack(test_base: Path, secrets: dict[str, str], database: Settings) -> Iterator[PlainProcesses]:
    """All services, started in the order that `depends_on` asks for."""
    redis, airflow, superset = free_ports(3)
    home, logs = test_base / "compose home", test_base / "compose logs"
    for folder in (home / "superset", logs):
        folder.mkdir(parents=True)
    simulate(out=home / "extracts", subscriptions=60, months=1, seed=3, start=DAY[:7])
    found = PlainProcesses(load_compose(secrets), home, database.port("postgres"), redis, airflow, superset, logs)
    try:
        found.run("prepare")
        program = found.command("redis")[2]
        own = f"'{redis_server()}' - --port {redis} --bind 127.0.0.1"
        found.start("redis", ["sh", "-c", program.replace("redis-server -", own)])
        for service in AIRFLOW:
            found.start(service)
        assert (SUPERSET_VENV / "bin" / "python").exists(), "Superset is missing: python3 tenure/bootstrap.py superset"
        found.run("install-dashboards", INSTALL_SECONDS)
        for service in SUPERSET:
            found.start(service)
        yield found
    finally:
        found.stop()


def test_redis_asks_for_its_password(stack: PlainProcesses, secrets: dict[str, str]) -> None:
    from redis import Redis
    from redis.exceptions import AuthenticationError

    stack.wait_healthy("redis", 20)
    with pytest.raises(AuthenticationError):
        Redis(port=stack.redis_port).ping()
    assert Redis(port=stack.redis_port, password=secrets["TENURE_REDIS_PASSWORD"]).ping()


@pytest.mark.parametrize("service", [*AIRFLOW, *SUPERSET])
def test_the_service_starts_and_its_health_check_passes(stack: PlainProcesses, service: str) -> None:
    stack.wait_healthy(service)


def test_a_task_goes_through_the_queue_to_a_worker(stack: PlainProcesses, secrets: dict[str, str]) -> None:
    for service in AIRFLOW:
        stack.wait_healthy(service)
    settings = Settings(home=stack.home / "visitor", airflow_port=stack.airflow_port)
    settings.home.mkdir()
    known = {"airflow_admin_password": secrets["TENURE_SECRET_AIRFLOW_ADMIN_PASSWORD"]}
    (settings.home / "secrets.json").write_text(json.dumps(known))
    client = AirflowClient(settings)
    run_id = client.trigger("land_usage", DAY)
    deadline = time.monotonic() + 180
    while True:
        run = next(run for run in client.runs("land_usage", DAY) if run["dag_run_id"] == run_id)
        if run["state"] in ("success", "failed"):
            break
        assert time.monotonic() < deadline, f"{run['state']}: {stack.tail('airflow-worker')}"
        time.sleep(0.5)
    assert run["state"] == "success", stack.tail("airflow-worker")
    assert "land_usage" in (stack.logs / "airflow-worker.log").read_text(errors="replace")


def test_every_secret_came_from_the_environment(stack: PlainProcesses) -> None:
    # A missing one would have been generated in the home, and fit nothing in the other containers.
    stack.wait_healthy("airflow-worker")
    assert not (stack.home / "secrets.json").exists()


def test_no_secret_is_in_a_log(stack: PlainProcesses, secrets: dict[str, str]) -> None:
    for path in [*stack.logs.glob("*.log"), *(stack.home / "airflow" / "logs").rglob("*.log")]:
        text = path.read_text(errors="replace")
        for name, value in secrets.items():
            assert value not in text, f"{name} is in {path.name}"
