"""`tenure keys rotate`: a new key takes over, what the old one made moves to it, and the old one is forgotten.

Each works in pages that commit, and can be interrupted anywhere: while `<name>.next` exists the rotation is unfinished,
the old key stays in use, and the next call goes on. No landing runs meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
import psycopg

from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.landing.archive import Archive
from tenure.landing.tokens import token_mac
from tenure.protection.door import door_closed
from tenure.protection.sealing import Sealer
from tenure.secrets_file import key_id
from tenure.settings import Settings

PAGE_ROWS = 5000


@dataclass(frozen=True)
class Rotation:
    """What moved to the new key; `is_promoted` is False when the environment, not Tenure, has to change the secret."""

    name: str
    moved_count: int
    is_promoted: bool


def rotate(settings: Settings, what: str) -> Rotation:
    """Replace the key of the vault, of the tokens or of the archive. Raises TenureError for another name.

    A secret that the environment injects is replaced there: set TENURE_SECRET_<NAME>_NEXT, rotate, then let it take
    the place of TENURE_SECRET_<NAME>.
    """
    if what not in _MOVES:
        raise TenureError(f"there is no key {what!r}", hint=f"known: {', '.join(_MOVES)}", exit_code=2)
    name, secrets = f"{what}_key", settings.secrets
    is_injected = secrets.is_injected(name)
    if is_injected and secrets.next(name) is None:
        variable = f"TENURE_SECRET_{name.upper()}"
        raise TenureError(f"{variable} comes from the environment", hint=f"set {variable}_NEXT to the new one as well")
    with door_closed(settings, "vault") as connection:
        secrets.get(name)
        new = secrets.prepare_next(name)
        reach("keys_prepared")
        moved = _MOVES[what](settings, connection, new)
        reach("keys_moved")
        if not is_injected:
            secrets.promote(name)
        reach("keys_promoted")
        if what == "token":
            # Aliases of keys before these two are of no use to anybody.
            connection.execute("delete from vault.alias where not key_id = any(%s)", (list(secrets.generations(name)),))
    return Rotation(name, moved, not is_injected)


def _move_vault(settings: Settings, connection: psycopg.Connection[Any], new: str) -> int:
    """Encrypt every row again that is not under the new key yet."""
    sealer = Sealer(new, settings.secrets.generations("vault_key"))
    moved = 0
    while True:
        rows = connection.execute(
            "select token, ciphertext, key_id from vault.identity where key_id <> %s order by token limit %s",
            (sealer.key_id, PAGE_ROWS),
        ).fetchall()
        if not rows:
            return moved
        sealed = [sealer.seal(token, sealer.open(token, old, sealed_with)) for token, old, sealed_with in rows]
        connection.execute(
            """
            update vault.identity as identity set ciphertext = new.ciphertext, key_id = %s
            from unnest(%s::text[], %s::bytea[]) as new (token, ciphertext) where identity.token = new.token
            """,
            (sealer.key_id, [row[0] for row in rows], sealed),
        )
        moved += len(rows)
        reach("keys_page")


def _move_tokens(settings: Settings, connection: psycopg.Connection[Any], new: str) -> int:
    """Note for every value of the vault which token it has, under the token that the new key would give it."""
    sealer = Sealer(settings.secret("vault_key"), settings.secrets.generations("vault_key"))
    mac = token_mac(new)
    moved, last = 0, ""
    while True:
        rows = connection.execute(
            "select token, ciphertext, key_id from vault.identity where token > %s order by token limit %s",
            (last, PAGE_ROWS),
        ).fetchall()
        if not rows:
            return moved
        clear = [sealer.open(token, sealed, sealed_with) for token, sealed, sealed_with in rows]
        lookups = mac.codes(pl.Series(clear, dtype=pl.String)).to_list()
        connection.execute(
            """
            insert into vault.alias (lookup, key_id, token)
            select lookup, %s, token from unnest(%s::text[], %s::text[]) as new (lookup, token) on conflict do nothing
            """,
            (key_id(new), lookups, [row[0] for row in rows]),
        )
        moved += len(rows)
        reach("keys_page")
        last = rows[-1][0]


def _move_archive(settings: Settings, connection: psycopg.Connection[Any], new: str) -> int:
    """Encrypt every archived file again that is not under the new key yet."""
    archive = Archive(settings)
    archive.remove_unfinished()
    moved = 0
    for relative in archive.files():
        moved += archive.re_encrypt(relative, new)
        reach("keys_page")
    return moved


_MOVES: dict[str, Callable[[Settings, psycopg.Connection[Any], str], int]] = {
    "vault": _move_vault,
    "token": _move_tokens,
    "archive": _move_archive,
}
