"""The demo as its user has it: interrupted, resumed, run twice, stopped; small, but with every real part."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from tenure.settings import ROOT, Settings

SIZE = {"TENURE_DEMO_SUBSCRIPTIONS": "400", "TENURE_DEMO_MONTHS": "13", "TENURE_DEMO_DAYS": "3"}
PERSONAL = ("customer_name", "id_number", "contact_msisdn", "msisdn")


class Demo:
    """`tenure demo` in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TENURE_")},
            **SIZE,
            "TENURE_HOME": str(home),
            "TENURE_ENV_FILE": os.devnull,
            "PYTHONUNBUFFERED": "1",
        }
        self.settings = Settings(_env_file=None, home=home)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tenure", "demo"],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tenure", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def processes(self) -> dict[int, str]:
        """Every live process that belongs to this home: by its environment or by its command line."""
        marks = (f"TENURE_HOME={self.home}".encode(), str(self.home).encode())
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if state != "Z" and any(mark in text for mark in marks):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:120]
        return found


@pytest.fixture(scope="module")
def demo(test_base: Path) -> Iterator[Demo]:
    found = Demo(test_base / "demo home")
    yield found
    found.command("down")


def _interrupt_at(demo: Demo, words: str) -> tuple[int, str]:
    process = demo.start()
    seen = []
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if words in line:
            break
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    return process.returncode, "".join(seen) + rest


@pytest.mark.parametrize("words", ["Airflow: starting", "land, build, score, publish"])
def test_interrupting_leaves_no_process_behind(demo: Demo, words: str) -> None:
    code, printed = _interrupt_at(demo, words)
    assert code == 130, printed
    assert "Traceback" not in printed
    assert demo.processes() == {}, printed


def test_the_next_demo_resumes_and_ends_with_live_dashboards(demo: Demo) -> None:
    process = demo.start()
    printed, _ = process.communicate(timeout=900)
    assert process.returncode == 0, printed
    for word in ("rows ", "refused", "base ", "ARPU ", "churn ", "AUC", "disk ", "dashboards", "make down"):
        assert word in printed
    assert "not known" not in printed
    for service in ("superset", "airflow"):
        answer = requests.get(f"http://127.0.0.1:{demo.settings.port(service)}/health", timeout=20)
        assert answer.status_code in (200, 404)


def test_a_second_demo_changes_no_row_of_any_mart(demo: Demo) -> None:
    before = demo.command("digest").stdout
    assert len(before.splitlines()) > 20
    with psycopg.connect(demo.settings.url("analyst")) as connection:
        version = connection.execute("select publication_id from publication where is_current").fetchone()
    done = demo.command("demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert demo.command("digest").stdout == before
    with psycopg.connect(demo.settings.url("analyst")) as connection:
        assert connection.execute("select publication_id from publication where is_current").fetchone() == version


def _personal_values(extracts: Path) -> set[str]:
    values: set[str] = set()
    for entity in ("customer", "subscription"):
        for path in (extracts / f"crm.{entity}").iterdir():
            if path.name.endswith(".manifest.json"):
                continue
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8") as stream:
                rows = map(json.loads, stream) if ".jsonl" in path.name else csv.DictReader(stream)
                values |= {str(row[name]) for row in rows for name in PERSONAL if row.get(name)}
    return {value for value in values if len(value) > 4}


def test_no_personal_data_and_no_secret_in_logs_or_airflow_metadata(demo: Demo) -> None:
    canaries = _personal_values(demo.settings.extracts_dir)
    assert len(canaries) > 400
    canaries |= set(json.loads((demo.home / "secrets.json").read_text()).values())
    texts = {
        str(path.relative_to(demo.home)): path.read_text(errors="replace")
        for path in demo.settings.logs_dir.rglob("*")
        if path.is_file()
    }
    texts |= {
        str(path.relative_to(demo.home)): path.read_text(errors="replace")
        for path in (demo.home / "airflow").rglob("*.log")
    }
    with psycopg.connect(demo.settings.url("airflow")) as connection:
        tables = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in tables:
            rows = connection.execute(f'select t::text from "{table}" t').fetchall()
            texts[f"Airflow metadata, {table}"] = "\n".join(row[0] for row in rows)
    assert len(texts) > 20
    leaks = [where for where, text in texts.items() if any(canary in text for canary in canaries)]
    assert leaks == []


def test_down_stops_everything(demo: Demo) -> None:
    assert demo.processes() != {}
    done = demo.command("down")
    assert done.returncode == 0, done.stderr
    assert demo.processes() == {}
