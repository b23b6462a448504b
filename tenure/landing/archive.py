"""The delivered files themselves, encrypted, so that they can be landed again."""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenure.errors import TenureError
from tenure.settings import Settings

_MAGIC = b"TENURE-ARCHIVE-1\n"
_CHUNK_BYTES = 4 << 20
_NONCE_BYTES = 12
_SECONDS_PER_DAY = 86_400


class Archive:
    """AES-256-GCM in chunks; each chunk is bound to its position and the last one says so, so that cuts are noticed."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.archive_dir
        self._days = settings.archive_days
        self._cipher = AESGCM(hashlib.sha256(settings.secret("archive_key").encode()).digest())

    def store(self, name: str, path: Path, content: bytes | None, sha256: str) -> str:
        """Keep a file (its `content` when it is in memory) under `name`. Returns the path inside the archive.

        The same file under the same name is kept once; the digest in the name keeps versions apart.
        """
        relative = f"{name}.{sha256[:16]}.enc"
        target = self._folder / relative
        if target.exists():
            return relative
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
        with unfinished.open("wb") as out:
            out.write(_MAGIC)
            previous: bytes | None = None
            position = 0
            for chunk in _chunks(path, content):
                if previous is not None:
                    out.write(self._sealed(previous, position, is_last=False))
                    position += 1
                previous = chunk
            out.write(self._sealed(previous or b"", position, is_last=True))
        unfinished.replace(target)
        return relative

    def read(self, relative: str) -> Iterator[bytes]:
        """The content of an archived file, in chunks. Raises TenureError when it is missing, cut or changed."""
        path = self._folder / relative
        if not path.is_file():
            raise TenureError(f"{relative} is not in the archive", hint="it may be older than TENURE_ARCHIVE_DAYS")
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise TenureError(f"{relative} is not an archived file")
            position = 0
            is_last = False
            while not is_last:
                head = stream.read(5)
                if len(head) != 5:
                    raise TenureError(f"{relative} is cut off in the archive")
                is_last, size = struct.unpack(">?I", head)
                sealed = stream.read(size)
                try:
                    yield self._cipher.decrypt(
                        sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _position(position, is_last)
                    )
                except (InvalidTag, ValueError):
                    raise TenureError(f"{relative} was changed in the archive, or the archive key is another") from None
                position += 1

    def purge(self, now: float | None = None) -> int:
        """Remove what is older than the retention (TENURE_ARCHIVE_DAYS). Returns the number of files removed."""
        limit = (time.time() if now is None else now) - self._days * _SECONDS_PER_DAY
        old = [path for path in self._folder.glob("*/*.enc") if path.stat().st_mtime < limit]
        for path in old:
            path.unlink()
        return len(old)

    def _sealed(self, chunk: bytes, position: int, is_last: bool) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, chunk, _position(position, is_last))
        return struct.pack(">?I", is_last, len(sealed)) + sealed


def _position(position: int, is_last: bool) -> bytes:
    return struct.pack(">Q?", position, is_last)


def _chunks(path: Path, content: bytes | None) -> Iterator[bytes]:
    if content is not None:
        for start in range(0, len(content), _CHUNK_BYTES):
            yield content[start : start + _CHUNK_BYTES]
        return
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
