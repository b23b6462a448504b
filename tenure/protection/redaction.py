"""The archive without an erased customer: which lines of which file concern him, and the files without them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.archive import Archive, delivered_name
from tenure.protection.file_lines import lines_with
from tenure.protection.person import Person
from tenure.protection.subjects import id_columns, number_columns, subject_columns

Connection = psycopg.Connection[Any]


def lines_to_remove(
    archive: Archive, contracts: Mapping[str, Contract], person: Person, removed: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    """Archived file to the numbers that lines about the person had when the file was delivered.

    `removed` says which lines of a file are gone already.
    """
    values = {value for value in person.traces.values() if value}
    values |= {number.clear for number in person.numbers.values() if number.clear}
    needles = {value for ids in person.ids.values() for value in ids} | values
    found: dict[str, list[int]] = {}
    for relative in archive.files():
        contract = contracts.get(relative.partition("/")[0])
        lines = [
            number
            for number, cells in lines_with(archive.read(relative), delivered_name(relative), needles)
            if _concerns(contract, cells, person, values)
        ]
        if lines:
            found[relative] = _original(lines, removed.get(relative, ()))
    return found


def _concerns(contract: Contract | None, cells: Mapping[str, str], person: Person, values: set[str]) -> bool:
    # A line that does not fit its header has places instead of names.
    if contract is None or not any(name in contract.column_names for name in cells):
        # A file of another layout, or a line that does not fit: an id is looked for in every cell.
        known = {value for kind in person.ids.values() for value in kind} | values
        return not known.isdisjoint(cell.strip() for cell in cells.values())
    if any(cells.get(name) in person.ids[kind] for name, kind in id_columns(contract).items()):
        return True
    is_named = any(cells.get(name) for name in subject_columns(contract))
    personal = {column.name for column in contract.columns if column.is_personal}
    if any(cell in values for name, cell in cells.items() if name not in personal):
        return True
    if is_named:
        return False
    at = _instant(cells.get(contract.date_column, ""))
    by_value = {number.clear: number for number in person.numbers.values()}
    for column in number_columns(contract):
        number = by_value.get(cells.get(column.name, ""))
        if number and any(
            at is None or ((start is None or at >= start) and (end is None or at < end)) for start, end in number.spans
        ):
            return True
    return False


def _instant(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found


def _original(positions: Sequence[int], removed: Sequence[int]) -> list[int]:
    """The numbers that lines had before others were removed."""
    numbers = []
    gone = sorted(removed)
    for position in positions:
        number = position
        for earlier in gone:
            if earlier > number:
                break
            number += 1
        numbers.append(number)
    return numbers


def redact_pending(connection: Connection, archive: Archive) -> int:
    """Rewrite the files whose redaction is on record and not done. Returns how many lines were taken out.

    A file says itself how many lines it lacks, so that an interruption between rewriting it and noting that is no harm.
    """
    archive.remove_unfinished()
    total = 0
    pending = connection.execute(
        "select ctid::text, archive_path, line_numbers from ops.redaction where not is_done order by redacted_at"
    ).fetchall()
    for place, relative, lines in pending:
        earlier = connection.execute(
            "select unnest(line_numbers) from ops.redaction where archive_path = %s and is_done", (relative,)
        ).fetchall()
        gone = sorted(number for (number,) in earlier)
        if archive.has(relative) and archive.removed_count(relative) == len(gone):
            archive.remove_lines(relative, [line - sum(number < line for number in gone) for line in lines])
            total += len(lines)
            reach("erase_file_replaced")
        connection.execute("update ops.redaction set is_done = true where ctid = %s::tid", (place,))
    return total
