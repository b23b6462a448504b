"""What the ledger tells: freshness, balances, gaps in days and sequences, late rows, and why rows were refused."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.errors import TenureError
from tenure.landing.results import plain
from tenure.settings import Settings

Row = dict[str, Any]

_SEQUENCE = re.compile(r"_\d{8}_(\d{1,6})\.")

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
# Of each source and business date: what its landed files had, and what became of it. `superseded` versions are gone.
_BALANCE = """
    select source_name, business_date, count(*) as file_count, sum(row_count)::bigint as row_count,
        sum(landed_count)::bigint as landed_count, sum(rejected_count)::bigint as rejected_count,
        sum(duplicate_count)::bigint as duplicate_count
    from ops.load where status = 'landed'
    group by source_name, business_date order by business_date desc, source_name
"""
_CONTROL_TOTALS = """
    select load.source_name, load.business_date, load.entity_name || '.' || total.key as total_name,
        sum((total.value ->> 'file')::numeric) as file, sum((total.value ->> 'landed')::numeric) as landed,
        sum((total.value ->> 'rejected')::numeric) as rejected, sum((total.value ->> 'duplicate')::numeric) as duplicate
    from ops.load as load cross join lateral jsonb_each(load.control_totals) as total
    where load.status = 'landed'
    group by 1, 2, 3 order by 1, 2, 3
"""
_SEQUENCES = """
    select source_name || '.' || entity_name as entity_name, business_date, array_agg(distinct file_name) as file_names
    from ops.load where business_date is not null and mapping_name is null
    group by 1, 2 order by 1, 2
"""
_LATE = """
    select load.source_name || '.' || load.entity_name as entity_name, sum(day.row_count)::bigint as row_count,
        min(day.record_date) as first_date, max(day.record_date) as last_date, count(distinct load_id) as file_count
    from ops.load_day as day join ops.load as load using (load_id)
    where day.is_late and load.status = 'landed'
    group by 1 order by 1
"""
# Rows of which two files say different things wait for a correction; values that nobody knows yet, for the file that
# brings them.
_SUSPENSE = """
    select source_name || '.' || entity_name as entity_name, 'conflict' as reason, count(*)::bigint as row_count,
        null::bigint as value_count, min(load.business_date) as since
    from ops.held_row join ops.load using (load_id, source_name, entity_name) where reason = 'conflict' group by 1
    union all
    select source_name || '.' || entity_name, 'unknown ' || reference_name, sum(unknown.row_count)::bigint,
        count(distinct reference_value), min(load.business_date)
    from ops.unknown_reference as unknown join ops.load using (load_id, source_name, entity_name)
    where resolved_at is null group by 1, 2
    order by 1, 2
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
    where %(file_name)s::text is null or reject.file_name = %(file_name)s
    order by reject.load_id desc, reject.line_number, reject.column_name limit %(limit)s
"""


def reject_report(settings: Settings, limit: int | None = 50, file_name: str | None = None) -> list[Row]:
    """The latest refused rows: entity, file, line, column, rule, what to do, and the shape of the value.

    `limit` None gives all of them, `file_name` those of the files of this name. Raises TenureError when no file of this
    name was ever delivered.
    """
    with connect("loader", settings=settings) as connection:
        if file_name is not None and not _rows(
            connection, "select from ops.load where file_name = %(file_name)s limit 1", {"file_name": file_name}
        ):
            raise TenureError(
                "no file of this name was delivered", hint="`tenure status` has the names of the last ones"
            )
        return _rows(connection, _REJECTS, {"file_name": file_name, "limit": limit})


def load_status(settings: Settings, last: int = 20) -> dict[str, Any]:
    """The state of landing as plain data.

    `totals` (one dict of counts over all landed files), and lists of dicts: `freshness` by entity, `balance` by source
    and business date in rows and every control total, `gaps` (days of an entity that no landed file covers),
    `sequence_gaps` (numbers missing among the files of a day), `late` rows by entity, `refused_files` that still wait
    for a good delivery, `rejects` by reason, rows in `suspense` by entity and reason, and the `last_loads`.
    """
    with connect("loader", settings=settings) as connection:
        connection.execute("set transaction isolation level repeatable read")
        return {
            "totals": _rows(connection, _TOTALS)[0],
            "freshness": _freshness(settings, connection),
            "balance": _balance(connection),
            "gaps": _gaps(settings, connection),
            "sequence_gaps": _sequence_gaps(connection),
            "late": _rows_if_there(connection, "ops.load_day", _LATE),
            "refused_files": _rows(connection, _REFUSED),
            "rejects": _rows(connection, _REJECTS_BY_REASON),
            "suspense": _rows_if_there(connection, "ops.held_row", _SUSPENSE),
            "last_loads": _rows(connection, _LAST_LOADS, (last,)),
        }


def _rows(
    connection: psycopg.Connection[Any], query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _rows_if_there(connection: psycopg.Connection[Any], table: str, query: str) -> list[Row]:
    # A warehouse that an older version made gets the table with its next landing.
    found = connection.execute("select to_regclass(%s) is not null", (table,)).fetchone()
    return _rows(connection, query) if found and found[0] else []


def _freshness(settings: Settings, connection: psycopg.Connection[Any]) -> list[Row]:
    """By entity; `days_behind` counts from the newest day of any daily entity, None for other cadences."""
    rows = _rows(connection, _FRESHNESS)
    daily = {name for name, contract in load_contracts(settings.root).items() if contract.cadence == "daily"}
    ends = [
        row["period_to"] for row in rows if row["period_to"] and f"{row['source_name']}.{row['entity_name']}" in daily
    ]
    for row in rows:
        is_daily = f"{row['source_name']}.{row['entity_name']}" in daily and row["period_to"]
        row["days_behind"] = (max(ends) - row["period_to"]).days if is_daily else None
    return rows


def _balance(connection: psycopg.Connection[Any]) -> list[Row]:
    totals: dict[tuple[Any, Any], dict[str, dict[str, str]]] = {}
    for row in _rows(connection, _CONTROL_TOTALS):
        of_day = totals.setdefault((row["source_name"], row["business_date"]), {})
        of_day[row["total_name"]] = {kind: plain(row[kind]) for kind in ("file", "landed", "rejected", "duplicate")}
    days = _rows(connection, _BALANCE)
    for day in days:
        day["control_totals"] = totals.get((day["source_name"], day["business_date"]), {})
        day["is_balanced"] = is_balanced(day)
    return days


def is_balanced(day: Row) -> bool:
    """Whether rows and every control total of a source and day are all accounted for."""
    parts = day["landed_count"] + day["rejected_count"] + day["duplicate_count"]
    return bool(day["row_count"] == parts) and all(
        Decimal(total["file"]) == Decimal(total["landed"]) + Decimal(total["rejected"]) + Decimal(total["duplicate"])
        for total in day["control_totals"].values()
    )


def _sequence_gaps(connection: psycopg.Connection[Any]) -> list[Row]:
    seen: dict[str, dict[dt.date, set[int]]] = {}
    for row in _rows(connection, _SEQUENCES):
        numbers = {int(match[1]) for name in row["file_names"] if (match := _SEQUENCE.search(name))}
        if numbers:
            seen.setdefault(row["entity_name"], {})[row["business_date"]] = numbers
    return [
        {"entity_name": name, "business_date": day, "missing_from": first, "missing_to": last}
        for name, days in seen.items()
        for day, holes in missing_numbers(days).items()
        for first, last in holes
    ]


def missing_numbers(days: dict[dt.date, set[int]]) -> dict[dt.date, list[tuple[int, int]]]:
    """First and last number of each hole among the files of a day, for the days that have any.

    A number is missing when both a lower and a higher one of its day were seen. Where any day has a number 1 the sender
    counts from 1 every day, so that the first may be missing as well; a sender who goes on counting from day to day is
    not asked for the numbers of the day before.
    """
    begins_at_one = any(1 in numbers for numbers in days.values())
    gaps = {}
    for day, numbers in days.items():
        known = sorted(numbers | {0} if begins_at_one else numbers)
        holes = [(low + 1, high - 1) for low, high in pairwise(known) if high > low + 1]
        if holes:
            gaps[day] = holes
    return gaps


def balance_of(settings: Settings, source: str, business_date: dt.date) -> list[Row]:
    """The ledger's balance of one source and day, as in `load_status`; empty where nothing of it has landed."""
    with connect("loader", settings=settings) as connection:
        return [
            row for row in _balance(connection) if (row["source_name"], row["business_date"]) == (source, business_date)
        ]


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
