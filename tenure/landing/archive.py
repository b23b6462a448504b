"""The delivered files themselves, encrypted, so that they can be landed again."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.protection.file_lines import without_lines
from tenure.secrets_file import key_id
from tenure.settings import Settings

_MAGIC = b"TENURE-ARCHIVE-2\n"
_KEY_ID_BYTES = 8
_COUNT_BYTES = 8
_CHUNK_BYTES = 4 << 20
_NONCE_BYTES = 12
_SECONDS_PER_DAY = 86_400


class Archive:
    """AES-256-GCM in chunks; each chunk is bound to its position and the last one says so, so that cuts are noticed.

    A file begins with the id of its key and the number of lines that were taken out of it since it was delivered. Keys
    are read when they are used: one that was replaced is never written with.
    """

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.archive_dir
        self._days = settings.archive_days
        self._secrets = settings.secrets

    def store(
        self, name: str, path: Path, content: bytes | None, sha256: str, without: Collection[int] = frozenset()
    ) -> str:
        """Keep a file (its `content` when it is in memory) under `name`, `without` some of its lines. Returns the path
        inside the archive.

        The same file under the same name is kept once; the digest in the name keeps versions apart.
        """
        relative = f"{name}.{sha256[:16]}.enc"
        target = self._folder / relative
        if not target.exists():
            chunks = _chunks(path, content)
            if without:
                chunks = without_lines(chunks, path.name, without)
            self._write(target, chunks, self._secrets.get("archive_key"), len(without))
        return relative

    def files(self) -> list[str]:
        """The paths of all archived files, in order."""
        return sorted(path.relative_to(self._folder).as_posix() for path in self._folder.glob("*/*.enc"))

    def has(self, relative: str) -> bool:
        """Whether a file is still there."""
        return (self._folder / relative).is_file()

    def read(self, relative: str) -> Iterator[bytes]:
        """The content of an archived file, in chunks. Raises TenureError when it is missing, cut or changed."""
        path = self._folder / relative
        if not path.is_file():
            raise TenureError(f"{relative} is not in the archive", hint="it may be older than TENURE_ARCHIVE_DAYS")
        with path.open("rb") as stream:
            sealed_with, _count = _head(stream.read(_HEAD_BYTES), relative)
            secret = self._secrets.generations("archive_key").get(sealed_with)
            if secret is None:
                raise TenureError(f"{relative} was archived under a key that is not known")
            cipher = _cipher(secret)
            position = 0
            is_last = False
            while not is_last:
                head = stream.read(5)
                if len(head) != 5:
                    raise TenureError(f"{relative} is cut off in the archive")
                is_last, size = struct.unpack(">?I", head)
                sealed = stream.read(size)
                try:
                    yield cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _position(position, is_last))
                except (InvalidTag, ValueError):
                    raise TenureError(f"{relative} was changed in the archive, or the archive key is another") from None
                position += 1

    def removed_count(self, relative: str) -> int:
        """How many lines were taken out of a file."""
        with (self._folder / relative).open("rb") as stream:
            return _head(stream.read(_HEAD_BYTES), relative)[1]

    def remove_lines(self, relative: str, positions: Collection[int]) -> None:
        """Take lines out of a file, given by their places in it now, from 1. Its age stays what it was."""
        count = self.removed_count(relative) + len(positions)
        chunks = without_lines(self.read(relative), delivered_name(relative), positions)
        self._write(self._folder / relative, chunks, self._secrets.get("archive_key"), count)

    def re_encrypt(self, relative: str, secret: str) -> bool:
        """Move a file to this key. Returns False when it is under it already."""
        path = self._folder / relative
        with path.open("rb") as stream:
            sealed_with, count = _head(stream.read(_HEAD_BYTES), relative)
        if sealed_with == key_id(secret):
            return False
        self._write(path, self.read(relative), secret, count)
        return True

    def purge(self, now: float | None = None) -> int:
        """Remove what is older than the retention (TENURE_ARCHIVE_DAYS). Returns the number of files removed."""
        limit = (time.time() if now is None else now) - self._days * _SECONDS_PER_DAY
        old = [path for path in self._folder.glob("*/*.enc") if path.stat().st_mtime < limit]
        for path in old:
            path.unlink()
        return len(old)

    def remove_unfinished(self) -> None:
        """Remove what killed processes left half written; what is being written is locked, and stays."""
        for path in self._folder.glob("*/*.part"):
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as left:
                fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(left, path):
                    path.unlink()

    def _write(self, target: Path, chunks: Iterable[bytes], secret: str, removed_count: int) -> None:
        cipher = _cipher(secret)
        before = target.stat() if target.exists() else None
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}.part")
        head = f"{key_id(secret)} {removed_count:0{_COUNT_BYTES}x}\n".encode()
        try:
            with _locked(unfinished) as out:
                _fill(out, chunks, cipher, head)
                if before is not None:
                    os.utime(unfinished, ns=(before.st_atime_ns, before.st_mtime_ns))
                reach("before_rename")
                unfinished.replace(target)
        except BaseException:
            # A full disk gets back what was written in vain.
            unfinished.unlink(missing_ok=True)
            raise
        reach("after_rename")


def _fill(out: IO[bytes], chunks: Iterable[bytes], cipher: AESGCM, head: bytes) -> None:
    out.write(_MAGIC + head)
    previous: bytes | None = None
    position = 0
    for chunk in chunks:
        if previous is not None:
            out.write(_sealed(cipher, previous, position, is_last=False))
            position += 1
        previous = chunk
    out.write(_sealed(cipher, previous or b"", position, is_last=True))
    out.flush()


_HEAD_BYTES = len(_MAGIC) + _KEY_ID_BYTES + 1 + _COUNT_BYTES + 1


def delivered_name(relative: str) -> str:
    """The name that an archived file was delivered under."""
    return relative.rpartition("/")[2].removesuffix(".enc").rpartition(".")[0]


def _locked(path: Path) -> IO[bytes]:
    """A new file that nobody takes for a left one while it is open."""
    while True:
        out = path.open("wb")
        fcntl.flock(out, fcntl.LOCK_EX)
        if _is_at(out, path):
            return out
        # Removed before it was locked.
        out.close()


def _is_at(stream: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _head(head: bytes, relative: str) -> tuple[str, int]:
    if len(head) != _HEAD_BYTES or not head.startswith(_MAGIC):
        raise TenureError(f"{relative} is not an archived file")
    sealed_with, _, count = head[len(_MAGIC) : -1].decode("ascii", errors="replace").partition(" ")
    return sealed_with, int(count, 16)


def _cipher(secret: str) -> AESGCM:
    return AESGCM(hashlib.sha256(secret.encode()).digest())


def _sealed(cipher: AESGCM, chunk: bytes, position: int, is_last: bool) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = nonce + cipher.encrypt(nonce, chunk, _position(position, is_last))
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
