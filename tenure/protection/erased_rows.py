"""Putting pseudonyms in the place of an erased customer in every raw table, and taking out what is his alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import sql

from tenure.contracts import Column, Contract
from tenure.landing.schema import raw_identifier
from tenure.protection.person import Person
from tenure.protection.subjects import id_columns, kind_of, number_columns, subject_columns

Connection = psycopg.Connection[Any]


def note_pseudonyms(connection: Connection, person: Person) -> None:
    """Temporary tables of what is to be replaced by what, for the transaction."""
    connection.execute("create temporary table erased_id (kind text, id text, pseudonym text) on commit drop")
    connection.execute(
        "create temporary table erased_number"
        " (token text, pseudonym text, valid_from timestamptz, valid_to timestamptz) on commit drop"
    )
    ids = [(kind, value, name) for kind, values in person.ids.items() for value, name in values.items()]
    numbers = [(n.token, n.pseudonym, *span) for n in person.numbers.values() for span in n.spans]
    with connection.cursor() as cursor:
        cursor.executemany("insert into erased_id values (%s, %s, %s)", ids)
        if numbers:
            cursor.executemany("insert into erased_number values (%s, %s, %s, %s)", numbers)


def replace_in_raw(connection: Connection, contracts: Mapping[str, Contract]) -> int:
    """Replace ids, numbers and describing values in all raw tables. Returns the number of rows changed.

    Where a key holds them, the hashes of keys are marked to be made anew.
    """
    changed = 0
    for contract in contracts.values():
        table = raw_identifier(contract)
        rows = sum(connection.execute(statement).rowcount for statement in _replacements(contract, table))
        named = {*id_columns(contract), *(column.name for column in number_columns(contract))}
        if rows and named & set(contract.primary_key):
            connection.execute(
                "update ops.key_chunk set hash_name = 'erased' where source_name = %s and entity_name = %s",
                (contract.source, contract.entity),
            )
        changed += rows
    return changed


def replace_in_held_rows(connection: Connection, contracts: Mapping[str, Contract]) -> int:
    """The same in rows that wait for another row of their key to go. Returns the number of rows changed."""
    changed = 0
    copy = sql.Identifier("held_copy")
    for contract in contracts.values():
        of = sql.SQL("held.source_name = {} and held.entity_name = {}")
        names: dict[str, sql.Composable] = {
            "raw": raw_identifier(contract),
            "copy": copy,
            "of": of.format(sql.Literal(contract.source), sql.Literal(contract.entity)),
        }
        made = connection.execute(
            sql.SQL(
                "create temporary table {copy} on commit drop as select held.ctid as place_id, rebuilt.*"
                " from ops.held_row as held"
                " cross join lateral jsonb_populate_record(null::{raw}, held.raw_row) as rebuilt where {of}"
            ).format(**names)
        )
        if made.rowcount:
            for statement in _replacements(contract, copy):
                connection.execute(statement)
            changed += connection.execute(
                sql.SQL(
                    "update ops.held_row as held set raw_row = to_jsonb(c) - 'place_id' from {copy} as c"
                    " where held.ctid = c.place_id and held.raw_row <> to_jsonb(c) - 'place_id'"
                ).format(**names)
            ).rowcount
        connection.execute(sql.SQL("drop table {copy}").format(**names))
    return changed


def _replacements(contract: Contract, table: sql.Identifier) -> Iterator[sql.Composed]:
    if id_columns(contract):
        yield _by_id(contract, table)
    for column in number_columns(contract):
        yield _by_number(contract, column, table)


def _pseudonym(kind: str, column: str) -> sql.Composed:
    return sql.SQL("(select e.pseudonym from erased_id as e where e.kind = {} and e.id = t.{})").format(
        sql.Literal(kind), sql.Identifier(column)
    )


def _by_id(contract: Contract, table: sql.Identifier) -> sql.Composed:
    ids, subjects = id_columns(contract), subject_columns(contract)
    about = sql.SQL("coalesce({}, null)").format(
        sql.SQL(", ").join(_pseudonym(kind, name) for name, kind in subjects.items()) if subjects else sql.SQL("null")
    )
    sets = [
        sql.SQL("{name} = coalesce({new}, t.{name})").format(name=sql.Identifier(name), new=_pseudonym(kind, name))
        for name, kind in ids.items()
    ]
    for column in contract.columns:
        if column.is_personal or column.is_describing:
            sets.append(
                sql.SQL("{name} = case when {about} is null then t.{name} else {new} end").format(
                    name=sql.Identifier(column.landed_name), about=about, new=_instead(contract, column, about)
                )
            )
    where = sql.SQL(" or ").join(
        sql.SQL("t.{} in (select e.id from erased_id as e where e.kind = {})").format(
            sql.Identifier(name), sql.Literal(kind)
        )
        for name, kind in ids.items()
    )
    return sql.SQL("update {table} as t set {sets} where {where}").format(
        table=table, sets=sql.SQL(", ").join(sets), where=where
    )


def _instead(contract: Contract, column: Column, about: sql.Composable) -> sql.Composable:
    """What a personal or describing column holds in a row about somebody erased."""
    if column.is_describing:
        return sql.SQL("null")
    number: sql.Composable = sql.SQL("null")
    if column in number_columns(contract):
        number = sql.SQL("(select n.pseudonym from erased_number as n where n.token = t.{} limit 1)").format(
            sql.Identifier(column.landed_name)
        )
    return sql.SQL("coalesce({}, {})").format(number, about) if column.is_required else number


def _by_number(contract: Contract, column: Column, table: sql.Identifier) -> sql.Composed:
    """Rows that name nobody, such as usage: a number is replaced for the time in which it was the person's."""
    unnamed = [sql.SQL("t.{} is null").format(sql.Identifier(name)) for name in subject_columns(contract)]
    return sql.SQL(
        """
        update {table} as t set {token} = n.pseudonym from erased_number as n
        where t.{token} = n.token and {unnamed}
          and (n.valid_from is null or t.{at} >= n.valid_from) and (n.valid_to is null or t.{at} < n.valid_to)
        """
    ).format(
        table=table,
        token=sql.Identifier(column.landed_name),
        at=sql.Identifier(contract.date_column),
        unnamed=sql.SQL(" and ").join(unnamed) if unnamed else sql.SQL("true"),
    )


def remove_from(connection: Connection, schema: str) -> int:
    """Delete the rows about the person from every table of a schema that names customers by id."""
    rows = connection.execute(
        "select c.table_name, c.column_name from information_schema.columns as c"
        " join information_schema.tables as t using (table_schema, table_name)"
        " where c.table_schema = %s and t.table_type = 'BASE TABLE' order by 1, 2",
        (schema,),
    ).fetchall()
    removed = 0
    for table, column in rows:
        if kind := kind_of(column):
            removed += connection.execute(
                sql.SQL("delete from {} where {} in (select e.id from erased_id as e where e.kind = %s)").format(
                    sql.Identifier(schema, table), sql.Identifier(column)
                ),
                (kind,),
            ).rowcount
    return removed


def remove_unknown_references(connection: Connection) -> int:
    """Forget the person's ids and numbers among the values that wait for the row they speak of."""
    return connection.execute(
        "delete from ops.unknown_reference where reference_value in (select id from erased_id)"
        " or reference_value in (select token from erased_number)"
    ).rowcount
