"""Answers the pages ahead of whoever opens them first after a publication (superset/warm_pages.py does it)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from tenure import services
from tenure.dashboards.publication import current_publication
from tenure.dashboards.state import read_state, table_exists
from tenure.dashboards.web import interpreter, superset_environment, working_dir
from tenure.errors import TenureError
from tenure.services import Service, running_pid
from tenure.settings import Settings

WARMER = "superset-warmer"
NEWEST = "select max(changed_on)::text from tables where is_managed_externally"
LATER = "the pages of the dashboards are not answered ahead, whoever opens one first waits for it"


def warmer_service(settings: Settings) -> Service:
    """A process that ends by itself once every page is answered."""
    return Service(
        name=WARMER,
        argv=[str(interpreter(settings)), str(settings.root / "superset" / "warm_pages.py")],
        env=superset_environment(settings),
        log_path=settings.logs_dir / f"{WARMER}.log",
        ready=lambda: True,
        cwd=working_dir(settings),
    )


def start_warming(settings: Settings, say: Callable[[str], None]) -> None:
    """Have the pages answered into Superset's cache, beside whatever comes next; nobody waits for it or fails with it.

    Superset's web server need not run. Nothing happens where the dashboards are not installed, are answered already,
    or before the first publication. Says one line when the pages will not be answered ahead.
    """
    try:
        state = warmth(settings)
        if state is None or state["is_warm"] or current_publication(settings) is None:
            return
        services.start(settings, warmer_service(settings), wait=False)
    except (TenureError, psycopg.Error, OSError) as failure:
        say(f"{LATER}: {failure}".splitlines()[0])


def warmth(settings: Settings) -> dict[str, Any] | None:
    """What is known of the last time: `is_warm` (since the last publication and installation), `is_under_way`.

    And of that time `logins`, `answers`, `failed` charts and `seconds`, if there was one. None before an installation.
    """
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        state = read_state(connection)
        if "installed" not in state or not table_exists(connection, "tables"):
            return None
        row = connection.execute(NEWEST).fetchone()
    last = json.loads(state.get("warmed", "{}"))
    is_warm = row is not None and row[0] is not None and last.pop("newest", None) == row[0]
    return {"is_warm": is_warm, "is_under_way": running_pid(settings, WARMER) is not None, **last}


def line_of(state: dict[str, Any]) -> str:
    """`warmth` as `tenure status` writes it."""
    if state["is_warm"]:
        failed = f", {state['failed']} charts failed" if state["failed"] else ""
        return (
            f"the pages of the dashboards are answered ahead: {state['answers']:,} answers for {state['logins']} logins"
            f" in {state['seconds']:.0f} s{failed}"
        )
    return "the pages of the dashboards are being answered ahead" if state["is_under_way"] else LATER
