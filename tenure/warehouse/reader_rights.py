"""Keeping the rights on published marts as the files say: at every publication, and before, when a file was edited."""

from __future__ import annotations

from typing import Any

import psycopg

from tenure.database.logins import regional_logins
from tenure.database.rights import SCOPE_TABLES, apply_rights, note_scopes
from tenure.db import connect
from tenure.settings import Settings

LOCK = "tenure rights"
_PUBLISHED = "select tablename from pg_tables where schemaname = 'marts' order by 1"


def ensure_reader_rights(settings: Settings) -> None:
    """Give every published mart its rights, one short transaction each. Running it again changes nothing.

    While a publication is under way it leaves that to it, and waits for nobody.
    """
    with connect("transformer", autocommit=True, settings=settings) as connection:
        marts = [mart for (mart,) in connection.execute(_PUBLISHED).fetchall()]
        for mart in (None, *marts):
            with connection.transaction():
                held = connection.execute("select pg_try_advisory_xact_lock(hashtext(%s))", (LOCK,)).fetchone()
                if held != (True,):
                    return
                if mart is None:
                    _ensure_scope_tables(connection)
                    _note_scopes(connection, settings)
                else:
                    apply_rights(connection, mart)


def hold_reader_rights(connection: psycopg.Connection[Any]) -> None:
    """Let nobody else change rights until the end of this transaction: before its first write to a mart."""
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (LOCK,))
    _ensure_scope_tables(connection)


def apply_reader_rights(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """The same within the transaction of a publication, so that no version is ever readable without its rules."""
    for (mart,) in connection.execute(_PUBLISHED).fetchall():
        apply_rights(connection, mart)
    _note_scopes(connection, settings)


def _ensure_scope_tables(connection: psycopg.Connection[Any]) -> None:
    if connection.execute("select to_regclass('rights.applied')").fetchone() == (None,):
        connection.execute(SCOPE_TABLES)


def _note_scopes(connection: psycopg.Connection[Any], settings: Settings) -> None:
    if connection.execute("select to_regclass('marts.dim_region')").fetchone() != (None,):
        note_scopes(connection, regional_logins(settings.root))
