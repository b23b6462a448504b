"""A built operator made larger: every row of some tables once more for lines that do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

# By how much amounts and ratios of a copy differ at most, so that no two lines are alike.
JITTER = 0.03


def copy_lines(
    connection: psycopg.Connection[Any], tables: Sequence[str], copies: int, where: str = "true", jitter: bool = False
) -> None:
    """Add `copies` rows for each row of `tables` that `where` holds for, with the ids of other subscriptions.

    With `jitter` numbers with decimals are changed at random by a few percent.
    """
    for table in tables:
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema || '.' || table_name = %s order by ordinal_position",
            (table,),
        ).fetchall()
        statement = sql.SQL("insert into {} ({}) select {} from {}, generate_series(1, {}) as copy where {}").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
            sql.SQL(", ").join(_copied(name, kind, jitter) for name, kind in columns),
            sql.Identifier(*table.split(".")),
            sql.Literal(copies),
            sql.SQL(where),
        )
        connection.execute(statement)
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*table.split("."))))


def _copied(name: str, kind: str, jitter: bool) -> sql.Composable:
    column = sql.Identifier(name)
    if name == "subscription_id":
        return sql.SQL("subscription_id || '~' || copy")
    if jitter and kind in ("numeric", "double precision"):
        return sql.SQL("({0} * (1 + {1} * (2 * random() - 1)))::{2}").format(column, JITTER, sql.SQL(kind))
    return column
