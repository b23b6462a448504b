"""What must hold at any moment: the ledger and the data say the same. And what two landings must have in common."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from tenure.contracts import Contract
from tenure.landing.archive import Archive
from tenure.landing.schema import raw_identifier
from tenure.settings import Settings

Connection = psycopg.Connection[Any]

# One statement: one snapshot of the ledger and of everything that it vouches for.
_COUNTS = """
with landed as (
    select _load_id as load_id, count(*) as row_count, jsonb_build_object({sums}) as totals from {raw} group by 1
),
refused as (
    select load_id, count(distinct line_number) as line_count,
        count(*) filter (where rule_name = 'key_conflict') as conflict_count
    from ops.reject group by 1
),
held as (
    select load_id, count(*) filter (where reason <> 'conflict') as duplicate_count,
        count(*) filter (where reason = 'conflict') as conflict_count
    from ops.held_row where source_name = {source} and entity_name = {entity} group by 1
),
keys as (
    select load_id, sum(length(hashes)) / 8 as key_count, sum(length(lines)) / 8 as line_count
    from ops.key_chunk where source_name = {source} and entity_name = {entity} group by 1
),
days as (select load_id, sum(row_count) as row_count from ops.load_day group by 1),
unknown as (
    select load_id, count(*) as value_count from ops.unknown_reference
    where source_name = {source} and entity_name = {entity} group by 1
),
known as (select * from ops.load where source_name = {source} and entity_name = {entity})
select load_id, known.status, known.file_name, known.row_count, known.landed_count, known.rejected_count,
    known.duplicate_count, known.control_totals, coalesce(landed.row_count, 0), landed.totals,
    coalesce(refused.line_count, 0), coalesce(refused.conflict_count, 0), coalesce(held.duplicate_count, 0),
    coalesce(held.conflict_count, 0), coalesce(keys.key_count, 0), coalesce(keys.line_count, 0),
    coalesce(days.row_count, 0), coalesce(unknown.value_count, 0)
from known full join landed using (load_id) full join held using (load_id) full join keys using (load_id)
    full join unknown using (load_id) left join refused using (load_id) left join days using (load_id)
"""


def check_entity(connection: Connection, contract: Contract) -> int:
    """Assert that ledger and data of an entity agree, in one snapshot. Returns the number of loads."""
    sums = [sql.SQL("{}, sum({})").format(sql.Literal(name), sql.Identifier(name)) for name in contract.control_totals]
    statement = sql.SQL(_COUNTS).format(
        raw=raw_identifier(contract),
        source=sql.Literal(contract.source),
        entity=sql.Literal(contract.entity),
        sums=sql.SQL(", ").join(sums),
    )
    found = connection.execute(statement).fetchall()
    for load in found:
        _check_load(contract, *load)
    return len(found)


def _check_load(
    contract: Contract, load_id: int, status: str | None, file: str, rows: int, landed: int, rejected: int,
    duplicate: int, totals: dict[str, dict[str, str]], in_raw: int, sums: dict[str, Any] | None, refused_lines: int,
    refused_conflicts: int, held: int, held_conflicts: int, keys: int, key_lines: int, days: int, unknown: int,
) -> None:  # fmt: skip
    where = f"{contract.name} {file} (load {load_id}, {status})"
    assert status is not None, f"{where}: rows of a load that is not in the ledger"
    assert rows == landed + rejected + duplicate, where
    if status != "landed":
        assert not any((in_raw, held, held_conflicts, keys, key_lines, days, unknown)), f"{where}: has left something"
        return
    assert in_raw == landed, f"{where}: {in_raw} rows are there, {landed} in the ledger"
    assert refused_lines == rejected, f"{where}: {refused_lines} lines are refused, {rejected} in the ledger"
    assert refused_conflicts == held_conflicts, where
    assert held == duplicate, f"{where}: {held} rows are held, {duplicate} duplicates in the ledger"
    # Every good row has left its key and its day, whether it stands or not.
    good = in_raw + held + held_conflicts
    assert (keys, key_lines, days) == (good, good, good), f"{where}: {(keys, key_lines, days)} of {good}"
    for name, total in totals.items():
        kinds = {kind: Decimal(value) for kind, value in total.items()}
        assert kinds["file"] == kinds["landed"] + kinds["rejected"] + kinds["duplicate"], where
        if name in contract.control_totals:
            assert kinds["landed"] == Decimal(str((sums or {}).get(name) or 0)), f"{where}: {name}"


def check_all(settings: Settings, owner: Connection, contracts: Sequence[Contract]) -> None:
    """The same for several entities; and nothing is left of what has ended, in tables, archive or spool."""
    for contract in contracts:
        check_entity(owner, contract)
    for table, column in (("ops.reject", "load_id"), ("ops.load_day", "load_id"), ("vault.identity", "first_load_id")):
        lost = owner.execute(
            f"select count(*) from {table} where {column} not in (select load_id from ops.load)"
        ).fetchone()
        assert lost == (0,), table
    assert owner.execute("select count(*) from pg_class where relpersistence = 't'").fetchone() == (0,)
    archive = Archive(settings)
    paths = owner.execute("select distinct archive_path from ops.load where archive_path is not null").fetchall()
    for (path,) in paths:
        assert archive.has(path), path


# What does not depend on which landing brought it: no ids, no times.
_DIGESTS = {
    "load": """
        select source_name, entity_name, file_name, status, version, sha256, business_date, period_from, period_to,
            row_count, landed_count, rejected_count, duplicate_count, control_totals::text, message, mapping_name,
            archive_path
        from ops.load
    """,
    "held": """
        select file_name, held.source_name, held.entity_name, line_number, reason, (raw_row - '_load_id')::text,
            key_hashes::text
        from ops.held_row as held join ops.load using (load_id)
    """,
    "reject": """
        select load.file_name, load.source_name, load.entity_name, version, line_number, column_name, rule_name,
            reject.message, masked_text, due_at
        from ops.reject as reject join ops.load as load using (load_id)
    """,
    # A value that became known is noted or not by whether its file landed before: only what is unknown is the same.
    "unknown": """
        select file_name, column_name, reference_name, reference_value, unknown.row_count
        from ops.unknown_reference as unknown join ops.load using (load_id) where resolved_at is null
    """,
    "days": "select file_name, entity_name, record_date, day.row_count, is_late"
    " from ops.load_day as day join ops.load using (load_id)",
    "keys": "select file_name, keys.entity_name, sum(length(hashes)) from ops.key_chunk as keys"
    " join ops.load using (load_id) group by 1, 2",
    "vault": "select token, kind from vault.identity",
}


def digest(owner: Connection, contracts: Sequence[Contract]) -> dict[str, list[str]]:
    """All that must be the same after two landings of the same deliveries, each row as a text."""
    found = {name: owner.execute(query).fetchall() for name, query in _DIGESTS.items()}
    for contract in contracts:
        columns = sql.SQL(", ").join(sql.Identifier(column.landed_name) for column in contract.columns)
        found[contract.name] = owner.execute(
            sql.SQL("select file_name, _line_number, {} from {} join ops.load on load_id = _load_id").format(
                columns, raw_identifier(contract)
            )
        ).fetchall()
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}
