"""`tenure restore`: a backup into an empty server and an empty home, and nowhere else."""

from __future__ import annotations

import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tenure.contracts import load_contracts
from tenure.database import EmbeddedPostgres, prepare_roles, start_database
from tenure.database.roles import SCHEMAS
from tenure.db import connect
from tenure.errors import TenureError
from tenure.landing.schema import raw_identifier
from tenure.protection.backup import DUMP, FOLDERS, FORMAT, MANIFEST, SECRETS, run_program
from tenure.protection.erasure import erase
from tenure.protection.passphrase import decrypt
from tenure.protection.tombstones import lookup_of
from tenure.settings import Settings
from tenure.warehouse import prepare_warehouse

RESTORED_SCHEMAS = (*SCHEMAS, "vault")


@dataclass(frozen=True)
class Restored:
    """What came back: when the backup was made, files of archive and models, customers erased again."""

    made_at: str
    file_count: int
    erased_again: int


def restore(settings: Settings, source: Path, passphrase: str, tombstones: Path | None = None) -> Restored:
    """Bring a backup back. Raises TenureError, before anything is changed, when home or server are not empty.

    `tombstones` is the newest tombstones.json: customers who were erased after the backup was made are erased again.
    """
    _check_empty(settings)
    erased = _read_tombstones(tombstones) if tombstones else []
    try:
        with tarfile.open(source) as tar:
            manifest = json.loads(_content(tar, MANIFEST))
            if manifest.get("format") != FORMAT:
                raise TenureError(f"{source.name} is a backup of format {manifest.get('format')}, not {FORMAT}")
            secrets = json.loads(decrypt(passphrase, _content(tar, SECRETS)))
            _check_injected(settings, secrets)
            settings.secrets.put(secrets)
            count = _unpack(settings, tar)
    except OSError as error:
        raise TenureError(f"{source} cannot be read: {error.strerror or 'it is cut off'}") from None
    except (tarfile.TarError, KeyError, ValueError):
        raise TenureError(f"{source.name} is not a backup of Tenure, or is cut off") from None
    prepare_warehouse(settings)
    return Restored(str(manifest["made_at"]), count, _erase_again(settings, erased))


def _check_empty(settings: Settings) -> None:
    taken = [name for name in ("secrets.json", *FOLDERS) if (settings.home / name).exists()]
    if taken:
        raise TenureError(
            f"{settings.home} is not empty: it has {', '.join(taken)}", hint="set TENURE_HOME to a new folder"
        )
    if settings.is_embedded:
        if (EmbeddedPostgres(settings).data / "PG_VERSION").exists():
            raise TenureError("the embedded server has data already", hint="set TENURE_HOME to a new folder")
        return
    with psycopg.connect(settings.url("owner")) as connection:
        row = connection.execute("select 1 from pg_namespace where nspname = any(%s)", (list(RESTORED_SCHEMAS),))
        if row.fetchone():
            raise TenureError("the database of TENURE_DATABASE_URL is not empty", hint="name an empty database")


def _check_injected(settings: Settings, secrets: dict[str, str]) -> None:
    for name, value in secrets.items():
        if name.endswith("_key") and settings.secrets.is_injected(name) and settings.secret(name) != value:
            raise TenureError(
                f"TENURE_SECRET_{name.upper()} of the environment is not the one of the backup",
                hint="unset it, or set it to the one that was in use",
            )


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    if stream is None:
        raise KeyError(name)
    return stream.read()


def _unpack(settings: Settings, tar: tarfile.TarFile) -> int:
    count = 0
    for member in tar:
        if member.isfile() and member.name.partition("/")[0] in FOLDERS:
            # The filter refuses names that lead out of the folder.
            tar.extract(member, settings.home, filter="data")
            count += 1
    start_database(settings)
    prepare_roles(settings)
    with connect("owner", settings=settings) as connection:
        for schema in RESTORED_SCHEMAS:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        tar.extract(DUMP, folder, filter="data")
        run_program(
            settings,
            "pg_restore",
            ["--single-transaction", "--exit-on-error", str(Path(folder) / DUMP)],
            "the warehouse cannot be restored",
        )
    return count


def _read_tombstones(path: Path) -> list[str]:
    try:
        return [str(lookup) for lookup in json.loads(path.read_text())["erased"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise TenureError(f"{path} is not a tombstones.json of Tenure", exit_code=2) from None


def _erase_again(settings: Settings, erased: list[str]) -> int:
    """Erase those customers of the restored warehouse whom the tombstones name."""
    if not erased:
        return 0
    key, wanted = settings.secret("tombstone_key"), set(erased)
    table = raw_identifier(load_contracts(settings.root)["crm.customer"])
    with connect("loader", settings=settings) as connection:
        known = connection.execute(sql.SQL("select distinct customer_id from {}").format(table)).fetchall()
    again = [customer_id for (customer_id,) in known if lookup_of(key, "customer", customer_id) in wanted]
    for customer_id in again:
        erase(settings, customer_id, None)
    return len(again)
