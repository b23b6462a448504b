"""A small simulated operator with a customer to erase, and looks at everything that could still hold him."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from psycopg import sql

from tenure.db import connect
from tenure.landing.archive import Archive, delivered_name
from tenure.settings import Settings


@dataclass(frozen=True)
class Operator:
    """A small simulated operator, landed; one of its customers, and what he is known by in its files."""

    settings: Settings
    extracts: Path
    customer_id: str
    canaries: dict[str, set[str]]

    @property
    def values(self) -> set[str]:
        return set().union(*self.canaries.values())


def text_of(content: bytes) -> str:
    return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()


def rows_of(path: Path) -> list[dict[str, str]]:
    if path.name.endswith(".parquet"):
        return [{k: "" if v is None else str(v) for k, v in row.items()} for row in pq.read_table(path).to_pylist()]
    text = text_of(path.read_bytes())
    if ".jsonl" in path.name:
        return [{k: "" if v is None else str(v) for k, v in json.loads(line).items()} for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text)))


def files_of(extracts: Path, entity: str) -> list[Path]:
    return [path for path in sorted((extracts / entity).iterdir()) if not path.name.endswith(".manifest.json")]


def entity_rows(extracts: Path, entity: str) -> list[dict[str, str]]:
    return [row for path in files_of(extracts, entity) for row in rows_of(path)]


def chosen(extracts: Path) -> tuple[str, dict[str, set[str]]]:
    """A customer with a mobile line and his own payer, and everything the files know him by that is his alone."""
    lines = entity_rows(extracts, "crm.subscription")
    accounts = {row["customer_id"]: row["account_id"] for row in entity_rows(extracts, "crm.account")}
    customer_id = next(
        row["customer_id"]
        for row in lines
        if row["msisdn"] and not row["user_customer_id"] and accounts.get(row["customer_id"]) == row["account_id"]
    )
    people = entity_rows(extracts, "crm.customer")
    mine = [row for row in people if row["customer_id"] == customer_id]
    shared = {
        row[name] for row in people if row["customer_id"] != customer_id for name in ("customer_name", "id_number")
    }
    return customer_id, {
        "customer": {customer_id},
        "account": {accounts[customer_id]},
        "subscription": {row["subscription_id"] for row in lines if row["customer_id"] == customer_id},
        "value": {row["msisdn"] for row in lines if row["customer_id"] == customer_id and row["msisdn"]}
        | {row[name] for row in mine for name in ("customer_name", "id_number") if row[name]} - shared,
    }


# What dbt builds from the landed rows: it holds an erased customer until it is built anew.
BUILT = ("staging", "intermediate", "build", "features", "marts")


def in_tables(operator: Operator, with_built: bool = False) -> set[tuple[str, str, str]]:
    """Table, column and value of every cell that holds an id of the customer in its column, or a value anywhere."""
    found = set()
    with connect("owner", settings=operator.settings) as connection:
        tables = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
            " join information_schema.tables using (table_schema, table_name) where table_type = 'BASE TABLE'"
            " and table_schema not in ('pg_catalog', 'information_schema') and (%s or not table_schema = any(%s))",
            (with_built, list(BUILT)),
        ).fetchall()
        for schema, table, column in tables:
            sought = operator.canaries["value"] | {
                value for kind, ids in operator.canaries.items() if column.endswith(f"{kind}_id") for value in ids
            }
            query = sql.SQL("select distinct t.{0}::text from {1} as t where t.{0}::text = any(%s)").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            found |= {(f"{schema}.{table}", column, value) for (value,) in connection.execute(query, (list(sought),))}
    return found


def in_archive(settings: Settings, operator: Operator, tmp_path: Path) -> set[tuple[str, str]]:
    """File and column of every such cell in the decrypted archive."""
    found = set()
    archive = Archive(settings)
    for relative in archive.files():
        path = tmp_path / delivered_name(relative)
        path.write_bytes(b"".join(archive.read(relative)))
        for row in rows_of(path):
            for column, value in row.items():
                kinds = [kind for kind in ("customer", "account", "subscription") if column.endswith(f"{kind}_id")]
                if value in operator.canaries["value"] or any(value in operator.canaries[kind] for kind in kinds):
                    found.add((relative, column))
        path.unlink()
    return found
