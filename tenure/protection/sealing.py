"""Encrypting one personal value: AES-256-GCM, bound to its token, so that a value cannot be moved to another row."""

from __future__ import annotations

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenure.errors import TenureError
from tenure.secrets_file import key_id

NONCE_BYTES = 12


class Sealer:
    """Seals under one key; opens what any of the given keys sealed."""

    def __init__(self, key: str, generations: dict[str, str] | None = None) -> None:
        self.key_id = key_id(key)
        known = {**(generations or {}), self.key_id: key}
        self._ciphers = {name: AESGCM(hashlib.sha256(value.encode()).digest()) for name, value in known.items()}

    def seal(self, token: str, clear: str) -> bytes:
        """The value encrypted, with its nonce before it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[self.key_id].encrypt(nonce, clear.encode(), token.encode())

    def open(self, token: str, ciphertext: bytes, sealed_with: str) -> str:
        """The value in clear. Raises TenureError when it was changed, belongs to another token, or its key is gone."""
        cipher = self._ciphers.get(sealed_with)
        if cipher is None:
            raise TenureError(
                f"the vault has rows under key {sealed_with}, which is not known",
                hint="put back the secrets.json (or TENURE_SECRET_VAULT_KEY) that belongs to this warehouse",
            )
        try:
            return cipher.decrypt(ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:], token.encode()).decode()
        except (InvalidTag, ValueError):
            raise TenureError("a row of the vault was changed, or belongs to another token") from None
