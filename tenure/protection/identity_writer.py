"""Sealed values of one load on their way into the vault, in the transaction of the rows that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from tenure.landing.loader import Loader

IDENTITY_SCHEMA = pl.Schema({"token": pl.String, "kind": pl.String, "ciphertext": pl.Binary, "key_id": pl.String})

# Two landings that wrote the same values in different order would wait for each other: one writes after the other.
_LOCK = "select pg_advisory_xact_lock(hashtext('tenure vault'))::text"


class IdentityWriter:
    """Collects the batches of a load in a temporary table, and moves them to the vault at the load's end.

    The loader may add to the vault and may not read it, so values that are there already are left to the server.
    """

    def __init__(self, loader: Loader, load_id: int) -> None:
        self._loader = loader
        self._load_id = load_id
        self._table = f"incoming_identity_{load_id}"
        self._is_used = False

    def stage(self, identities: pl.DataFrame) -> None:
        """Keep a batch (columns of IDENTITY_SCHEMA) aside."""
        if identities.is_empty():
            return
        if not self._is_used:
            self._loader.execute(
                f"create temporary table {self._table} (token text, kind text, ciphertext bytea, key_id text)"
                " on commit drop"
            )
            self._is_used = True
        self._loader.copy(None, self._table, identities)

    def store(self) -> None:
        """Add what the vault does not have yet."""
        if not self._is_used:
            return
        self._loader.rows(_LOCK)
        self._loader.execute(
            f"insert into vault.identity (token, kind, ciphertext, key_id, first_load_id)"  # noqa: S608 (own name)
            f" select distinct on (token) token, kind, ciphertext, key_id, {self._load_id:d} from {self._table}"
            " order by token on conflict do nothing"
        )
