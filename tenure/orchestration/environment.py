"""The whole configuration of Airflow, made from Tenure's settings: there is no second file to edit."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tenure.orchestration.names import ADMIN_USER
from tenure.settings import Settings

PLUGINS_DIR = Path(__file__).parent / "plugins"
COMPONENT_VARIABLE = "TENURE_AIRFLOW_COMPONENT"

# What decides how a process runs, and so must not leak in from the shell that happens to start Airflow.
_FOREIGN_PREFIXES = ("AIRFLOW", "DBT_", "SUPERSET_", "PYTHON", "CELERY")


def airflow_home(settings: Settings) -> Path:
    """Where Airflow keeps what is not in its database: task logs and its password file."""
    return settings.home / "airflow"


def airflow_url(settings: Settings) -> str:
    """The address of the Airflow page and API on this machine."""
    return f"http://{settings.bind_host}:{settings.port('airflow')}"


def passwords_file(settings: Settings) -> Path:
    """The JSON file that the login page checks; only its owner can read it."""
    return airflow_home(settings) / "passwords.json"


def admin_password(settings: Settings) -> str:
    """The generated password of the Airflow user `admin`."""
    return settings.secret("airflow_admin_password")


def write_passwords(settings: Settings) -> None:
    """Write the password file before Airflow starts, or Airflow would generate one and print it to its log."""
    path = passwords_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({ADMIN_USER: admin_password(settings)}, stream)


def database_url(settings: Settings, driver: str) -> str:
    """The metadata database for SQLAlchemy, with this driver (`psycopg2` or `asyncpg`)."""
    parts = urlsplit(settings.url("airflow"))
    # libpq's options are unknown to asyncpg; what a server demands beyond host and password comes with the sync URL.
    query = "" if driver == "asyncpg" else parts.query
    return urlunsplit((f"postgresql+{driver}", parts.netloc, parts.path, query, ""))


def fernet_key(settings: Settings) -> str:
    """The key that encrypts connections in the metadata database: 32 bytes, URL-safe base64."""
    digest = hashlib.sha256(settings.secret("airflow_fernet_key").encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()


def airflow_environment(settings: Settings, component: str = "") -> dict[str, str]:
    """The full environment of an Airflow process of this TENURE_HOME.

    component: `scheduler` or `worker` for those whose tasks run in forks of the process, so that dbt is imported once.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN_PREFIXES) and name != COMPONENT_VARIABLE
    }
    home = airflow_home(settings)
    own = {
        "AIRFLOW_HOME": str(home),
        "TENURE_HOME": str(settings.home),
        "PYTHONPATH": str(settings.root),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        COMPONENT_VARIABLE: component,
    }
    options = {
        ("core", "dags_folder"): str(settings.root / "dags"),
        ("core", "plugins_folder"): str(PLUGINS_DIR),
        ("core", "executor"): "LocalExecutor",
        ("core", "parallelism"): "8",
        ("core", "load_examples"): "False",
        ("core", "dags_are_paused_at_creation"): "False",
        ("core", "default_timezone"): "utc",
        # The full name of a host asks the network, which may be away.
        ("core", "hostname_callable"): "socket.gethostname",
        ("core", "asset_manager_class"): "tenure.orchestration.asset_manager.OneJoinAssetManager",
        ("core", "fernet_key"): fernet_key(settings),
        ("core", "simple_auth_manager_users"): f"{ADMIN_USER}:admin",
        ("core", "simple_auth_manager_passwords_file"): str(passwords_file(settings)),
        ("core", "execution_api_server_url"): f"{airflow_url(settings)}/execution/",
        ("database", "sql_alchemy_conn"): database_url(settings, "psycopg2"),
        ("database", "sql_alchemy_conn_async"): database_url(settings, "asyncpg"),
        ("api", "host"): settings.bind_address,
        ("api", "port"): str(settings.port("airflow")),
        ("api", "workers"): "1",
        ("api", "secret_key"): settings.secret("airflow_api_secret_key"),
        ("api", "instance_name"): "Tenure",
        ("api", "expose_config"): "False",
        ("api_auth", "jwt_secret"): settings.secret("airflow_jwt_secret"),
        ("logging", "base_log_folder"): str(home / "logs"),
        ("logging", "dag_processor_child_process_log_directory"): str(home / "logs" / "dag_processor"),
        ("logging", "logging_level"): "INFO",
        ("logging", "colored_console_log"): "False",
        # A busy machine answers late; a task that gives up after 5 s would only run again.
        ("workers", "execution_api_timeout"): "60",
        ("scheduler", "scheduler_idle_sleep_time"): "0.2",
        # On a busy machine the scheduler's loop may pause for a minute. With Airflow's 30 s it then takes itself for
        # dead and starts its own running tasks again. A scheduler that is really gone is released at the next start.
        ("scheduler", "scheduler_health_check_threshold"): "300",
        ("scheduler", "orphaned_tasks_check_interval"): "60",
        ("scheduler", "catchup_by_default"): "False",
        # DAG files change with a release: once a minute is soon enough, and leaves the cores to the work.
        ("dag_processor", "min_file_process_interval"): "60",
        ("dag_processor", "parsing_processes"): "1",
        ("usage_data_collection", "enabled"): "False",
    }
    if sys.platform.startswith("linux"):
        # Forked workers share the imported dbt; other start methods would import it again for every task.
        options["scheduler", "mp_start_method"] = "fork"
    return {
        **kept,
        **own,
        **{f"AIRFLOW__{section.upper()}__{name.upper()}": value for (section, name), value in options.items()},
    }
