"""Rows that speak of others which are not there yet: noted when they land, settled when the others arrive.

The rows land all the same, and the marts show them under an unknown member, so that no total lacks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.loader import Loader
from tenure.landing.schema import raw_identifier


def note_unknown_references(loader: Loader, contract: Contract, load_id: int) -> None:
    """Note what the rows of a load refer to that no row of the entity referred to has, in the load's transaction.

    The server counts: a file may speak of more values than there is memory for here.
    """
    for name, target in contract.references.items():
        loader.execute(
            sql.SQL(
                """
                insert into ops.unknown_reference (
                    load_id, source_name, entity_name, column_name, reference_name, reference_value, row_count
                )
                select {load_id}, {source}, {entity}, {column}, {target}, value.reference_value, value.row_count
                from (
                    select {landed} as reference_value, count(*) as row_count
                    from {raw}
                    where _load_id = {load_id} and {landed} is not null
                    group by {landed}
                ) as value
                where not exists (select 1 from {table} as known where known.{key} = value.reference_value)
                """
            )
            .format(
                load_id=sql.Literal(load_id),
                source=sql.Literal(contract.source),
                entity=sql.Literal(contract.entity),
                column=sql.Literal(name),
                target=sql.Literal(target),
                landed=sql.Identifier(contract.column(name).landed_name),
                raw=raw_identifier(contract),
                **_referred(contract, name),
            )
            .as_string()
        )


def _referred(contract: Contract, name: str) -> dict[str, sql.Identifier]:
    """Table and column that a column refers to; both sides are landed in clear or both as tokens."""
    source, entity, column = contract.references[name].split(".")
    landed = f"{column}_token" if contract.column(name).is_personal else column
    return {"table": sql.Identifier(f"raw_{source}", entity), "key": sql.Identifier(landed)}


def settle_references(connection: psycopg.Connection[Any], contracts: Mapping[str, Contract]) -> int:
    """Close what has become known since, in one statement per reference. Returns the number of values."""
    settled = 0
    waiting = connection.execute(
        "select distinct source_name || '.' || entity_name, column_name from ops.unknown_reference"
        " where resolved_at is null"
    ).fetchall()
    for entity, name in sorted(waiting):
        contract = contracts.get(entity)
        if contract is None or name not in contract.references:
            continue
        statement = sql.SQL(
            """
            update ops.unknown_reference as waiting set resolved_at = clock_timestamp()
            where resolved_at is null and source_name = {source} and entity_name = {entity} and column_name = {column}
                and exists (select 1 from {table} as known where known.{key} = waiting.reference_value)
            """
        ).format(
            source=sql.Literal(contract.source),
            entity=sql.Literal(contract.entity),
            column=sql.Literal(name),
            **_referred(contract, name),
        )
        reach("before_references")
        settled += connection.execute(statement).rowcount
        reach("after_references")
    return settled
