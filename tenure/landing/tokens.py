"""Personal values become tokens at the door: the same value always the same token, and no way back without the key."""

from __future__ import annotations

import hmac

import polars as pl

from tenure.contracts import Contract

# Numbers recur from file to file: remembering this many spares hashing them again.
_REMEMBERED = 200_000


class Tokeniser:
    """HMAC-SHA256 of a text under one key, as 64 hexadecimal digits."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._known: dict[str, str] = {}

    def token(self, text: str) -> str:
        """The token of one text."""
        found = self._known.get(text)
        if found is None:
            found = hmac.digest(self._key, text.encode(), "sha256").hex()
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = found
        return found

    def tokenise(self, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with each personal column replaced by its token column; other columns are left as they are."""
        for column in contract.columns:
            if column.is_personal:
                values = rows[column.name]
                distinct = values.drop_nulls().unique()
                tokens = [self.token(value) for value in distinct.to_list()]
                replaced = values.replace_strict(distinct, tokens, default=None, return_dtype=pl.String)
                rows = rows.with_columns(replaced.alias(column.landed_name)).drop(column.name)
        return rows
