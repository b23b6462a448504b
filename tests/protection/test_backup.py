"""A backup restored into an empty home gives the same warehouse, and lets nobody come back who was erased."""

from __future__ import annotations

import io
import json
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenure import stack
from tenure.database import EmbeddedPostgres
from tenure.database.unprivileged import shared_folder
from tenure.db import ROW_DIGEST, connect
from tenure.errors import TenureError
from tenure.landing import land
from tenure.landing.archive import Archive
from tenure.protection.backup import backup
from tenure.protection.erasure import erase
from tenure.protection.passphrase import decrypt, encrypt
from tenure.protection.restore import restore
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, topup
from tests.protection.people import account, as_role, msisdn, subscription, vault

PASSPHRASE = "correct horse battery"


@pytest.fixture
def landed(warehouse: Settings, tmp_path: Path) -> Settings:
    folder = tmp_path / "extracts"
    deliver(folder, "crm.customer", [*(customer(n) for n in range(20)), customer(30, gender="?")])
    deliver(folder, "crm.account", [account(n) for n in range(20)])
    deliver(folder, "crm.subscription", [subscription(n) for n in range(20)])
    deliver(folder, "usage.topup", [topup(n, msisdn=msisdn(n)) for n in range(20)])
    land(warehouse, folder)
    warehouse.models_dir.mkdir(exist_ok=True)
    (warehouse.models_dir / "a model").write_bytes(b"weights")
    with connect("transformer", settings=warehouse) as connection:
        connection.execute("create table if not exists marts.kept as select 1 as one")
    yield warehouse
    with connect("transformer", settings=warehouse) as connection:
        connection.execute("drop table marts.kept")
    shutil.rmtree(warehouse.models_dir)
    (warehouse.home / "tombstones.json").unlink(missing_ok=True)


@pytest.fixture
def other(test_base: Path) -> Iterator[Settings]:
    """An empty home with a server of its own."""
    found = Settings(_env_file=None, home=test_base / "restored here")
    yield found
    stack.down(found, lambda line: None)
    shutil.rmtree(found.home, ignore_errors=True)
    shutil.rmtree(shared_folder(found.home), ignore_errors=True)


def digests(settings: Settings) -> dict[str, tuple]:
    """Rows and digest of every table of every schema of ours, with its owner and rights."""
    with connect("owner", settings=settings) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = connection.execute(
            "select n.nspname, c.relname, pg_get_userbyid(c.relowner),"
            " array(select a::text from unnest(c.relacl) as a order by 1) from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'"
            " and n.nspname not in ('pg_catalog', 'information_schema')"
            # Which tables of this very server have their rules; made anew on another.
            " and c.oid <> to_regclass('rights.applied')"
        ).fetchall()
        return {
            f"{schema}.{table}": (
                owner, rights, *connection.execute(
                    f'select count(*), {ROW_DIGEST} from "{schema}"."{table}" as t'
                ).fetchone(),
            )
            for schema, table, owner, rights in tables
        }  # fmt: skip


def test_restored_warehouse__is_equal_and_goes_on(landed: Settings, other: Settings, tmp_path: Path) -> None:
    erase(landed, "C000003", None)
    done = backup(landed, tmp_path / "tenure backup.tar", PASSPHRASE)
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracts", "tenure backup.tar"]
    before, values = digests(landed), vault(landed)
    restored = restore(other, done.path, PASSPHRASE)
    assert restored.file_count == done.file_count == 5
    assert digests(other) == before
    assert vault(other) == values
    assert len(values) == 76
    ours, theirs = Archive(landed), Archive(other)
    assert theirs.files() == ours.files()
    assert all(b"".join(theirs.read(name)) == b"".join(ours.read(name)) for name in ours.files())
    assert (other.models_dir / "a model").read_bytes() == b"weights"
    # The same files are known there, a new one lands, and who was erased stays so.
    folder = tmp_path / "extracts"
    deliver(
        folder, "crm.customer", [customer(3, effective_at="2026-02-01T00:00:00+08:00"), customer(40)], day="20260201"
    )
    summary = land(other, folder)
    assert (summary.landed, summary.refused) == (1, 0)
    gone = "select count(*)::int from raw_crm.customer where customer_id = 'C000003'"
    assert as_role(other, "loader", gone) == [(0,)]
    assert as_role(other, "loader", "select count(*)::int from raw_crm.customer") == [(22,)]
    with pytest.raises(TenureError, match=r"is not empty: it has secrets\.json"):
        restore(other, done.path, PASSPHRASE)


def test_customer_erased_after_the_backup__is_erased_again(landed: Settings, other: Settings, tmp_path: Path) -> None:
    done = backup(landed, tmp_path / "old.tar", PASSPHRASE)
    erase(landed, "C000005", None)
    tombstones = landed.home / "tombstones.json"
    assert "C000005" not in tombstones.read_text()
    assert restore(other, done.path, PASSPHRASE, tombstones).erased_again == 1
    gone = "select count(*)::int from raw_crm.customer where customer_id = 'C000005'"
    assert as_role(other, "loader", gone) == [(0,)]
    assert msisdn(5) not in vault(other).values()


def test_backup__holds_no_secret_in_clear(landed: Settings, tmp_path: Path) -> None:
    done = backup(landed, tmp_path / "b.tar", PASSPHRASE)
    content = done.path.read_bytes()
    known = json.loads((landed.home / "secrets.json").read_text())
    assert not [name for name, secret in known.items() if secret.encode() in content]
    with tarfile.open(done.path) as tar:
        sealed = tar.extractfile("secrets.enc").read()
    assert known.items() <= json.loads(decrypt(PASSPHRASE, sealed)).items()


def test_wrong_use__is_one_clear_line_and_changes_nothing(landed: Settings, other: Settings, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match="fewer than 12 characters"):
        backup(landed, tmp_path / "b.tar", "short")
    assert not (tmp_path / "b.tar").exists()
    done = backup(landed, tmp_path / "b.tar", PASSPHRASE)
    with pytest.raises(TenureError, match="is there already"):
        backup(landed, done.path, PASSPHRASE)
    with pytest.raises(TenureError, match="the passphrase is not the one of this backup"):
        restore(other, done.path, "another passphrase")
    (tmp_path / "c.tar").write_bytes(b"no backup at all")
    with pytest.raises(TenureError, match=r"c\.tar is not a backup of Tenure"):
        restore(other, tmp_path / "c.tar", PASSPHRASE)
    with pytest.raises(TenureError, match="cannot be read: No such file"):
        restore(other, tmp_path / "absent.tar", PASSPHRASE)
    with pytest.raises(TenureError, match=r"is not a tombstones\.json"):
        restore(other, done.path, PASSPHRASE, tmp_path / "c.tar")
    with pytest.raises(TenureError, match="is not empty"):
        restore(landed, done.path, PASSPHRASE)
    assert not (other.home / "secrets.json").exists()
    assert not (EmbeddedPostgres(other).data / "PG_VERSION").exists()


def test_backup_with_a_path_that_leads_out__is_refused(other: Settings, tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in (
            ("manifest.json", b'{"format": 1, "made_at": ""}'), ("secrets.enc", encrypt(PASSPHRASE, "{}")),
            ("archive/../../evil", b"x"),
        ):  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    with pytest.raises(TenureError, match="is not a backup of Tenure"):
        restore(other, path, PASSPHRASE)
    assert not list(other.home.parent.glob("evil"))


def test_passphrase__is_not_shown_with_the_settings() -> None:
    settings = Settings(_env_file=None, backup_passphrase=SecretStr(PASSPHRASE))
    assert PASSPHRASE not in repr(settings)
