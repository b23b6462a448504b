"""All that runs on a machine at once: the database, Airflow and Superset; started together, stopped together."""

from __future__ import annotations

from collections.abc import Callable

from tenure import services
from tenure.dashboards import superset_services
from tenure.database import EmbeddedPostgres, stop_database
from tenure.orchestration import airflow_services, prepare_airflow
from tenure.settings import Settings
from tenure.warehouse import prepare_warehouse

Say = Callable[[str], None]


def start_airflow(settings: Settings) -> None:
    """Bring Airflow's metadata up to date and start its processes; they are not waited for."""
    prepare_airflow(settings)
    for service in airflow_services(settings):
        services.start(settings, service, wait=False)


def wait_for_airflow(settings: Settings) -> None:
    """Return once every Airflow process is healthy. Raises TenureError naming the one that is not."""
    for service in airflow_services(settings):
        services.wait_ready(settings, service)


def start_superset(settings: Settings) -> None:
    """Start Superset's web server and wait until it answers."""
    for service in superset_services(settings):
        services.start(settings, service)


def up(settings: Settings, say: Say) -> None:
    """Start what is not running: database, Airflow, Superset."""
    say("database")
    prepare_warehouse(settings)
    say("Airflow")
    start_airflow(settings)
    wait_for_airflow(settings)
    if (settings.superset_venv / "bin" / "python").exists():
        say("Superset")
        start_superset(settings)


def down(settings: Settings, say: Say) -> list[str]:
    """Stop everything that was started from this home. Returns what was running."""
    stopped: list[str] = []
    # Again until none is left: one that is being stopped may have started another in the meantime.
    while names := services.known(settings):
        for name in services.stop_all(settings, names):
            say(f"stopped {name}")
            stopped.append(name)
    if stop_database(settings):
        say("stopped postgres")
        stopped.append("postgres")
    return stopped


def running(settings: Settings) -> dict[str, int]:
    """The running processes: name to process id."""
    found = services.status(settings)
    if settings.is_embedded:
        pid = EmbeddedPostgres(settings).postmaster_pid()
        if pid is not None:
            found = {"postgres": pid, **found}
    return found
