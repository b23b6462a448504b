"""The command line when it is used wrongly: one clear line, exit status 1 or 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenure.cli import main
from tenure.settings import ROOT, Settings, get_settings


def run(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
    return subprocess.run(
        [sys.executable, "-m", "tenure", *arguments],
        cwd=ROOT,
        env={**kept, "TENURE_HOME": str(home), "TENURE_ENV_FILE": os.devnull, "COLUMNS": "300", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("tenure: ")
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fly"], "fly"),
        (["land"], "directory"),
        (["land", "x", "--colour", "red"], "--colour"),
        (["run"], "--date"),
        (["run", "--date", "31.01.2026"], "31.01.2026"),
        (["run", "--date", "2026-02-30"], "2026-02-30"),
        (["backfill", "--from", "2026-02-02", "--to", "2026-02-01"], "--from 2026-02-02 is after --to 2026-02-01"),
        (["simulate", "--out", "x", "--subscriptions", "many"], "--subscriptions"),
        (["sql"], "query"),
        (["rejects", "--limit", "few"], "--limit"),
        (["db", "fly"], "fly"),
        (["db", "url", "superuser"], "superuser"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_use_is_one_line_and_exit_status_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # The entry point itself, in this process: starting Python a dozen times would take a minute.
    for name in [name for name in os.environ if name.startswith("TENURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TENURE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TENURE_ENV_FILE", os.devnull)
    monkeypatch.setattr(sys, "argv", ["tenure", *arguments])
    get_settings.cache_clear()
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        get_settings.cache_clear()
    assert ended.value.code == 2
    printed = capfd.readouterr()
    (line,) = printed.err.strip().splitlines()
    assert line.startswith("tenure: ")
    assert said in line
    assert printed.out == ""
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("TENURE_AIRFLOW_PORT", "80"), ("TENURE_DEMO_MONTHS", "3"), ("TENURE_TIME_ZONE", "Mars/Olympus")],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, tmp_path: Path) -> None:
    done = run("doctor", home=tmp_path / "home", **{name: value})
    assert done.returncode == 2
    assert name in the_line(done)


def test_a_database_that_does_not_answer_is_one_line_and_exit_status_1(tmp_path: Path) -> None:
    done = run(
        "land", str(tmp_path), home=tmp_path / "home", TENURE_DATABASE_URL="postgresql://owner:none@127.0.0.1:1/tenure"
    )
    assert done.returncode == 1
    assert "TENURE_DATABASE_URL" in the_line(done)


def test_a_folder_that_is_none_and_one_without_extracts_are_named(settings: Settings, tmp_path: Path) -> None:
    for folder, said in ((tmp_path / "not there", "is not a folder"), (tmp_path, "no extracts")):
        done = run("land", str(folder), home=settings.home)
        assert done.returncode == 1
        assert said in the_line(done)


def test_a_refused_query_is_one_line_and_exit_status_1(settings: Settings) -> None:
    done = run("sql", "select * from raw_crm.customer", home=settings.home)
    assert done.returncode == 1
    assert "permission denied" in the_line(done)


def test_a_query_answers_on_standard_output_only(settings: Settings) -> None:
    done = run("sql", "select 1 as one, '=1' as formula", "--csv", home=settings.home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "one,formula\n1,'=1\n", "")


def test_help_names_every_command_and_exits_with_0(tmp_path: Path) -> None:
    done = run("--help", home=tmp_path / "home")
    assert done.returncode == 0
    for name in ("simulate", "land", "build", "train", "score", "run", "backfill", "status", "sql", "doctor", "demo"):
        assert name in done.stdout


def test_asking_for_nothing_starts_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run("--help", home=home).returncode == 0
    assert run("down", home=home).returncode == 0
    assert not (home / "postgres").exists()
