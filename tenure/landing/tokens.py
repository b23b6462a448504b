"""Personal values become tokens at the door: the same value always the same token, which tells nothing without the key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl

from tenure.contracts import Contract
from tenure.landing.cmac import ColumnMac
from tenure.protection.identity_writer import IDENTITY_SCHEMA
from tenure.protection.sealing import Sealer
from tenure.settings import Settings


def token_mac(key: str) -> ColumnMac:
    """AES-256-CMAC of texts under a token key, as 32 hexadecimal digits."""
    return ColumnMac(hashlib.sha256(key.encode()).digest())


@dataclass(frozen=True)
class Tokenised:
    """Rows without personal values, and the values that the vault is to keep, sealed (columns of IDENTITY_SCHEMA)."""

    rows: pl.DataFrame
    identities: pl.DataFrame


class Tokeniser:
    """Tokens of values under the key in use."""

    def __init__(self, settings: Settings) -> None:
        self._mac = token_mac(settings.secret("token_key"))
        self._sealer = Sealer(settings.secret("vault_key"))

    def tokenise(self, contract: Contract, rows: pl.DataFrame) -> Tokenised:
        """The rows with each personal column replaced by its token column; other columns are left as they are."""
        identities: list[pl.DataFrame] = []
        for column in contract.columns:
            if column.is_personal:
                tokens = self._mac.codes(rows[column.name])
                if column.is_vaulted:
                    identities.append(self._sealed(tokens, rows[column.name]))
                rows = rows.with_columns(tokens.alias(column.landed_name)).drop(column.name)
        sealed = pl.concat(identities) if identities else pl.DataFrame(schema=IDENTITY_SCHEMA)
        return Tokenised(rows, sealed)

    def _sealed(self, tokens: pl.Series, values: pl.Series) -> pl.DataFrame:
        known = pl.DataFrame({"token": tokens, "clear": values}).drop_nulls().unique("token")
        sealed = [self._sealer.seal(token, clear) for token, clear in known.iter_rows()]
        return known.select(
            "token",
            pl.lit(values.name).alias("kind"),
            pl.Series("ciphertext", sealed, dtype=pl.Binary),
            pl.lit(self._sealer.key_id).alias("key_id"),
        )
