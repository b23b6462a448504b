"""Putting pseudonyms in the place of an erased customer in every raw table, and taking out what is his alone."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Replace ids, numbers and describing values in all raw tables. Returns the number of rows changed."""
    changed = 0
    for contract in contracts.values():
        if id_columns(contract):
            changed += connection.execute(_by_id(contract)).rowcount
        for column in number_columns(contract):
            changed += connection.execute(_by_number(contract, column)).rowcount
    return changed


def _pseudonym(kind: str, column: str) -> sql.Composed:
    return sql.SQL("(select e.pseudonym from erased_id as e where e.kind = {} and e.id = t.{})").format(
        sql.Literal(kind), sql.Identifier(column)
    )


def _by_id(contract: Contract) -> sql.Composed:
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
        table=raw_identifier(contract), sets=sql.SQL(", ").join(sets), where=where
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


def _by_number(contract: Contract, column: Column) -> sql.Composed:
    """Rows that name nobody, such as usage: a number is replaced for the time in which it was the person's."""
    unnamed = [sql.SQL("t.{} is null").format(sql.Identifier(name)) for name in subject_columns(contract)]
    return sql.SQL(
        """
        update {table} as t set {token} = n.pseudonym from erased_number as n
        where t.{token} = n.token and {unnamed}
          and (n.valid_from is null or t.{at} >= n.valid_from) and (n.valid_to is null or t.{at} < n.valid_to)
        """
    ).format(
        table=raw_identifier(contract),
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


def remove_held_rows(connection: Connection, contracts: Mapping[str, Contract]) -> int:
    """Delete rows of the person that wait for another row of their key to go."""
    known = connection.execute("select to_regclass('ops.held_row') is not null").fetchone()
    if known is None or not known[0]:
        return 0
    removed = 0
    for contract in contracts.values():
        tests = [
            sql.SQL("raw_row ->> {} in (select e.id from erased_id as e where e.kind = {})").format(
                sql.Literal(name), sql.Literal(kind)
            )
            for name, kind in id_columns(contract).items()
        ]
        tests += [
            sql.SQL("raw_row ->> {} in (select n.token from erased_number as n)").format(
                sql.Literal(column.landed_name)
            )
            for column in number_columns(contract)
        ]
        if tests:
            removed += connection.execute(
                sql.SQL("delete from ops.held_row where source_name = %s and entity_name = %s and ({})").format(
                    sql.SQL(" or ").join(tests)
                ),
                (contract.source, contract.entity),
            ).rowcount
    return removed
