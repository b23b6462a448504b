"""The published marts as they would be with a history sixteen times as long, and what PostgreSQL reads of them.

They are copied with their indexes into a schema that is taken back, fifteen more times with all dates moved back by the
length of the history. What is read is counted, not timed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tenure.settings import Settings
from tenure.transform import Mart, marts

FOLD = 16
# "At most a few hundred thousand rows": what all scans of a query may read together.
MOST_ROWS = 300_000
# Has no months in its grain, and yet a row for everything that ever was.
GROWING = ("campaign_effect",)


@dataclass(frozen=True)
class LongHistory:
    """A connection on which schema `history` has marts at sixteen-fold history."""

    connection: psycopg.Connection[Any]
    marts: dict[str, Mart]

    def rows(self, statement: str, schema: str) -> list[tuple[Any, ...]]:
        """The answer from one of the schemas; the statement speaks of `marts`."""
        return self.connection.execute(_on(statement, schema)).fetchall()

    def scans(self, statement: str) -> list[dict[str, Any]]:
        """Every node of the executed plan that reads a table."""
        explained = f"explain (analyze, timing off, format json) {_on(statement, 'history')}"
        plan = self.connection.execute(explained).fetchone()[0][0]["Plan"]
        return [node for node in _nodes(plan) if "Relation Name" in node or node["Node Type"] == "Bitmap Heap Scan"]


def _on(statement: str, schema: str) -> str:
    return statement.replace("marts.", f"{schema}.")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def rows_read(scans: Iterable[dict[str, Any]]) -> float:
    """Rows that the scans have looked at, shown or not."""
    dropped = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        float((it["Actual Rows"] + sum(it.get(name, 0) for name in dropped)) * it["Actual Loops"]) for it in scans
    )


@contextmanager
def long_history(settings: Settings, names: Iterable[str]) -> Iterator[LongHistory]:
    """The marts of these names, in a transaction that is taken back."""
    known = {mart.name: mart for mart in marts(settings)}
    with psycopg.connect(settings.url("owner")) as connection:
        connection.execute("create schema history")
        (months,) = connection.execute("select count(distinct month) from marts.base_movement_monthly").fetchone()
        for name in sorted(set(names)):
            grows = name in GROWING or (name in known and known[name].partition_column is not None)
            _copy(connection, name, months, FOLD if grows else 1)
        yield LongHistory(connection, known)
        connection.rollback()


def _copy(connection: psycopg.Connection[Any], name: str, months: int, fold: int) -> None:
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = 'marts' and table_name = %s order by ordinal_position",
        (name,),
    ).fetchall()
    moved = sql.SQL("({column} - copy * interval '{months} months')::date")
    values = [
        moved.format(column=sql.Identifier(column), months=sql.SQL(str(months)))
        if kind == "date" and fold > 1
        else sql.Identifier(column)
        for column, kind in columns
    ]
    table = sql.Identifier(name)
    connection.execute(sql.SQL("create table history.{} (like marts.{} including all)").format(table, table))
    connection.execute(
        sql.SQL("insert into history.{} select {} from marts.{}, generate_series(0, {}) as copy").format(
            table, sql.SQL(", ").join(values), table, sql.Literal(fold - 1)
        )
    )
    connection.execute(sql.SQL("analyze history.{}").format(table))
