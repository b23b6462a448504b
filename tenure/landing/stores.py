"""Where delivered files lie: a folder, or a prefix of a bucket behind S3's API. Landing treats both alike.

A `Place` is a folder or a file in it. `StoredPlace` answers the few questions of `pathlib.Path` that finding
deliveries asks, from one listing; a stored file is fetched into a private spool folder when it is landed. An object
whose size and time are those that the ledger knows is not read again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from tenure.errors import TenureError
from tenure.landing.results import FileRefused
from tenure.settings import Settings

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileInfo

Place: TypeAlias = "Path | StoredPlace"

_ADDRESS = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[^?#]*))?")
_ERROR_CODE = re.compile(r"AWS Error ([A-Z_]+)")
_REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_SIGNATURE")
_BLOCK_BYTES = 8 << 20
_ROOM_BYTES = 1 << 30
# Times of objects are whole seconds. What is read later than this after the listing either has the listed time and is
# what any later listing of that time means, or is written later and then has another time.
_SETTLED_SECONDS = 1.1
_REQUEST_SECONDS = 60
_CONNECT_SECONDS = 5


class StoredPlace:
    """A prefix of a bucket, as a folder, or an object, as a file. `key` begins with the bucket's name."""

    def __init__(self, store: BucketStore, key: str, info: FileInfo | None = None, is_folder: bool = False) -> None:
        self._store = store
        self._info = info
        self._is_folder = is_folder
        self._siblings: dict[str, StoredPlace] = {}
        self.key = key

    def __str__(self) -> str:
        return f"s3://{self.key}"

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    def exists(self) -> bool:
        """Whether it was listed."""
        return self._is_folder or self._info is not None

    def is_dir(self) -> bool:
        """Whether it is a prefix."""
        return self._is_folder

    def is_file(self) -> bool:
        """Whether it is an object."""
        return self._info is not None

    def is_symlink(self) -> bool:
        """A store has no links."""
        return False

    def iterdir(self) -> Iterator[StoredPlace]:
        """What is directly below a prefix. Raises TenureError when the store does not say."""
        from pyarrow.fs import FileType

        found: dict[str, StoredPlace] = {}
        for info in self._store.listed(self.key):
            is_folder = info.type == FileType.Directory
            place = StoredPlace(self._store, info.path, None if is_folder else info, is_folder)
            place._siblings = found
            found[place.name] = place
        return iter(found.values())

    def rglob(self, pattern: str) -> Iterator[StoredPlace]:
        """Everything below a prefix; `*` is the only pattern there is."""
        for place in self.iterdir():
            yield place
            if place.is_dir():
                yield from place.rglob(pattern)

    def with_name(self, name: str) -> StoredPlace:
        """The place of this name beside it, which need not exist."""
        return self._siblings.get(name) or StoredPlace(self._store, f"{self.key.rpartition('/')[0]}/{name}")

    @property
    def size(self) -> int:
        """The bytes of an object as it was listed; nothing of one that is not there."""
        return 0 if self._info is None else int(self._info.size)

    def fingerprint(self) -> str:
        """What tells without reading whether an object is still the same: key, size, time of writing."""
        if self._info is None:
            raise FileRefused("it cannot be read: there is no such object")
        return f"{self}:{self._info.size}:{self._info.mtime_ns}"

    def fetch(self) -> Fetched:
        """Copy an object into the spool. Raises FileRefused when it is gone or was written to since it was listed."""
        if self._info is None:
            raise FileRefused("it cannot be read: there is no such object")
        return self._store.fetch(self, int(self._info.size))

    def release(self) -> None:
        """Remove its copy from the spool, if there is one."""
        self._store.spooled(self.key).unlink(missing_ok=True)

    def read(self, limit: int) -> bytes:
        """The content of a small object. Raises ValueError when it is longer than `limit`."""
        if self._info is not None and int(self._info.size) > limit:
            raise ValueError("it is too large")
        return self._store.read(self.key)


@dataclass(frozen=True)
class Fetched:
    """An object's copy in the spool, and the store's tag of the version that was copied."""

    path: Path
    key: str
    tag: bytes
    store: BucketStore

    def check_unchanged(self) -> None:
        """Raises FileRefused when somebody wrote to the object since."""
        if self.store.tag(self.key) != self.tag:
            raise FileRefused("it changed while it was read: deliver each version once, complete")


class BucketStore:
    """The objects of one bucket, with the settings' credentials, or else those of the usual AWS environment."""

    def __init__(self, settings: Settings, address: str, spool: Path) -> None:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        self._bucket, prefix = parse_address(address)
        self._spool = spool
        self._listed_at = 0.0
        endpoint = urlsplit(settings.s3_endpoint or "")
        self._host = endpoint.netloc.rpartition("@")[2] or "the object store"
        key, secret = settings.s3_access_key, settings.s3_secret_key
        if (key is None) != (secret is None):
            raise TenureError(
                "only one of TENURE_S3_ACCESS_KEY and TENURE_S3_SECRET_KEY is set",
                hint="set both, or none",
                exit_code=2,
            )
        self._files = S3FileSystem(
            access_key=key.get_secret_value() if key else None,
            secret_key=secret.get_secret_value() if secret else None,
            # A store of one's own has no regions; every request must name one all the same.
            region=settings.s3_region or ("us-east-1" if settings.s3_endpoint else None),
            scheme=endpoint.scheme or "https",
            endpoint_override=self._host if settings.s3_endpoint else None,
            request_timeout=_REQUEST_SECONDS,
            connect_timeout=_CONNECT_SECONDS,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=3),
        )
        self.root = StoredPlace(self, "/".join(part for part in (self._bucket, prefix) if part), is_folder=True)

    def listed(self, key: str) -> list[FileInfo]:
        """What lies directly below a prefix; nothing where there is no such prefix."""
        from pyarrow.fs import FileSelector

        with self._answers():
            try:
                found = self._files.get_file_info(FileSelector(key))
            except FileNotFoundError:
                found = []
        self._listed_at = time.monotonic()
        return list(found)

    def read(self, key: str) -> bytes:
        """All of an object."""
        with self._answers(), self._open(key) as stream:
            return bytes(stream.read())

    def tag(self, key: str) -> bytes | None:
        """The store's tag of the object's content now, None when it is gone."""
        with self._answers():
            try:
                with self._open(key) as stream:
                    return bytes(stream.metadata()["ETag"])
            except FileNotFoundError:
                return None

    def _open(self, key: str) -> NativeFile:
        # Left to itself it would take `.gz` apart.
        return self._files.open_input_stream(key, compression=None)

    def spooled(self, key: str) -> Path:
        """Where the copy of an object lies: under its own name, because a mapping may read it, and nothing else of
        its key, which is the sender's and may hold `..`.
        """
        name = key.rpartition("/")[2]
        if name in ("", ".", ".."):
            raise FileRefused("its name is none that a file can have")
        return self._spool / hashlib.sha256(key.encode()).hexdigest()[:16] / name

    def fetch(self, place: StoredPlace, size: int) -> Fetched:
        """Copy an object of this size. Raises FileRefused when it is another one by now."""
        free = shutil.disk_usage(self._spool).free
        if free < size + _ROOM_BYTES:
            raise TenureError(
                f"there is no room to fetch {place.name}: it has {size >> 20} MB, {free >> 20} MB are free",
                hint="make room under TENURE_HOME",
            )
        time.sleep(max(0.0, self._listed_at + _SETTLED_SECONDS - time.monotonic()))
        target = self.spooled(place.key)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._answers():
            try:
                with self._open(place.key) as stream, target.open("wb") as out:
                    tag = bytes(stream.metadata()["ETag"])
                    while block := stream.read(_BLOCK_BYTES):
                        out.write(block)
            except FileNotFoundError:
                raise FileRefused("it was removed before it could be read") from None
        fetched = Fetched(target, place.key, tag, self)
        if target.stat().st_size != size:
            raise FileRefused("it changed while it was read: deliver each version once, complete")
        fetched.check_unchanged()
        return fetched

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """One clear line for whatever the store says; its own words may quote the key."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            found = _ERROR_CODE.search(str(error))
            raise self._failure(found[1] if found else "") from None

    def _failure(self, code: str) -> TenureError:
        if code == "NO_SUCH_BUCKET":
            return TenureError(
                f"there is no bucket {self._bucket} at {self._host}", hint="check its name and TENURE_S3_ENDPOINT"
            )
        if code in _REFUSALS:
            return TenureError(
                f"{self._host} does not let us read bucket {self._bucket} ({code.lower().replace('_', ' ')})",
                hint="check TENURE_S3_ACCESS_KEY, TENURE_S3_SECRET_KEY and what the key may list and read",
            )
        if code == "NETWORK_CONNECTION":
            return TenureError(f"{self._host} does not answer", hint="check TENURE_S3_ENDPOINT and the network")
        return TenureError(
            f"{self._host} failed on bucket {self._bucket} ({code.lower().replace('_', ' ') or 'no reason given'})",
            hint="check TENURE_S3_ENDPOINT and TENURE_S3_REGION",
        )


def is_address(location: Path | str) -> bool:
    """Whether this names an object store and not a folder."""
    return isinstance(location, str) and "://" in location


def parse_address(address: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`. Raises TenureError, which does not repeat the address."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        # Somebody may have put a key into it.
        raise TenureError(
            "the address of the extracts is not s3://bucket/prefix",
            hint="credentials belong into TENURE_S3_ACCESS_KEY and TENURE_S3_SECRET_KEY", exit_code=2,
        )  # fmt: skip
    return match["bucket"], (match["prefix"] or "").strip("/")


@contextmanager
def open_place(settings: Settings, location: Path | str) -> Iterator[Place]:
    """The folder or bucket of this name; what was fetched from a bucket is removed afterwards."""
    if not is_address(location):
        yield Path(location)
        return
    with private_folder(settings.home / "fetched") as folder:
        yield BucketStore(settings, str(location), folder).root


def remove_left_folders(parent: Path) -> None:
    """Remove the private folders that killed processes have left."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(parent, fcntl.LOCK_EX):
        for left in parent.iterdir():
            # In use, or removed by its owner just now.
            with suppress(BlockingIOError, FileNotFoundError), _locked(left, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def private_folder(parent: Path) -> Iterator[Path]:
    """A folder of this process's own that only we can enter; what killed processes left behind is removed."""
    remove_left_folders(parent)
    with _locked(parent, fcntl.LOCK_EX):
        folder = Path(tempfile.mkdtemp(dir=parent))
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def by_name(places: Iterable[Place]) -> list[Place]:
    """The places in the order of their whole names."""
    return sorted(places, key=str)


def release(place: Place) -> None:
    """Let go of what landing a file has fetched; a file of a folder stays where it is."""
    if isinstance(place, StoredPlace):
        place.release()


def read_small(place: Place, limit: int) -> str:
    """The text of a small file. Raises ValueError when it is longer than `limit` or not UTF-8, OSError."""
    if isinstance(place, StoredPlace):
        return place.read(limit).decode("utf-8-sig")
    if place.stat().st_size > limit:
        raise ValueError("it is too large")
    return place.read_text(encoding="utf-8-sig")
