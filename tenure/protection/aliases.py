"""After the token key was replaced: the tokens that values had before, so that rows landed before and after join."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tenure.db import connect
from tenure.secrets_file import key_id
from tenure.settings import Settings

if TYPE_CHECKING:
    from tenure.landing.loader import Loader


class Aliases:
    """Old tokens by their lookup: the token that the key in use gives. Without any, nothing is ever asked."""

    def __init__(self, settings: Settings, loader: Loader) -> None:
        self._settings = settings
        self._key_id = key_id(settings.secret("token_key"))
        found = loader.rows("select exists (select 1 from vault.alias where key_id = $1::text)", self._key_id)
        self._is_empty = not found[0][0]

    def of(self, lookups: pl.Series) -> pl.Series:
        """The token of each lookup: the old one where there is one."""
        if self._is_empty or lookups.is_empty():
            return lookups
        # A connection of its own: batches are prepared beside the transaction that lands the ones before.
        with connect("loader", settings=self._settings) as connection:
            rows = connection.execute(
                "select lookup, token from vault.alias where key_id = %s and lookup = any(%s)",
                (self._key_id, lookups.drop_nulls().unique().to_list()),
            ).fetchall()
        return lookups.replace([lookup for lookup, _ in rows], [token for _, token in rows])
