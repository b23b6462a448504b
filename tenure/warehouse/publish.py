"""The publication step: readers see one complete version of all marts, and never a mixture.

dbt builds in schema `build`, which no reader can enter. Once everything is built and has passed every check since, one
transaction compares the digest of each partition of each mart with that of what was published, replaces those that
differ, and adds one row to `marts.publication`. Published rows are not read for it, and built ones only where dbt has
not kept their digest itself. Plain row changes are invisible to a reader until the commit, at any isolation level,
which swapping tables or views is not (docs/decisions/0003-publication.md).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from tenure.db import ROW_DIGEST
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.gate import BUILD_LOCK, check_gate
from tenure.settings import Settings
from tenure.transform import Mart, marts, read_manifest
from tenure.warehouse.reader_rights import apply_reader_rights, hold_reader_rights

Connection = psycopg.Connection[Any]
Parts = dict[str, tuple[int, str]]

LOCK = "tenure publish"

PUBLICATION_TABLES = """
create table if not exists marts.publication (
    publication_id bigint primary key,
    as_of_date date not null,
    published_at timestamptz not null,
    is_current boolean not null
);
create unique index if not exists publication__is_current__unique on marts.publication (is_current) where is_current;
create table if not exists marts.mart_status (
    mart_name text primary key,
    grain text not null,
    complete_to_date date,
    row_count bigint not null
);
comment on table marts.publication is 'One row per published version of all marts; is_current marks the one you read';
comment on table marts.mart_status is
    'One row per mart: its grain, the business date its sources are complete to, and its rows';
"""


@dataclass(frozen=True)
class Publication:
    """The version that readers now see, and what publishing it changed."""

    publication_id: int
    as_of_date: dt.date
    changed_marts: tuple[str, ...]
    rows_written: int

    def __str__(self) -> str:
        return (
            f"version {self.publication_id}, as of {self.as_of_date}: "
            f"{len(self.changed_marts)} marts changed, {self.rows_written} rows written"
        )


def publish(settings: Settings) -> Publication:
    """Publish what dbt has built. Publishing the same content again writes nothing and keeps the version.

    Raises TenureError when a mart is missing in `build`, a model or check did not end well, or nothing was landed yet:
    nothing is published then.
    """
    wanted = marts(settings)
    manifest = read_manifest(settings)
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("set local timezone = 'UTC'")
        # Not while a build is under way: its marts would be of two minds.
        for lock in (BUILD_LOCK, LOCK):
            connection.execute("select pg_advisory_xact_lock(hashtext(%s))", (lock,))
        hold_reader_rights(connection)
        connection.execute(PUBLICATION_TABLES)
        as_of_date = _as_of_date(connection)
        check_gate(connection, manifest)
        changed: list[str] = []
        rows_written = 0
        for mart in wanted:
            written = _publish_mart(connection, mart)
            if written is not None:
                changed.append(mart.name)
                rows_written += written
        _remove_unknown(connection, {mart.name for mart in wanted}, changed)
        _accept_unpublished(connection, {mart.name for mart in wanted})
        apply_reader_rights(connection, settings)
        reach("before_publication")
        _write_status(connection, wanted)
        publication_id = _write_publication(connection, as_of_date, bool(changed))
    reach("after_publication")
    return Publication(publication_id, as_of_date, tuple(changed), rows_written)


def _as_of_date(connection: Connection) -> dt.date:
    row = connection.execute("select as_of_date from intermediate.int_as_of_date").fetchone()
    if row is None or row[0] is None:
        raise TenureError("nothing was landed yet, so there is nothing to publish", hint="run `tenure land` first")
    return row[0]


def _columns(connection: Connection, schema: str, name: str) -> list[tuple[str, str]]:
    return connection.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped order by a.attnum
        """,
        (schema, name),
    ).fetchall()


def _publish_mart(connection: Connection, mart: Mart) -> int | None:
    """Rows written for this mart, or None when it was up to date."""
    built = _columns(connection, "build", mart.name)
    if not built:
        raise TenureError(f"mart {mart.name} is not built, so nothing was published", hint="run `tenure build`")
    names = {"mart": sql.Identifier(mart.name)}
    parts = _parts(connection, mart, "build")
    if _columns(connection, "marts", mart.name) != built:
        # An upgrade changed the shape: the only case in which a table is replaced as a whole.
        connection.execute(sql.SQL("drop table if exists marts.{mart} cascade").format(**names))
        connection.execute(sql.SQL("create table marts.{mart} (like build.{mart} including all)").format(**names))
        _copy_comments(connection, mart.name)
        written: int | None = _insert(connection, names, sql.SQL("true"))
    else:
        written = _replace(connection, mart, names, parts)
    _index(connection, mart)
    _accept(connection, mart.name, parts)
    return written


def _parts(connection: Connection, mart: Mart, schema: str) -> Parts:
    """Rows and digest of each partition, by its value; of a table without partitions, all of it under ''."""
    if mart.is_tracked and schema == "build":
        found = connection.execute(
            "select partition_date::text, row_count, digest from reference.partition_version where producer = %s",
            (mart.name,),
        )
    else:
        value = sql.SQL("coalesce({}::text, '')").format(sql.Identifier(mart.partition_column or ""))
        found = connection.execute(
            sql.SQL("select {value} as partition_value, count(*), {digest} from {table} as t group by 1").format(
                value=value if mart.partition_column else sql.SQL("''::text"),
                digest=sql.SQL(ROW_DIGEST),
                table=sql.Identifier(schema, mart.name),
            )
        )
    return {str(value): (int(count), str(digest)) for value, count, digest in found}


def _published_parts(connection: Connection, mart: Mart) -> Parts:
    """What readers have: as noted, or by reading it where nothing was noted yet."""
    found = connection.execute(
        "select partition_value, row_count, digest from reference.partition_accepted where producer = %s", (mart.name,)
    ).fetchall()
    if not found:
        return _parts(connection, mart, "marts")
    return {str(value): (int(count), str(digest)) for value, count, digest in found}


def _replace(connection: Connection, mart: Mart, names: dict[str, Any], built: Parts) -> int | None:
    published = _published_parts(connection, mart)
    changed = sorted(value for value in built.keys() | published.keys() if built.get(value) != published.get(value))
    if not changed:
        return None
    if mart.partition_column is None:
        where: sql.Composable = sql.SQL("true")
    else:
        column = sql.Identifier(mart.partition_column)
        kind = dict(_columns(connection, "build", mart.name))[mart.partition_column]
        where = sql.SQL("{column} = any({values}::{kind}[])").format(
            column=column, values=sql.Literal([value for value in changed if value]), kind=sql.SQL(kind)
        )
        if "" in changed:
            where = sql.SQL("({} or {} is null)").format(where, column)
    connection.execute(sql.SQL("delete from marts.{mart} where {where}").format(where=where, **names))
    return _insert(connection, names, where)


def _insert(connection: Connection, names: dict[str, Any], where: sql.Composable) -> int:
    statement = sql.SQL("insert into marts.{mart} select * from build.{mart} where {where}")
    return connection.execute(statement.format(where=where, **names)).rowcount


def _accept(connection: Connection, producer: str, parts: Parts) -> None:
    """Note what readers have of a mart."""
    connection.execute("delete from reference.partition_accepted where producer = %s", (producer,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into reference.partition_accepted values (%s, %s, %s, %s)",
            [(producer, value, count, digest) for value, (count, digest) in parts.items()],
        )


def _accept_unpublished(connection: Connection, marts_of_readers: set[str]) -> None:
    """Note what models held that were checked and are not published, and what had landed for them."""
    connection.execute(
        """
        delete from reference.partition_accepted where not producer = any(%(marts)s);
        """,
        {"marts": sorted(marts_of_readers)},
    )
    connection.execute(
        """
        insert into reference.partition_accepted (producer, partition_value, row_count, digest)
        select producer, partition_date::text, row_count, digest
        from reference.partition_version where not producer = any(%(marts)s)
        """,
        {"marts": sorted(marts_of_readers)},
    )


def _index(connection: Connection, mart: Mart) -> None:
    """What readers and the next publication ask of a mart is found without reading its whole history."""
    for columns in ((mart.partition_column,) if mart.partition_column else (), mart.looked_up_by):
        if columns:
            # The name that an index made with the table has, so that there are never two.
            statement = sql.SQL("create index if not exists {} on marts.{} ({})").format(
                sql.Identifier("_".join([mart.name, *columns, "idx"])),
                sql.Identifier(mart.name),
                sql.SQL(", ").join(map(sql.Identifier, columns)),
            )
            connection.execute(statement)


def _copy_comments(connection: Connection, name: str) -> None:
    """Give the published table the descriptions of the built one (`like` copies those of columns only)."""
    row = connection.execute("select obj_description(('build.' || quote_ident(%s))::regclass)", (name,)).fetchone()
    if row and row[0]:
        connection.execute(sql.SQL("comment on table marts.{} is {}").format(sql.Identifier(name), sql.Literal(row[0])))


def _remove_unknown(connection: Connection, wanted: set[str], changed: list[str]) -> None:
    published = connection.execute(
        "select tablename from pg_tables where schemaname = 'marts' and tablename not in ('publication', 'mart_status')"
    ).fetchall()
    for (name,) in published:
        if name not in wanted:
            connection.execute(sql.SQL("drop table marts.{} cascade").format(sql.Identifier(name)))
            changed.append(name)


def _write_status(connection: Connection, wanted: list[Mart]) -> None:
    coverage = dict(
        connection.execute(
            "select source_name, min(complete_to_date) from intermediate.int_source_coverage group by 1"
        ).fetchall()
    )
    connection.execute("delete from marts.mart_status where not mart_name = any(%s)", ([m.name for m in wanted],))
    for mart in wanted:
        dates = [coverage[source] for source in mart.sources if coverage.get(source) is not None]
        connection.execute(
            """
                insert into marts.mart_status as s (mart_name, grain, complete_to_date, row_count)
                select %s, %s, %s, coalesce(sum(row_count), 0)
                from reference.partition_accepted where producer = %s
                on conflict (mart_name) do update
                set grain = excluded.grain, complete_to_date = excluded.complete_to_date, row_count = excluded.row_count
                where (s.grain, s.complete_to_date, s.row_count)
                    is distinct from (excluded.grain, excluded.complete_to_date, excluded.row_count)
            """,
            (mart.name, mart.grain, min(dates, default=None), mart.name),
        )


def _write_publication(connection: Connection, as_of_date: dt.date, has_changed: bool) -> int:
    row = connection.execute("select publication_id, as_of_date from marts.publication where is_current").fetchone()
    if row is not None and not has_changed and row[1] == as_of_date:
        return int(row[0])
    new_id = int(row[0]) + 1 if row else 1
    connection.execute("update marts.publication set is_current = false where is_current")
    connection.execute(
        "insert into marts.publication values (%s, %s, clock_timestamp(), true)",
        (new_id, as_of_date),
    )
    return new_id
