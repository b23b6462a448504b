"""Shows a new publication of the marts: nothing computed from an older one is served any more."""

from __future__ import annotations

import psycopg

from tenure.dashboards.state import read_state, table_exists, write_state
from tenure.db import connect
from tenure.settings import Settings

# The key of every cached result contains its dataset's `changed_on`: an instant never used before orphans them all.
FORGET = "update tables set changed_on = clock_timestamp() at time zone 'UTC' where is_managed_externally"


def refresh(settings: Settings) -> int:
    """Let the dashboards ask the marts anew if their publication has changed. Returns the number of datasets that do.

    Running it again for the same publication changes nothing and keeps what is cached. Works with Superset running
    or not; before its installation it does nothing.
    """
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        state = read_state(connection)
        publication = current_publication(settings)
        if "installed" not in state or publication is None or state.get("publication") == publication:
            return 0
        write_state(connection, {"publication": publication})
        return connection.execute(FORGET).rowcount


def is_installed(settings: Settings) -> bool:
    """Whether the dashboards were installed with this warehouse, by this checkout or another."""
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        return "installed" in read_state(connection)


def current_publication(settings: Settings) -> str | None:
    """Which version of the marts readers see (its number and instant); None before the first."""
    with connect("dashboard", settings=settings) as connection:
        if not table_exists(connection, "marts.publication"):
            return None
        row = connection.execute(
            "select publication_id::text || ' ' || published_at::text from marts.publication where is_current"
        ).fetchone()
        return None if row is None else str(row[0])
