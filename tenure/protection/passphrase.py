"""Text encrypted under a passphrase: scrypt, then AES-256-GCM."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tenure.errors import TenureError

MINIMUM_LENGTH = 12
_SALT_BYTES = 16
_NONCE_BYTES = 12
_CONTEXT = b"tenure backup secrets"


def check_strength(passphrase: str) -> None:
    """Raises TenureError for a passphrase that is too short to protect anything."""
    if len(passphrase) < MINIMUM_LENGTH:
        raise TenureError(
            f"the passphrase has fewer than {MINIMUM_LENGTH} characters",
            hint="set a longer TENURE_BACKUP_PASSPHRASE; without it the backup cannot be read",
            exit_code=2,
        )


def encrypt(passphrase: str, text: str) -> bytes:
    """The text under the passphrase: salt, nonce, ciphertext."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    return salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, text.encode(), _CONTEXT)


def decrypt(passphrase: str, sealed: bytes) -> str:
    """The text. Raises TenureError when the passphrase is another."""
    salt, nonce = sealed[:_SALT_BYTES], sealed[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
    try:
        clear = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed[_SALT_BYTES + _NONCE_BYTES :], _CONTEXT)
    except (InvalidTag, ValueError):
        raise TenureError("the passphrase is not the one of this backup, or the backup was changed") from None
    return clear.decode()


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())
