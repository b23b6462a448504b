"""Personal values become tokens at the door: the same value always the same token, which tells nothing by itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tenure.contracts import Contract
from tenure.landing.cmac import ColumnMac
from tenure.protection.aliases import Aliases
from tenure.protection.door import pass_door
from tenure.protection.identity_writer import IDENTITY_SCHEMA
from tenure.protection.sealing import Sealer
from tenure.protection.tombstones import Tombstones
from tenure.settings import Settings

if TYPE_CHECKING:
    from tenure.landing.loader import Loader


def token_mac(key: str) -> ColumnMac:
    """AES-256-CMAC of texts under a token key, as 32 hexadecimal digits."""
    return ColumnMac(hashlib.sha256(key.encode()).digest())


@dataclass(frozen=True)
class Tokenised:
    """Rows without personal values, and the values that the vault is to keep, sealed (columns of IDENTITY_SCHEMA).

    `erased_lines` concern somebody who was erased: the archive keeps the file without them.
    """

    rows: pl.DataFrame
    identities: pl.DataFrame
    erased_lines: frozenset[int]


class Tokeniser:
    """Tokens of values under the key in use, or those they had before that key."""

    def __init__(self, settings: Settings, loader: Loader) -> None:
        pass_door(loader)
        self._aliases = Aliases(settings, loader)
        self.tombstones = Tombstones(settings, loader)
        self._mac = token_mac(settings.secret("token_key"))
        self._sealer = Sealer(settings.secret("vault_key"))

    def tokenise(self, contract: Contract, rows: pl.DataFrame) -> Tokenised:
        """The rows with each personal column replaced by its token column; other columns are left as they are."""
        identities: list[pl.DataFrame] = []
        passed = self.tombstones.replace(contract, rows)
        rows = passed.rows
        for column in contract.columns:
            if column.is_personal:
                tokens = self._aliases.of(self._mac.codes(rows[column.name]))
                if column.is_vaulted:
                    identities.append(self._sealed(tokens, rows[column.name]))
                if column.name in passed.pseudonyms:
                    pseudonyms = passed.pseudonyms[column.name]
                    tokens = tokens.zip_with(pseudonyms.is_null(), pseudonyms)
                rows = rows.with_columns(tokens.alias(column.landed_name)).drop(column.name)
        sealed = pl.concat(identities) if identities else pl.DataFrame(schema=IDENTITY_SCHEMA)
        return Tokenised(rows, sealed, passed.lines)

    def _sealed(self, tokens: pl.Series, values: pl.Series) -> pl.DataFrame:
        known = pl.DataFrame({"token": tokens, "clear": values}).drop_nulls().unique("token")
        sealed = [self._sealer.seal(token, clear) for token, clear in known.iter_rows()]
        return known.select(
            "token",
            pl.lit(values.name).alias("kind"),
            pl.Series("ciphertext", sealed, dtype=pl.Binary),
            pl.lit(self._sealer.key_id).alias("key_id"),
        )
