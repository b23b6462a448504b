"""Order-free digests of tables: equal content gives an equal digest, whatever the order of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tenure.db import ROW_DIGEST
from tenure.settings import Settings

# Written by the publication itself: when something was published is not content.
AUDIT_TABLES = frozenset({"publication"})


@dataclass(frozen=True)
class MartDigest:
    """A table, its number of rows and the digest of its content."""

    name: str
    row_count: int
    digest: str


def mart_digests(settings: Settings) -> list[MartDigest]:
    """Digests of every published mart, all read in one snapshot, by name."""
    with psycopg.connect(settings.url("analyst")) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute("set local timezone = 'UTC'")
        names = [
            row[0]
            for row in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
            )
            if row[0] not in AUDIT_TABLES
        ]
        return [_digest(connection, name) for name in names]


def _digest(connection: psycopg.Connection[Any], name: str) -> MartDigest:
    statement = sql.SQL("select count(*), md5({}) from marts.{} as t").format(
        sql.SQL(ROW_DIGEST),
        sql.Identifier(name),
    )
    row = connection.execute(statement).fetchone()
    assert row is not None  # noqa: S101 (an aggregate always answers)
    return MartDigest(name, row[0], row[1])
