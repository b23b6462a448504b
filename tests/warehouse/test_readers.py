"""A reader of every mart in one transaction sees one published version, and never waits for a publication."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from psycopg import sql

from tenure.settings import Settings
from tenure.transform import marts
from tenure.warehouse import mart_digests, publish

Seen = tuple[int, ...]


def _counts(connection: psycopg.Connection[Any], names: list[str]) -> Seen:
    """The published version and the rows of every mart, each by a statement of its own in one transaction."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        found = [connection.execute("select publication_id from marts.publication where is_current").fetchone()]
        for name in names:
            found.append(
                connection.execute(sql.SQL("select count(*) from marts.{}").format(sql.Identifier(name))).fetchone()
            )
        return tuple(row[0] for row in found if row is not None)


def _take_a_row_of_each(connection: psycopg.Connection[Any], names: list[str]) -> None:
    for name in names:
        connection.execute(
            sql.SQL(
                "create table intermediate.{kept} as select * from build.{mart} where ctid ="
                " (select min(ctid) from build.{mart})"
            ).format(kept=sql.Identifier(f"kept_{name}"), mart=sql.Identifier(name))
        )
        connection.execute(
            sql.SQL("delete from build.{mart} where ctid = (select min(ctid) from build.{mart})").format(
                mart=sql.Identifier(name)
            )
        )


def _give_back(connection: psycopg.Connection[Any], names: list[str]) -> None:
    for name in names:
        kept = sql.Identifier("intermediate", f"kept_{name}")
        connection.execute(sql.SQL("insert into build.{} select * from {}").format(sql.Identifier(name), kept))
        connection.execute(sql.SQL("drop table {}").format(kept))


def test_reader_of_every_mart__sees_one_version_and_does_not_wait(built_warehouse) -> None:
    settings: Settings = built_warehouse.settings
    before = mart_digests(settings)
    rows = {item.name: item.row_count for item in before}
    names = [mart.name for mart in marts(settings) if rows[mart.name] and not mart.is_tracked]
    assert len(names) > 10
    seen: list[Seen] = []
    failures: list[Exception] = []
    done = threading.Event()

    def poll() -> None:
        # Whoever is kept waiting for longer than a second is told so by an error.
        with psycopg.connect(settings.url("analyst"), options="-c lock_timeout=1s", autocommit=True) as connection:
            while not done.is_set():
                try:
                    seen.append(_counts(connection, names))
                except psycopg.Error as error:
                    failures.append(error)

    with psycopg.connect(settings.url("analyst"), autocommit=True) as connection:
        old = _counts(connection, names)
    with psycopg.connect(settings.url("transformer")) as connection:
        _take_a_row_of_each(connection, names)
    poller = threading.Thread(target=poll)
    poller.start()
    try:
        published = publish(settings)
    finally:
        with psycopg.connect(settings.url("transformer")) as connection:
            _give_back(connection, names)
        done.set()
        poller.join()
    assert set(published.changed_marts) == set(names)
    new = (old[0] + 1, *(count - 1 for count in old[1:]))
    assert failures == []
    assert set(seen) <= {old, new}
    publish(settings)
    assert mart_digests(settings) == before
