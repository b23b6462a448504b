"""A delivered file as it is on disk: its digest, and its bytes when they are few."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tenure.landing.results import FileRefused

# Up to this size a file is read once and kept; a larger one is read once for its digest and again in blocks.
IN_MEMORY_BYTES = 32 << 20


@dataclass(frozen=True)
class Snapshot:
    """The file at one moment; `content` is None for a large one, whose digest is made beside what is done with it."""

    path: Path
    size: int
    digest: Future[str]
    fingerprint: str
    content: bytes | None

    @property
    def sha256(self) -> str:
        """The digest of its bytes, in hexadecimal digits. Raises FileRefused when it cannot be read."""
        try:
            return self.digest.result()
        except OSError as error:
            raise FileRefused(f"it cannot be read: {error.strerror}") from None

    def check_unchanged(self) -> None:
        """Raises FileRefused when somebody wrote to the file since."""
        if fingerprint(self.path) != self.fingerprint:
            raise FileRefused("it changed while it was read: deliver it under a temporary name and rename it")


def fingerprint(path: Path) -> str:
    """What tells without reading whether a file is still the same: inode, size, times of change.

    The time of the last status change cannot be set by copying tools, so other bytes never go unnoticed.
    """
    try:
        found = path.lstat()
    except OSError as error:
        raise FileRefused(f"it cannot be read: {error.strerror}") from None
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def take_snapshot(path: Path) -> Snapshot:
    """Look at the file as it is. Raises FileRefused when it cannot be read or is being written."""
    before = fingerprint(path)
    digest: Future[str] = Future()
    content = None
    try:
        # A link put in place of the file since it was listed is not followed.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        size = os.fstat(descriptor).st_size
        stream = os.fdopen(descriptor, "rb")
        if size <= IN_MEMORY_BYTES:
            with stream:
                content = stream.read()
            digest.set_result(hashlib.sha256(content).hexdigest())
        else:
            Thread(target=_digest, args=(stream, digest), daemon=True).start()
    except OSError as error:
        raise FileRefused(f"it cannot be read: {error.strerror}") from None
    snapshot = Snapshot(path, size, digest, before, content)
    snapshot.check_unchanged()
    return snapshot


def _digest(stream: Any, found: Future[str]) -> None:
    try:
        with stream:
            found.set_result(hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as error:
        found.set_exception(error)
