"""Whether there is room for a file, before anything of it is written: a full disk stops everybody."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tenure.database import EmbeddedPostgres
from tenure.errors import TenureError
from tenure.landing.results import FileRefused
from tenure.landing.stores import Place, StoredPlace
from tenure.settings import Settings

# What a delivered byte takes in the server's data folder, with its log of changes: at least, for a file that would
# just fit must be tried. Texts become rows of about their own size, and the log repeats them.
_PLAIN_FACTOR = 2
_COMPRESSED_FACTOR = 6
# Small files need no looking at: what else is on the disk changes by more meanwhile.
_SMALL_BYTES = 1 << 20


class Room:
    """The disks that landing writes to: the archive's, and the embedded server's when there is one."""

    def __init__(self, settings: Settings) -> None:
        self._home = _existing(settings.home)
        self._data = _existing(EmbeddedPostgres(settings).data) if settings.is_embedded else None

    def check(self, path: Place, name: str) -> None:
        """Raises TenureError when a file surely needs more than is free, FileRefused when it is not there.

        `name` is what the ledger calls it.
        """
        size = _size(path)
        if size < _SMALL_BYTES:
            return
        needed: dict[int, tuple[Path, int]] = {}
        wanted = [(self._home, size)]
        if self._data is not None:
            wanted.append((self._data, size * _factor(path.name)))
        for folder, count in wanted:
            device = folder.stat().st_dev
            first, before = needed.get(device, (folder, 0))
            needed[device] = first, before + count
        for folder, count in needed.values():
            free = shutil.disk_usage(folder).free
            if free < count:
                raise TenureError(
                    f"there is no room to land {name}: about {_megabytes(count)} are needed on the disk of "
                    f"{self._what(folder)}, {_megabytes(free)} are free",
                    hint="make room, or deliver it in parts; nothing of it was landed",
                )

    def _what(self, folder: Path) -> str:
        return "TENURE_HOME" if folder == self._home else "the warehouse"


def _factor(name: str) -> int:
    is_compressed = name.lower().endswith((".gz", ".zst", ".parquet"))
    return _COMPRESSED_FACTOR if is_compressed else _PLAIN_FACTOR


def _size(path: Place) -> int:
    if isinstance(path, StoredPlace):
        return path.size
    try:
        return os.lstat(path).st_size
    except OSError as error:
        raise FileRefused(f"it cannot be read: {error.strerror}") from None


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _megabytes(count: int) -> str:
    return f"{count >> 20:,} MB"
