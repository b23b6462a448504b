"""What the ledger tells: freshness, balances, gaps, and why rows were refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.settings import Settings

Row = dict[str, Any]

_FRESHNESS = """
    select source_name, entity_name, count(*) as file_count, sum(landed_count)::bigint as row_count,
        min(period_from) as period_from, max(period_to) as period_to, max(finished_at) as last_landed_at
    from ops.load where status = 'landed'
    group by source_name, entity_name order by source_name, entity_name
"""
_LAST_LOADS = """
    select load_id, source_name, entity_name, file_name, version, status, row_count, landed_count, rejected_count,
        duplicate_count, control_totals, message, finished_at
    from ops.load order by load_id desc limit %s
"""
_REJECTS_BY_REASON = """
    select load.source_name, load.entity_name, reject.column_name, reject.rule_name, reject.message,
        count(*) as reject_count, max(load.business_date) as last_business_date
    from ops.reject join ops.load using (load_id)
    where load.status in ('landed', 'refused')
    group by 1, 2, 3, 4, 5 order by reject_count desc, 1, 2, 3, 4
"""
# A refusal is over when the same file has landed since.
_REFUSED = """
    select refused.source_name, refused.entity_name, refused.file_name, refused.message, refused.finished_at
    from ops.load as refused
    where refused.status = 'refused' and not exists (
        select 1 from ops.load as later
        where later.source_name = refused.source_name and later.entity_name = refused.entity_name
            and later.file_name = refused.file_name and later.load_id > refused.load_id
    )
    order by refused.load_id desc
"""
_TOTALS = """
    select count(*) as file_count, coalesce(sum(row_count), 0)::bigint as row_count,
        coalesce(sum(landed_count), 0)::bigint as landed_count,
        coalesce(sum(rejected_count), 0)::bigint as rejected_count,
        coalesce(sum(duplicate_count), 0)::bigint as duplicate_count
    from ops.load where status = 'landed'
"""
_REJECTS = """
    select load.source_name || '.' || load.entity_name as entity_name, reject.file_name, reject.line_number,
        reject.column_name, reject.rule_name, reject.message, reject.masked_text
    from ops.reject join ops.load using (load_id)
    order by reject.load_id desc, reject.line_number, reject.column_name limit %s
"""


def reject_report(settings: Settings, limit: int = 50) -> list[Row]:
    """The latest refused rows: entity, file, line, column, rule, what to do, and the shape of the value."""
    with connect("loader", settings=settings) as connection:
        return _rows(connection, _REJECTS, (limit,))


def load_status(settings: Settings, last: int = 20) -> dict[str, Any]:
    """The state of landing as plain data.

    `totals` (one dict of counts over all landed files), and lists of dicts: `freshness` by entity, `last_loads` with
    their balance, `gaps` (days of an entity that no landed file covers), `refused_files` that still wait for a good
    delivery, and `rejects` by reason.
    """
    with connect("loader", settings=settings) as connection:
        connection.execute("set transaction isolation level repeatable read")
        return {
            "totals": _rows(connection, _TOTALS)[0],
            "freshness": _rows(connection, _FRESHNESS),
            "gaps": _gaps(settings, connection),
            "refused_files": _rows(connection, _REFUSED),
            "rejects": _rows(connection, _REJECTS_BY_REASON),
            "last_loads": _rows(connection, _LAST_LOADS, (last,)),
        }


def _rows(connection: psycopg.Connection[Any], query: str, parameters: tuple[Any, ...] = ()) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _gaps(settings: Settings, connection: psycopg.Connection[Any]) -> list[Row]:
    periods: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for source, entity, first, last in connection.execute(
        "select source_name, entity_name, period_from, period_to from ops.load"
        " where status = 'landed' and period_from is not null order by period_from, period_to"
    ):
        periods.setdefault(f"{source}.{entity}", []).append((first, last))
    cadences = {name: contract.cadence for name, contract in load_contracts(settings.root).items()}
    return [
        {"entity_name": name, "missing_from": first, "missing_to": last, "cadence": cadences.get(name, "daily")}
        for name, covered in sorted(periods.items())
        for first, last in missing_days(covered)
    ]


def missing_days(periods: list[tuple[dt.date, dt.date]]) -> list[tuple[dt.date, dt.date]]:
    """First and last day of each hole between periods (first and last day, both included)."""
    one_day = dt.timedelta(days=1)
    holes = []
    reached: dt.date | None = None
    for first, last in sorted(periods):
        if reached is not None and first > reached + one_day:
            holes.append((reached + one_day, first - one_day))
        reached = last if reached is None else max(reached, last)
    return holes
