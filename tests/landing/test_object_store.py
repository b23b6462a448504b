"""Extracts in a bucket: landed like those of a folder, read once, and every refusal in one line without a secret."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenure.errors import TenureError
from tenure.landing import land, stores
from tenure.landing.snapshot import take_snapshot
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import customer, deliver, everything, ledger, query, topup, topups
from tests.landing.object_store import ObjectStore, running_object_store

BUCKET = "extracts"
PREFIX = "from operator/daily"
ADDRESS = f"s3://{BUCKET}/{PREFIX}"

CASH = """
name: cash
file: {pattern: "cash_*.txt", delimiter: ";"}
business_date: {from_name: 'cash_(\\d{8})'}
columns: {NR: {required: true}, PHONE: {}, PAID: {type: numeric, required: true}}
entities:
  usage.topup:
    rows:
      - columns:
          topup_id: {sql: "'T' || NR"}
          msisdn: PHONE
          topped_up_at: {local_instant: "date '2026-01-10'"}
          amount: PAID
          currency_code: {value: CNY}
"""


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    with running_object_store() as found:
        found.client().create_bucket(Bucket=BUCKET)
        yield found


@pytest.fixture
def store(object_store: ObjectStore) -> ObjectStore:
    """The server with an empty bucket."""
    client = object_store.client()
    for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=item["Key"])
    return object_store


def with_store(settings: Settings, store: ObjectStore, **changes: object) -> Settings:
    return Settings(_env_file=None, home=settings.home, **{**store.settings, **changes})


def spooled(settings: Settings) -> list[Path]:
    folder = settings.home / "fetched"
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


def deliver_everything(folder: Path) -> None:
    deliver(folder, "usage.topup", topups(40), manifest={"rows": 40})
    deliver(folder, "usage.topup", [*topups(5, first=100), topup(7), topup(120, amount="x")], "20260111", "csv.gz")
    deliver(folder, "usage.topup", topups(6, first=200), "20260112", "parquet")
    deliver(folder, "crm.customer", [customer(number) for number in range(9)], ending="jsonl")
    deliver(folder, "usage.topup", topups(4, first=300), "20260113", manifest={"rows": 5})


def test_bucket__gives_the_same_raw_tables_as_a_folder(warehouse: Settings, store: ObjectStore, tmp_path: Path) -> None:
    deliver_everything(tmp_path)
    from_folder = land(warehouse, tmp_path)
    tables, loads = everything(warehouse), ledger(warehouse)
    empty_warehouse(warehouse)
    store.upload(tmp_path, BUCKET, PREFIX)
    from_bucket = land(with_store(warehouse, store), ADDRESS)
    assert everything(warehouse) == tables
    assert ledger(warehouse) == loads
    assert str(from_bucket) == str(from_folder)
    assert from_bucket.refused == 1 and from_bucket.landed == 4
    assert spooled(warehouse) == []


def test_bucket__is_read_once_and_again_only_where_it_changed(
    warehouse: Settings, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_store(warehouse, store)
    deliver(tmp_path, "usage.topup", topups(8))
    deliver(tmp_path, "usage.topup", topups(8, first=20), "20260111")
    store.upload(tmp_path, BUCKET, PREFIX)
    assert land(settings, ADDRESS).landed == 2
    fetched: list[str] = []
    fetch = stores.BucketStore.fetch

    def watched(self: stores.BucketStore, place: stores.StoredPlace, size: int) -> stores.Fetched:
        fetched.append(place.name)
        return fetch(self, place, size)

    monkeypatch.setattr(stores.BucketStore, "fetch", watched)
    again = land(settings, ADDRESS)
    assert (again.unchanged, again.landed, fetched) == (2, 0, [])

    # The same bytes put once more are looked at and known; a correction replaces what it corrects.
    time.sleep(1.1)
    store.upload(tmp_path, BUCKET, PREFIX)
    assert land(settings, ADDRESS).duplicates == 2
    deliver(tmp_path, "usage.topup", topups(9), "20260110")
    store.upload(tmp_path, BUCKET, PREFIX)
    corrected = land(settings, ADDRESS)
    assert corrected.landed == 1
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(17,)]


def test_bucket__takes_a_mapping(warehouse: Settings, store: ObjectStore, tmp_path: Path) -> None:
    mapping = tmp_path / "cash.yml"
    mapping.write_text(CASH, encoding="utf-8")
    store.client().put_object(
        Bucket=BUCKET,
        Key=f"{PREFIX}/2026/cash_20260110.txt",
        Body=b"NR;PHONE;PAID\n1;13900000001;12.5\n2;13900000002;x\n",
    )
    summary = land(with_store(warehouse, store), ADDRESS, mapping=mapping)
    assert (summary.landed, summary.rows, summary.rejected_rows) == (1, 1, 1)
    rows = query(
        warehouse, "select topup_id, amount::text, file_name from raw_usage.topup join ops.load on load_id = _load_id"
    )
    assert rows == [("T1", "12.5", "cash_20260110.txt")]
    assert spooled(warehouse) == []


def test_object_written_while_it_is_read__is_refused(
    warehouse: Settings, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, "usage.topup", topups(8))
    store.upload(tmp_path, BUCKET, PREFIX)
    tag = stores.BucketStore.tag

    def written_now(self: stores.BucketStore, key: str) -> bytes | None:
        store.client().put_object(Bucket=BUCKET, Key=key.partition("/")[2], Body=b"topup_id\n")
        return tag(self, key)

    monkeypatch.setattr(stores.BucketStore, "tag", written_now)
    summary = land(with_store(warehouse, store), ADDRESS)
    assert summary.refused == 1 and "changed while it was read" in summary.files[0].message
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]
    assert spooled(warehouse) == []


def test_spool__is_private_and_forgets_what_a_killed_landing_left(
    warehouse: Settings, store: ObjectStore, tmp_path: Path
) -> None:
    deliver(tmp_path, "usage.topup", topups(8))
    store.upload(tmp_path, BUCKET, PREFIX)
    left = warehouse.home / "fetched" / "of a killed one"
    left.mkdir(parents=True)
    (left / "topup.csv").write_text("13900000000")
    with stores.open_place(with_store(warehouse, store), ADDRESS) as place:
        assert not left.exists()
        assert isinstance(place, stores.StoredPlace)
        (file,) = (item for item in place.rglob("*") if item.is_file())
        snapshot = take_snapshot(file)
        for folder in snapshot.path.parents:
            if folder == warehouse.home:
                break
            assert folder.stat().st_mode & 0o077 == 0, folder
        assert snapshot.path.name == "topup_20260110.csv"
        # Another landing at the same time keeps its hands off.
        with stores.open_place(with_store(warehouse, store), ADDRESS):
            assert snapshot.path.exists()
        stores.release(file)
        assert not snapshot.path.exists()
    assert list((warehouse.home / "fetched").iterdir()) == []


def test_key_that_climbs_out_of_the_spool__is_refused(warehouse: Settings, store: ObjectStore, tmp_path: Path) -> None:
    with stores.open_place(with_store(warehouse, store), ADDRESS) as place:
        assert isinstance(place, stores.StoredPlace)
        inside = place._store.spooled(f"{BUCKET}/../../../etc/passwd")
        assert inside.name == "passwd" and ".." not in inside.parts
        with pytest.raises(stores.FileRefused):
            place._store.spooled(f"{BUCKET}/..")


def tenure_land(
    settings: Settings, store: ObjectStore, address: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    variables = {f"TENURE_{name.upper()}": str(value) for name, value in (store.settings | changes).items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TENURE_S3", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "tenure", "land", address], capture_output=True, text=True, check=False,
        cwd=settings.root, env=kept | variables | {"TENURE_HOME": str(settings.home)},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("address", "changes", "said"),
    [
        ("s3://no-such-bucket/x", {}, "there is no bucket no-such-bucket at 127.0.0.1"),
        (ADDRESS, {"s3_access_key": "WRONGKEYID"}, "does not let us read bucket extracts"),
        (ADDRESS, {"s3_secret_key": "canary-of-a-wrong-secret"}, "does not let us read bucket extracts"),
        (ADDRESS, {"s3_endpoint": "http://127.0.0.1:9"}, "127.0.0.1:9 does not answer"),
        (f"s3://{BUCKET}/empty", {}, "there are no extracts in s3://extracts/empty"),
        ("s3://key:canary-of-a-wrong-secret@bucket/x", {}, "is not s3://bucket/prefix"),
        (
            ADDRESS,
            {"s3_endpoint": "http://key:canary-of-a-wrong-secret@127.0.0.1:9"},
            "TENURE_S3_ENDPOINT cannot be used",
        ),
    ],
)
def test_store_that_cannot_be_read__is_one_line_without_a_secret(
    warehouse: Settings, store: ObjectStore, address: str, changes: dict[str, str], said: str
) -> None:
    done = tenure_land(warehouse, store, address, **changes)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stderr.startswith("tenure: ") and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    for secret in (store.secret_key, store.access_key, "canary-of-a-wrong-secret", "WRONGKEYID"):
        assert secret not in done.stderr + done.stdout


def test_settings__never_show_the_key(warehouse: Settings, store: ObjectStore) -> None:
    settings = with_store(warehouse, store)
    assert isinstance(settings.s3_secret_key, SecretStr)
    assert store.secret_key not in repr(settings) + str(settings.model_dump())


def test_half_a_key__is_wrong_use(warehouse: Settings, store: ObjectStore) -> None:
    with pytest.raises(TenureError, match="only one of") as refusal:
        land(with_store(warehouse, store, s3_secret_key=None), ADDRESS)
    assert refusal.value.exit_code == 2
