"""Personal values become tokens at the door: the same value always the same token, nothing without the key."""

from __future__ import annotations

import hashlib

import polars as pl

from tenure.contracts import Contract
from tenure.landing.cmac import ColumnMac


class Tokeniser:
    """AES-256-CMAC of a text under one key, as 32 hexadecimal digits."""

    def __init__(self, key: str) -> None:
        self._mac = ColumnMac(hashlib.sha256(key.encode()).digest())

    def token(self, text: str) -> str:
        """The token of one text."""
        return self._mac.code(text)

    def tokenise(self, contract: Contract, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with each personal column replaced by its token column; other columns are left as they are."""
        for column in contract.columns:
            if column.is_personal:
                tokens = self._mac.codes(rows[column.name]).alias(column.landed_name)
                rows = rows.with_columns(tokens).drop(column.name)
        return rows
