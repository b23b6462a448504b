"""`tenure detokenise`: a list of tokens becomes a call list; every look at a number is on record before it is shown."""

from __future__ import annotations

import csv
import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import psycopg

from tenure.analyst import harmless, to_csv
from tenure.db import connect
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.protection.sealing import Sealer
from tenure.settings import Settings

Purpose = Literal["service", "marketing"]
Channel = Literal["call", "sms", "app", "email"]
PURPOSES: tuple[str, ...] = get_args(Purpose)
CHANNELS: tuple[str, ...] = get_args(Channel)

MAX_CELL = 1_000_000

# Who holds the number now, and what those who own or use the line said last about marketing through this channel: a
# channel named withholds or gives more than `any` does.
_WITHDRAWN = """
    with asked as (select distinct unnest(%(tokens)s::text[]) as token),
    holder as (
        select distinct on (line.msisdn_token) line.msisdn_token as token, line.customer_id, line.user_customer_id
        from raw_crm.subscription as line join asked on asked.token = line.msisdn_token
        order by line.msisdn_token, line.effective_at desc, line.subscription_id
    ),
    person as (
        select token, customer_id from holder
        union
        select token, user_customer_id from holder where user_customer_id is not null
    ),
    said as (
        select distinct on (person.token, person.customer_id)
            person.token, consent.is_granted
        from person join raw_crm.consent as consent using (customer_id)
        where consent.purpose_code = 'marketing' and consent.channel_code in ('any', %(channel)s)
        order by person.token, person.customer_id, (consent.channel_code <> 'any') desc, consent.effective_at desc
    )
    select token from said group by token having not bool_and(is_granted)
"""


@dataclass(frozen=True)
class CallList:
    """What was written: rows in the list, those whose token the vault does not have, those left out for consent."""

    path: Path
    row_count: int
    unknown_count: int
    withheld_count: int


def detokenise(
    settings: Settings,
    source: Path,
    column: str,
    reason: str,
    out: Path | None = None,
    purpose: str = "service",
    channel: str = "call",
) -> CallList:
    """Write the CSV file `source` again with clear values in place of the tokens of `column`.

    `msisdn_token` becomes `msisdn`; a token that the vault does not have leaves an empty cell. For `marketing`, rows of
    numbers whose customer withdrew consent for the channel are left out. The record of every row is committed before
    the new file (mode 0600, by default `<name>.clear.csv` beside the list) is made. Raises TenureError for wrong use.
    """
    target = out or source.with_name(f"{source.stem}.clear.csv")
    reason = " ".join(reason.split())
    if not reason:
        raise TenureError("the reason is empty", hint="say what the clear numbers are for", exit_code=2)
    for given, known, name in ((purpose, PURPOSES, "--purpose"), (channel, CHANNELS, "--channel")):
        if given not in known:
            raise TenureError(f"{name} {given!r} is not one of {', '.join(known)}", exit_code=2)
    if target.exists():
        raise TenureError(f"{target} is there already", hint="name another file with --out")
    if not target.parent.is_dir():
        raise TenureError(f"{target.parent} is not a folder", exit_code=2)
    header, rows = _read(source)
    if column not in header:
        raise TenureError(f"{source.name} has no column {column!r}", hint=f"it has {', '.join(header)}", exit_code=2)
    place = header.index(column)
    clear_name = column.removesuffix("_token")
    if clear_name != column and clear_name in header:
        raise TenureError(f"{source.name} has a column {clear_name!r} already", hint="rename or drop it", exit_code=2)
    tokens = [row[place].strip() for row in rows]
    found, withheld = _look_up(settings, tokens, reason, purpose, channel)
    reach("detokenise_recorded")
    kept = [
        [*row[:place], found.get(token, ""), *row[place + 1 :]]
        for row, token in zip(rows, tokens, strict=True)
        if token not in withheld
    ]
    _write_private(
        target, to_csv([harmless(name) for name in (*header[:place], clear_name, *header[place + 1 :])], kept)
    )
    left_out = sum(token in withheld for token in tokens)
    unknown = sum(token not in found and token not in withheld for token in tokens)
    return CallList(target, len(kept), unknown, left_out)


def _read(source: Path) -> tuple[list[str], list[list[str]]]:
    csv.field_size_limit(MAX_CELL)
    try:
        with source.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except OSError as error:
        raise TenureError(f"{source} cannot be read: {error.strerror}", exit_code=2) from None
    except (UnicodeDecodeError, csv.Error):
        raise TenureError(f"{source.name} is not CSV in UTF-8", hint="make it with `tenure sql --csv`") from None
    if not rows or not rows[0]:
        raise TenureError(f"{source.name} has no header", hint="make it with `tenure sql --csv`")
    header, *body = rows
    if len(set(header)) != len(header):
        raise TenureError(f"{source.name} names a column twice")
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise TenureError(f"{source.name}: row {number} has {len(row)} fields instead of {len(header)}")
    return header, body


def _look_up(
    settings: Settings, tokens: Sequence[str], reason: str, purpose: str, channel: str
) -> tuple[dict[str, str], set[str]]:
    """Clear values by token, and the tokens that are withheld; each row's look-up is committed to vault.access."""
    sealer = Sealer(settings.secret("vault_key"), settings.secrets.generations("vault_key"))
    wanted = sorted({token for token in tokens if token})
    with connect("vault", settings=settings) as connection:
        # What was true when the numbers were read is what the record says.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        withheld = set()
        if purpose == "marketing":
            parameters = {"tokens": wanted, "channel": channel}
            withheld = {token for (token,) in connection.execute(_WITHDRAWN, parameters)}
        rows = connection.execute(
            "select token, ciphertext, key_id from vault.identity where token = any(%s)",
            ([token for token in wanted if token not in withheld],),
        )
        found = {token: sealer.open(token, ciphertext, key) for token, ciphertext, key in rows}
        known = found.keys() | {
            token
            for (token,) in connection.execute(
                "select token from vault.identity where token = any(%s)", (sorted(withheld),)
            )
        }
        _record(connection, tokens, reason, purpose, known, withheld)
    return found, withheld


def _record(
    connection: psycopg.Connection[Any],
    tokens: Sequence[str],
    reason: str,
    purpose: str,
    known: set[str],
    withheld: set[str],
) -> None:
    user = operating_system_user()
    statement = "copy vault.access (accessed_at, user_name, reason, purpose, token, was_found, was_withheld) from stdin"
    now = connection.execute("select clock_timestamp()").fetchone()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for token in tokens:
            copy.write_row((now[0] if now else None, user, reason, purpose, token, token in known, token in withheld))


def operating_system_user() -> str:
    """Who asks: the user of the operating system, not what an environment variable says; whom sudo ran for beside."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{name} (sudo by {behind})" if behind and behind != name else name


def _write_private(target: Path, text: str) -> None:
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise TenureError(f"{target} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
