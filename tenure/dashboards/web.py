"""Superset's web server: how it starts, where it listens, who can log in."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from tenure.errors import TenureError
from tenure.ports import ReservedPorts
from tenure.services import Service, running_pid
from tenure.settings import Settings

ADMIN = "admin"
WEB = "superset-web"
WORKER = "superset-worker"
HOME_PATH = "/superset/welcome/"  # the executive overview in the viewer's language: see superset_config.py
# What a process needs of the caller's environment. The rest (PYTHONPATH, AIRFLOW_*, ...) must not leak in.
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TZ")


def interpreter(settings: Settings) -> Path:
    """The Python of Superset's own environment. Raises TenureError when the environment is not there."""
    python = settings.superset_venv / "bin" / "python"
    if not python.exists():
        raise TenureError(f"Superset is not installed in {settings.superset_venv}", hint="run `make demo`")
    return python


def superset_environment(settings: Settings) -> dict[str, str]:
    """The whole environment of a Superset process: what superset_config.py reads, and little else."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **inherited,
        "SUPERSET_CONFIG_PATH": str(settings.root / "superset" / "superset_config.py"),
        "SUPERSET_SECRET_KEY": settings.secret("superset_secret_key"),
        "SUPERSET_METADATA_URL": settings.url("superset"),
        "SUPERSET_CACHE_DIR": str(working_dir(settings) / "cache"),
        "SUPERSET_HOME": str(working_dir(settings)),
        **_mail_environment(settings),
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "1",
    }


def worker_environment(settings: Settings) -> dict[str, str]:
    """That of the one process which sends mails: with the password of the mail server."""
    password = settings.mail_password.get_secret_value() if settings.mail_password else ""
    return {**superset_environment(settings), "SUPERSET_SENDS_MAILS": "1", "SUPERSET_SMTP_PASSWORD": password}


def _mail_environment(settings: Settings) -> dict[str, str]:
    return {
        "SUPERSET_SMTP_HOST": settings.mail_host or "",
        "SUPERSET_SMTP_PORT": str(settings.mail_port),
        "SUPERSET_SMTP_SECURITY": settings.mail_security,
        "SUPERSET_SMTP_USER": settings.mail_user or "",
        "SUPERSET_SMTP_FROM": settings.mail_from or "",
        "SUPERSET_INNER_URL": base_url(settings),
        "SUPERSET_PUBLIC_URL": settings.dashboards_url or "",
    }


def working_dir(settings: Settings) -> Path:
    """Where Superset keeps its caches; made when absent."""
    folder = settings.home / "superset"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base_url(settings: Settings) -> str:
    """Where the web server answers, without a slash at the end."""
    return f"http://{settings.bind_host}:{settings.port('superset')}"


def dashboard_url(settings: Settings) -> str:
    """Address that leads to the executive overview in the language of the viewer's browser."""
    return base_url(settings) + HOME_PATH


def login(settings: Settings) -> tuple[str, str, str]:
    """Address of the executive overview, user name and password of the administrator."""
    return dashboard_url(settings), ADMIN, settings.secret("superset_admin_password")


def superset_services(settings: Settings) -> list[Service]:
    """The processes of Superset on this machine: one web server, and one that sends mails where there is a mail server.

    While it does not run, its port is looked at: one that somebody else took in the meantime is replaced.
    """
    if settings.superset_port is None and running_pid(settings, WEB) is None:
        ReservedPorts(settings.home / "ports.json").replace_if_busy("superset")
    web = [
        Service(
            name=WEB,
            # `python -m`, because a script's first line cannot name an interpreter in a folder with a space.
            # One worker with threads: a worker costs about 300 MB and 5 s of start, and the queries wait for Postgres.
            argv=[
                str(interpreter(settings)), "-m", "gunicorn",
                "--bind", f"{settings.bind_address}:{settings.port('superset')}",
                "--workers", "1", "--worker-class", "gthread", "--threads", "16",
                "--timeout", "120", "--graceful-timeout", "5", "--keep-alive", "5",
                "--limit-request-line", "0", "--limit-request-field_size", "0", "--no-control-socket",
                "superset.app:create_app()",
            ],
            env=superset_environment(settings),
            log_path=settings.logs_dir / "superset-web.log",
            ready=lambda: is_serving(settings),
            cwd=working_dir(settings),
            ready_seconds=180.0,
        )
    ]  # fmt: skip
    return [*web, worker_service(settings)] if settings.mail_host else web


def worker_service(settings: Settings) -> Service:
    """The process that looks each minute at which alert or report is due."""
    return Service(
        name=WORKER,
        argv=[str(interpreter(settings)), str(settings.root / "superset" / "report_worker.py")],
        env=worker_environment(settings),
        log_path=settings.logs_dir / "superset-worker.log",
        ready=lambda: running_pid(settings, WORKER) is not None,
        cwd=working_dir(settings),
    )


def is_serving(settings: Settings, seconds: float = 5.0) -> bool:
    """Whether our own Superset answers on its port; another checkout's on the same port does not count."""
    try:
        with urllib.request.urlopen(base_url(settings) + "/login/", timeout=seconds) as response:  # noqa: S310 (http)
            cookies = response.headers.get_all("Set-Cookie") or []
    except (urllib.error.URLError, OSError):
        return False
    return any(cookie.startswith(f"{cookie_name(settings)}=") for cookie in cookies)


def cookie_name(settings: Settings) -> str:
    """The session cookie of this installation, as superset_config.py names it."""
    return "tenure_" + hashlib.sha256(settings.secret("superset_secret_key").encode()).hexdigest()[:8]
