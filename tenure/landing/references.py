"""Rows that speak of others which are not there yet: noted when they land, settled when the others arrive.

The rows land all the same, and the marts show them under an unknown member, so that no total lacks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.loader import Loader

# Distinct values are put together when so many have come.
_MERGE_AT = 500_000


class ReferenceValues:
    """The distinct values of the referring columns of one load, and how many rows have each."""

    def __init__(self, loader: Loader, contract: Contract, load_id: int) -> None:
        self._loader = loader
        self._contract = contract
        self._load_id = load_id
        self._parts: dict[str, list[pl.DataFrame]] = {name: [] for name in contract.references}

    def add(self, rows: pl.DataFrame) -> None:
        """Note the values of rows that land (columns by their landed names)."""
        for name, parts in self._parts.items():
            values = rows[self._contract.column(name).landed_name].drop_nulls()
            parts.append(values.alias("reference_value").value_counts(name="row_count"))
            if len(parts) > 1 and sum(part.height for part in parts) > _MERGE_AT:
                parts[:] = [_merged(parts)]

    def write(self) -> None:
        """Write those that no row of the entity referred to has, in the transaction of the load."""
        for name, parts in self._parts.items():
            values = _merged(parts)
            if values.is_empty():
                continue
            self._loader.execute(
                "create temporary table reference_value (reference_value text, row_count bigint) on commit drop"
            )
            self._loader.copy(None, "reference_value", values.with_columns(pl.col("row_count").cast(pl.Int64)))
            self._loader.execute("analyze reference_value")
            target = self._contract.references[name]
            self._loader.execute(
                sql.SQL(
                    """
                    insert into ops.unknown_reference (
                        load_id, source_name, entity_name, column_name, reference_name, reference_value, row_count
                    )
                    select {load_id}, {source}, {entity}, {column}, {target}, value.reference_value, value.row_count
                    from reference_value as value
                    where not exists (select 1 from {table} as known where known.{key} = value.reference_value)
                    """
                )
                .format(
                    load_id=sql.Literal(self._load_id),
                    source=sql.Literal(self._contract.source),
                    entity=sql.Literal(self._contract.entity),
                    column=sql.Literal(name),
                    target=sql.Literal(target),
                    **_referred(self._contract, name),
                )
                .as_string()
            )
            self._loader.execute("drop table reference_value")


def _merged(parts: list[pl.DataFrame]) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema={"reference_value": pl.String, "row_count": pl.Int64})
    return pl.concat(parts).group_by("reference_value").agg(pl.col("row_count").sum())


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
