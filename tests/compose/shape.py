"""Reads docker-compose.yml as Docker does, and runs its services as plain processes of this machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE_FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"
# Read before the fixtures of the suite clear the caller's variables.
SUPERSET_VENV = Path(os.environ.get("TENURE_SUPERSET_VENV", ROOT / ".venv-superset"))

REFERENCE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z_][A-Z0-9_]*)(?:(?P<operator>:[-?])(?P<word>[^}]*))?\})")
START_SECONDS = 400.0


class MissingVariable(Exception):
    """A `${NAME:?message}` whose variable is not set: Docker stops with the message."""


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """The text with `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` replaced, by the rules of Compose."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        found = variables.get(match["name"], "")
        if found or match["operator"] is None:
            return found
        if match["operator"] == ":-":
            return str(match["word"])
        raise MissingVariable(f"{match['name']}: {match['word']}")

    return REFERENCE.sub(value, text)


def references(text: str) -> dict[str, str]:
    """The variables that the text refers to: name to operator (`:?`, `:-` or an empty text)."""
    return {match["name"]: match["operator"] or "" for match in REFERENCE.finditer(text) if match["name"]}


def load_compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """docker-compose.yml with merges and variables resolved. Raises MissingVariable as Docker would."""

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: resolve(item) for key, item in node.items()}
        if isinstance(node, list):
            return [resolve(item) for item in node]
        return interpolate(node, variables) if isinstance(node, str) else node

    resolved: dict[str, Any] = resolve(yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8")))
    return resolved


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


@dataclass
class PlainProcesses:
    """The services of the file, started here with the same commands and settings.

    What differs between a container and this machine is replaced in commands and settings alike: host names and ports
    of other services, the folders of the image, and the two interpreters of the images.
    """

    compose: dict[str, Any]
    home: Path
    postgres_port: int
    redis_port: int
    airflow_port: int
    superset_port: int
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """The text with what only exists between containers replaced by what exists here."""
        for name, value in (
            ("@postgres:5432", f"@127.0.0.1:{self.postgres_port}"),
            ("//postgres:5432", f"//127.0.0.1:{self.postgres_port}"),
            ("@redis:6379", f"@127.0.0.1:{self.redis_port}"),
            ("//superset-web:8088", f"//127.0.0.1:{self.superset_port}"),
            ("//airflow-api-server:8080", f"//127.0.0.1:{self.airflow_port}"),
            ("127.0.0.1:8080", f"127.0.0.1:{self.airflow_port}"),
            ("127.0.0.1:8088", f"127.0.0.1:{self.superset_port}"),
            ("0.0.0.0:8088", f"127.0.0.1:{self.superset_port}"),
            ("/opt/superset/bin/python", str(SUPERSET_VENV / "bin" / "python")),
            ("/opt/superset", str(SUPERSET_VENV)),
            ("/opt/tenure", str(ROOT)),
            ("/var/lib/tenure", str(self.home)),
            ("/tmp/celerybeat-schedule", str(self.home / "celerybeat-schedule")),  # noqa: S108
            ("redis-cli ping", f"redis-cli -p {self.redis_port} ping"),
            ("find /tmp", f"find '{self.home}'"),
        ):
            text = text.replace(name, value)
        return text

    def environment(self, service: str) -> dict[str, str]:
        """The environment that the service's container would have, for a process of this machine."""
        given = {
            name: self.here(str(value)) for name, value in self.compose["services"][service]["environment"].items()
        }
        if "TENURE_AIRFLOW_PORT" in given:
            given |= {"TENURE_AIRFLOW_PORT": str(self.airflow_port), "TENURE_BIND_ADDRESS": "127.0.0.1"}
        machine = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        image = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "DO_NOT_TRACK": "1", "HOME": str(self.home)}
        return {**machine, **image, **given, "TENURE_ENV_FILE": os.devnull, "HOSTNAME": socket.gethostname()}

    def command(self, service: str) -> list[str]:
        """The service's command, after the entry point of its image."""
        found = self.compose["services"][service]
        words = [self.here(str(word)) for word in found["command"]]
        if found.get("image") == "tenure-pipeline":
            return [sys.executable, "-m", "tenure.orchestration.serve", *words]
        return [sys.executable if word == "python" else word for word in words]

    def run(self, service: str, seconds: float = START_SECONDS) -> None:
        """Run a one-shot service to its end; it must end well."""
        done = subprocess.run(
            self.command(service), env=self.environment(service), cwd=ROOT, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{service}: {done.stdout}\n{done.stderr}"

    def start(self, service: str, command: Sequence[str] | None = None) -> None:
        """Start a service and leave it running; its output goes to `logs`."""
        with (self.logs / f"{service}.log").open("wb") as log:
            self.processes[service] = subprocess.Popen(
                command or self.command(service), env=self.environment(service), cwd=self.home, stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def is_healthy(self, service: str) -> bool:
        """Whether the health check of the file, run here, says so now. Fails when the service has ended."""
        process = self.processes[service]
        assert process.poll() is None, f"{service} ended: {self.tail(service)}"
        test = self.compose["services"][service]["healthcheck"]["test"]
        if test[0] == "CMD-SHELL":
            # The folder of this checkout may have a space in its name, the one in the image has none.
            python = shlex.quote(str(SUPERSET_VENV / "bin" / "python"))
            command = ["sh", "-c", self.here(str(test[1]).replace("/opt/superset/bin/python", python))]
        else:
            command = [self.here(str(word)) for word in test[1:]]
        if command[0] == "python":
            command[0] = sys.executable
        done = subprocess.run(command, env=self.environment(service), cwd=ROOT, capture_output=True, check=False)
        return done.returncode == 0

    def wait_healthy(self, service: str, seconds: float = START_SECONDS) -> None:
        """Wait until the health check passes; fail with the end of the log when it does not in time."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy(service):
            assert time.monotonic() < deadline, f"{service} is not healthy: {self.tail(service)}"
            time.sleep(0.5)

    def tail(self, service: str) -> str:
        """The last lines of the service's log."""
        return "\n".join((self.logs / f"{service}.log").read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> None:
        """End everything that was started, with its children."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    continue
            deadline = time.monotonic() + (8 if number == signal.SIGTERM else 1)
            while time.monotonic() < deadline and any(item.poll() is None for item in self.processes.values()):
                time.sleep(0.1)


def redis_server() -> str:
    """The path of a real redis-server; fails with the command that installs one."""
    found = shutil.which("redis-server")
    assert found, "redis-server is missing: apt-get install redis-server (or: brew install redis)"
    return found
