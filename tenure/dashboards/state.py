"""What Tenure remembers about its installation, in Superset's metadata database itself, so that it goes with it."""

from __future__ import annotations

from typing import Any

import psycopg

STATE_TABLE = "create table if not exists tenure_installation (what text primary key, value text not null)"
UPSERT = "insert into tenure_installation values (%s, %s) on conflict (what) do update set value = excluded.value"


def read_state(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """All that is remembered: base, request, installed (digests) and publication; empty before the first time."""
    if not table_exists(connection, "tenure_installation"):
        return {}
    return dict(connection.execute("select what, value from tenure_installation").fetchall())


def write_state(connection: psycopg.Connection[Any], state: dict[str, str]) -> None:
    """Remember these values beside what is remembered already."""
    connection.execute(STATE_TABLE)
    for what, value in state.items():
        connection.execute(UPSERT, (what, value))


def table_exists(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether this table exists; `name` may carry its schema."""
    row = connection.execute("select to_regclass(%s) is not null", (name,)).fetchone()
    return bool(row and row[0])
