"""Long-running processes that Tenure starts: each in a session of its own, stopped by id and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tenure.errors import TenureError
from tenure.settings import Settings

TERM_SECONDS = 10.0
POLL_SECONDS = 0.1
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Service:
    """A process to keep running.

    name: file name of its pid file; argv, env (whole environment), cwd: how it starts; log_path: where its output
    goes; ready: whether it serves now; ready_seconds: how long it may take to.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log_path: Path
    ready: Callable[[], bool]
    cwd: Path = field(default_factory=Path.cwd)
    ready_seconds: float = 120.0


def start(settings: Settings, service: Service, wait: bool = True) -> int:
    """Start the service unless it runs; wait until it is ready. Returns its process id.

    Raises TenureError when it ends or does not become ready in time, naming its log.
    """
    pid = running_pid(settings, service.name)
    if pid is None:
        pid = _spawn(settings, service)
    if wait:
        wait_ready(settings, service)
    return pid


def wait_ready(settings: Settings, service: Service) -> None:
    """Return once the service is ready; raise TenureError when it has ended or the time is over."""
    deadline = time.monotonic() + service.ready_seconds
    while not service.ready():
        if running_pid(settings, service.name) is None:
            raise TenureError(
                f"{service.name} ended while starting: {_last_log_line(service.log_path)}",
                hint=f"see {service.log_path}",
            )
        if time.monotonic() > deadline:
            raise TenureError(
                f"{service.name} was not ready after {service.ready_seconds:.0f} s", hint=f"see {service.log_path}"
            )
        time.sleep(POLL_SECONDS * 2)


def _spawn(settings: Settings, service: Service) -> int:
    service.log_path.parent.mkdir(parents=True, exist_ok=True)
    pid_file = _pid_file(settings, service.name)
    unfinished = pid_file.with_suffix(".new")
    with service.log_path.open("ab") as log, _signals_deferred():
        process = subprocess.Popen(
            list(service.argv),
            env=dict(service.env),
            cwd=service.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _CHILDREN[process.pid] = process
        unfinished.write_text(
            json.dumps({"pid": process.pid, "started": _start_time(process.pid), "log": str(service.log_path)})
        )
        unfinished.replace(pid_file)
    return process.pid


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Take what would end this process only afterwards: a process that nobody wrote down could never be stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for pending in came:
            signal.raise_signal(pending)


# Children of this very process must be reaped, or they would look alive as zombies.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def wait_end(settings: Settings, service: Service, seconds: float) -> None:
    """Return once a service that ends by itself, started by this process, has ended well.

    Raises TenureError with its last line when it failed or took longer than `seconds`.
    """
    pid = json.loads(_pid_file(settings, service.name).read_text())["pid"]
    try:
        code = _CHILDREN[pid].wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TenureError(f"{service.name} took more than {seconds:.0f} s", hint=f"see {service.log_path}") from None
    _pid_file(settings, service.name).unlink(missing_ok=True)
    if code != 0:
        raise TenureError(f"{service.name} failed: {_last_log_line(service.log_path)}", hint=f"see {service.log_path}")


def running_pid(settings: Settings, name: str) -> int | None:
    """The process id of this service if it runs: the pid of its file, if the process is still the same one."""
    try:
        record = json.loads(_pid_file(settings, name).read_text())
    except FileNotFoundError:
        return None
    pid = int(record["pid"])
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        return None
    return pid if _start_time(pid) is not None and _start_time(pid) == record["started"] else None


def stop(settings: Settings, name: str) -> bool:
    """End the service and every process of its session: SIGTERM, then SIGKILL. Returns whether it was running.

    The session and not the process group, because Airflow gives each task a group of its own.
    """
    pid_file = _pid_file(settings, name)
    try:
        record = json.loads(pid_file.read_text())
    except FileNotFoundError:
        return False
    session = int(record["pid"])
    was_running = running_pid(settings, name) is not None
    if _start_time(session) not in (None, record["started"]):
        # The id was given to somebody else since: none of that session is ours.
        pid_file.unlink(missing_ok=True)
        return False
    # A killed leader may leave members behind. Their session's id is not given out again while one of them lives.
    _signal(_members(session), signal.SIGTERM)
    deadline = time.monotonic() + TERM_SECONDS
    while _members(session) and time.monotonic() < deadline:
        _reap(session)
        time.sleep(POLL_SECONDS)
    while (left := _members(session)) and time.monotonic() < deadline + TERM_SECONDS:
        _signal(left, signal.SIGKILL)
        _reap(session)
        time.sleep(POLL_SECONDS)
    _reap(session)
    pid_file.unlink(missing_ok=True)
    return was_running


def stop_all(settings: Settings, names: Sequence[str]) -> list[str]:
    """Stop these services at the same time. Returns the names of those that ran."""
    with ThreadPoolExecutor(max(1, len(names))) as pool:
        was_running = list(pool.map(lambda name: stop(settings, name), names))
    return [name for name, ran in zip(names, was_running, strict=True) if ran]


def status(settings: Settings) -> dict[str, int]:
    """The running services: name to process id."""
    folder = settings.home / "run"
    names = sorted(path.stem for path in folder.glob("*.json")) if folder.exists() else []
    return {name: pid for name in names if (pid := running_pid(settings, name)) is not None}


def known(settings: Settings) -> list[str]:
    """Names of all services that were started and not stopped, running or not."""
    folder = settings.home / "run"
    return sorted(path.stem for path in folder.glob("*.json")) if folder.exists() else []


def _pid_file(settings: Settings, name: str) -> Path:
    folder = settings.home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.json"


def _reap(pid: int) -> None:
    child = _CHILDREN.get(pid)
    if child is not None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _members(session: int) -> list[int]:
    """Live (not zombie) processes of the session that this leader began."""
    members = []
    if Path("/proc/self").exists():
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                fields = _stat_fields(int(entry.name))
                if fields and fields[0] != "Z" and int(fields[3]) == session:
                    members.append(int(entry.name))
        return members
    # macOS tells no session id, so there the group has to do.
    listing = subprocess.run(["ps", "-axo", "pid=,pgid=,stat="], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        pid, group, state = line.split()[:3]
        if int(group) == session and not state.startswith("Z"):
            members.append(int(pid))
    return members


def _stat_fields(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None


def _start_time(pid: int) -> str | None:
    """A value that tells this process from a later one of the same pid; None when there is none, or a zombie."""
    if Path("/proc/self").exists():
        fields = _stat_fields(pid)
        return None if fields is None or fields[0] == "Z" else fields[19]
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None


def _last_log_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        return "no log"
    return lines[-1][:300] if lines else "empty log"
