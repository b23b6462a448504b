"""Processes are written down before they can be lost, and stopped with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tenure import services, stack
from tenure.settings import Settings

LATE_STARTER = """
import os, signal, sys, time
from pathlib import Path
from tenure import services
from tenure.settings import Settings
settings = Settings(_env_file=None, home=Path(sys.argv[1]))
def start_another(*_):
    late = services.Service("z-late", ["sleep", "300"], dict(os.environ), settings.home / "late.log", lambda: True)
    services.start(settings, late)
    sys.exit()
signal.signal(signal.SIGTERM, start_another)
print("up", flush=True)
time.sleep(300)
"""


@pytest.fixture
def empty_home(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, home=tmp_path / "a home")


def test_down_stops_what_was_started_while_it_was_stopping(empty_home: Settings, tmp_path: Path) -> None:
    log = tmp_path / "starter.log"
    starter = services.Service(
        "a-starter",
        [sys.executable, "-c", LATE_STARTER, str(empty_home.home)],
        dict(os.environ),
        log,
        lambda: "up" in log.read_text(),
    )
    services.start(empty_home, starter)
    assert stack.down(empty_home, lambda line: None) == ["a-starter", "z-late"]
    assert services.status(empty_home) == {}


def test_a_signal_while_a_process_starts_comes_after_it_is_written_down(
    empty_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = services.Service("sleeper", ["sleep", "300"], dict(os.environ), tmp_path / "log", lambda: True)
    real = subprocess.Popen

    def interrupted(*arguments: Any, **options: Any) -> Any:
        process = real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return process

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        services.start(empty_home, sleeper)
    monkeypatch.undo()
    assert services.stop(empty_home, "sleeper")
