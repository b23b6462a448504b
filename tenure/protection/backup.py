"""`tenure backup`: one file with the warehouse as it was at one moment, the archive, the models, and the secrets."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tenure.database import EmbeddedPostgres
from tenure.db import connect
from tenure.errors import TenureError
from tenure.protection.door import door_kept_open
from tenure.protection.passphrase import check_strength, encrypt
from tenure.settings import ROLES, SERVICE_DATABASES, Settings

FORMAT = 1
MANIFEST, SECRETS, DUMP = "manifest.json", "secrets.enc", "warehouse.dump"
FOLDERS = ("archive", "models")

# What must be known again to read, land and score on: also a key that nothing was made with yet.
_KEYS = ("token_key", "vault_key", "tombstone_key", "archive_key", "model_key")


@dataclass(frozen=True)
class Backup:
    """What was written: the file, its size, and how many files of the archive and of models are in it."""

    path: Path
    size: int
    file_count: int


def backup(settings: Settings, target: Path, passphrase: str) -> Backup:
    """Write a backup (mode 0600) to a new file. Raises TenureError when it cannot be complete.

    Landing may go on meanwhile: the dump is of one moment, and the archive has at least what the dump refers to. Keys
    are not replaced and nobody is erased before it is done.
    """
    check_strength(passphrase)
    if target.exists():
        raise TenureError(f"{target} is there already", hint="name a new file")
    if not target.parent.is_dir():
        raise TenureError(f"{target.parent} is not a folder", exit_code=2)
    unfinished = target.with_name(f"{target.name}.part")
    dump = target.with_name(f"{target.name}.dump")
    try:
        with door_kept_open(settings, "owner"):
            _dump(settings, dump)
            count = _pack(settings, unfinished, dump, encrypt(passphrase, json.dumps(_secrets(settings))))
        unfinished.replace(target)
    finally:
        dump.unlink(missing_ok=True)
        unfinished.unlink(missing_ok=True)
    return Backup(target, target.stat().st_size, count)


def _secrets(settings: Settings) -> dict[str, str]:
    """Every secret in use, those that the environment injects included."""
    secrets = settings.secrets
    roles = [f"postgres_{name}" for name in (*ROLES, *SERVICE_DATABASES) if name != "owner" or settings.is_embedded]
    roles.append("postgres_regional")
    found = {name: secrets.get(name) for name in (*_KEYS, *roles)}
    found |= {f"{name}.next": value for name in _KEYS if (value := secrets.next(name))}
    try:
        kept = json.loads(secrets.path.read_text())
    except FileNotFoundError:
        kept = {}
    return {**kept, **found}


def _dump(settings: Settings, path: Path) -> None:
    with _private(path):
        pass
    run_program(settings, "pg_dump", ["--format=custom", f"--file={path}"], "the warehouse cannot be dumped")


def run_program(settings: Settings, name: str, arguments: list[str], failure: str) -> None:
    """Run a program of Postgres as the owner. Raises TenureError with its last line when it fails."""
    url = urlsplit(settings.url("owner"))
    # Not in the arguments, which every user of the host can read.
    environment = {**os.environ, "PGPASSWORD": unquote(url.password or "")}
    where = ["-h", url.hostname or "", "-p", str(url.port or 5432), "-U", unquote(url.username or "")]
    program = EmbeddedPostgres(settings).program(name)
    done = subprocess.run(
        [program, *where, "-d", url.path.lstrip("/"), "--no-password", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if "error" in line.lower()]
        raise TenureError(f"{failure}: {lines[0][:200] if lines else f'exit status {done.returncode}'}")


@contextmanager
def _private(path: Path) -> Iterator[io.BufferedWriter]:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise TenureError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


def _pack(settings: Settings, target: Path, dump: Path, sealed: bytes) -> int:
    with connect("owner", settings=settings) as connection:
        version = connection.info.server_version
    manifest = {"format": FORMAT, "made_at": dt.datetime.now(dt.UTC).isoformat(), "server_version": version}
    count = 0
    with _private(target) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in ((MANIFEST, json.dumps(manifest).encode()), (SECRETS, sealed)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o600
            tar.addfile(entry, io.BytesIO(content))
        tar.add(dump, DUMP)
        for folder in (settings.archive_dir, settings.models_dir):
            for path in sorted(folder.rglob("*")):
                # Retention may take a file away, and landing be in the middle of another.
                if path.is_file() and not path.name.endswith(".part"):
                    tar.add(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", recursive=False)
                    count += 1
    return count
