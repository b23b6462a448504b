"""`tenure erase`: nothing of a person is left, the sums stay, and no old file brings anything back.

The warehouse part is one transaction, in which the archive's part is put on record as to be done; an interrupted call
is gone on with by the next one. docs/decisions/0006-personal-data.md says why it is so.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from tenure.contracts import Contract, load_contracts
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.landing.archive import Archive
from tenure.landing.keys import KeyStore
from tenure.landing.loader import Loader
from tenure.landing.schema import raw_identifier
from tenure.protection.call_list import operating_system_user
from tenure.protection.door import door_closed
from tenure.protection.erased_rows import (
    note_pseudonyms,
    remove_from,
    remove_unknown_references,
    replace_in_held_rows,
    replace_in_raw,
)
from tenure.protection.person import Person, find_person
from tenure.protection.redaction import lines_to_remove, redact_pending
from tenure.protection.sealing import Sealer
from tenure.protection.tombstones import lookup_of
from tenure.settings import Settings

Connection = psycopg.Connection[Any]

SCORED_SCHEMAS = ("features", "scores")


@dataclass(frozen=True)
class Erasure:
    """What was done, in counts by place; `is_new` is False when an earlier call had erased the warehouse's part."""

    erasure_id: int
    is_new: bool
    counts: Mapping[str, int]
    are_marts_rebuilt: bool


def erase(settings: Settings, customer_id: str, rebuild: Callable[[], None] | None) -> Erasure:
    """Erase a customer, with the accounts and subscriptions that are his.

    `rebuild` builds and publishes all marts anew; without it that is left to the next full build. Raises TenureError
    when there is no such customer.
    """
    contracts = load_contracts(settings.root)
    key = settings.secret("tombstone_key")
    lookup = lookup_of(key, "customer", customer_id)
    with door_closed(settings, "owner") as connection:
        connection.execute("set timezone = 'UTC'")
        known = connection.execute("select erasure_id from ops.erasure where lookup = %s", (lookup,)).fetchone()
        if known is None:
            _erase_from_warehouse(settings, connection, contracts, customer_id, lookup)
            reach("erase_committed")
        redact_pending(connection, Archive(settings))
        reach("erase_redacted")
        connection.execute(
            "update ops.erasure set archive_redacted_at = clock_timestamp()"
            " where lookup = %s and archive_redacted_at is null",
            (lookup,),
        )
        _renew_keys(settings, contracts)
        for contract in contracts.values():
            if known is None:
                connection.execute(f"vacuum (analyze) {raw_identifier(contract).as_string(connection)}")
        connection.execute("vacuum ops.key_chunk, ops.held_row, ops.reject, vault.identity")
        _write_tombstones_file(settings, connection)
    if rebuild is not None:
        rebuild()
    with door_closed(settings, "owner") as connection:
        if rebuild is not None:
            connection.execute(
                "update ops.erasure set marts_rebuilt_at = clock_timestamp() where marts_rebuilt_at is null"
            )
        row = connection.execute(
            "select erasure_id, counts, marts_rebuilt_at is not null from ops.erasure where lookup = %s", (lookup,)
        ).fetchone()
    assert row is not None  # noqa: S101 (written above)
    return Erasure(int(row[0]), known is None, dict(row[1]), bool(row[2]))


def _erase_from_warehouse(
    settings: Settings, connection: Connection, contracts: Mapping[str, Contract], customer_id: str, lookup: str
) -> None:
    sealer = Sealer(settings.secret("vault_key"), settings.secrets.generations("vault_key"))
    archive = Archive(settings)
    with connection.transaction():
        person = find_person(connection, contracts, sealer, customer_id)
        if person is None:
            raise TenureError("there is no such customer in the warehouse", hint="look it up in marts.dim_customer")
        person = _until_now(connection, person)
        removed: dict[str, list[int]] = {}
        for path, lines in connection.execute("select archive_path, line_numbers from ops.redaction"):
            removed.setdefault(path, []).extend(lines)
        lines = lines_to_remove(archive, contracts, person, removed)
        erasure_id = _note(connection, settings, person, lookup)
        note_pseudonyms(connection, person)
        # Rows of any day may have been his: until the marts are rebuilt in full, no partition is what it was.
        connection.execute("update ops.partition_version set version = pg_current_xact_id()::text::bigint")
        counts = {
            "customers": 1,
            "accounts": len(person.ids["account"]),
            "subscriptions": len(person.ids["subscription"]),
            "phone_numbers": len(person.numbers),
            "raw_rows": replace_in_raw(connection, contracts),
            "held_rows": replace_in_held_rows(connection, contracts),
            "unknown_references": remove_unknown_references(connection),
            "rejects": _remove_rejects(connection, lines),
            "vault_rows": _remove_from_vault(connection, person),
            **{f"{schema}_rows": remove_from(connection, schema) for schema in SCORED_SCHEMAS},
            "archived_files": len(lines),
            "archived_lines": sum(map(len, lines.values())),
        }
        for path, numbers in lines.items():
            connection.execute(
                "insert into ops.redaction (archive_path, line_numbers, erasure_id, is_done)"
                " values (%s, %s, %s, false)",
                (path, numbers, erasure_id),
            )
        connection.execute("update ops.erasure set counts = %s where erasure_id = %s", (json.dumps(counts), erasure_id))
        reach("erase_before_commit")


def _renew_keys(settings: Settings, contracts: Mapping[str, Contract]) -> None:
    """Hashes of keys that held an id are made of the pseudonym now; landing would do it as well."""
    with Loader(settings) as loader:
        for contract in contracts.values():
            KeyStore(loader, contract).renew()


def _until_now(connection: Connection, person: Person) -> Person:
    """A number that nobody else held since is the person's until now: then it goes back to those that are given out.

    Now is the later of the clock and of the last business date that was delivered.
    """
    row = connection.execute(
        "select greatest(clock_timestamp(), max(coalesce(period_to, business_date) + 2)::timestamptz) from ops.load"
    ).fetchone()
    now: dt.datetime | None = row[0] if row else None
    numbers = {
        token: replace(number, spans=tuple((start, end or now) for start, end in number.spans))
        for token, number in person.numbers.items()
    }
    return replace(person, numbers=numbers)


def _note(connection: Connection, settings: Settings, person: Person, lookup: str) -> int:
    """The record of the erasure, and its tombstones. Returns its id."""
    key = settings.secret("tombstone_key")
    row = connection.execute(
        "insert into ops.erasure (lookup, requested_by) values (%s, %s) returning erasure_id",
        (lookup, operating_system_user()),
    ).fetchone()
    erasure_id = int(row[0]) if row else 0
    stones: list[tuple[Any, ...]] = []
    for kind, ids in person.ids.items():
        stones += [(kind, lookup_of(key, kind, value), name, None, None, erasure_id) for value, name in ids.items()]
    for number in person.numbers.values():
        if number.clear is not None:
            found = lookup_of(key, "number", number.clear)
            stones += [("number", found, number.pseudonym, *span, erasure_id) for span in number.spans]
    stones += [
        ("trace", lookup_of(key, "trace", value), "", None, None, erasure_id)
        for value in person.traces.values()
        if value is not None
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into ops.tombstone (kind, lookup, pseudonym, valid_from, valid_to, erasure_id)"
            " values (%s, %s, %s, %s, %s, %s)",
            stones,
        )
    return erasure_id


def _write_tombstones_file(settings: Settings, connection: Connection) -> None:
    """Whom `restore` of an older backup has to erase again, as keyed hashes: to be kept beside the backups."""
    lookups = [row[0] for row in connection.execute("select lookup from ops.erasure order by 1")]
    path = settings.home / "tombstones.json"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"erased": lookups}, indent=1))
    unfinished.chmod(0o600)
    unfinished.replace(path)


def _remove_rejects(connection: Connection, lines: Mapping[str, list[int]]) -> int:
    removed = 0
    for path, numbers in lines.items():
        removed += connection.execute(
            "delete from ops.reject where line_number = any(%s)"
            " and load_id in (select load_id from ops.load where archive_path = %s)",
            (numbers, path),
        ).rowcount
    return removed


def _remove_from_vault(connection: Connection, person: Person) -> int:
    """Delete what nobody else has; the record of accesses keeps that somebody looked, and no longer at whom."""
    tokens = list(person.traces)
    connection.execute("delete from vault.alias where token = any(%s)", (tokens,))
    connection.execute("update vault.access set token = 'erased' where token = any(%s)", (tokens,))
    return connection.execute("delete from vault.identity where token = any(%s)", (tokens,)).rowcount
