"""Keys are replaced without breaking joins, the old key is gone, and an interruption is gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenure.errors import TenureError
from tenure.landing import land
from tenure.landing.archive import Archive
from tenure.landing.tokens import token_mac
from tenure.protection import keys
from tenure.protection.door import door_closed
from tenure.protection.keys import rotate
from tenure.protection.sealing import Sealer
from tenure.secrets_file import Secrets, key_id
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query, topup
from tests.protection.people import as_role, msisdn, subscription, vault

JOINED = (
    "select topup.topup_id, line.subscription_id from raw_usage.topup as topup"
    " join raw_crm.subscription as line using (msisdn_token) order by 1"
)


def land_day(settings: Settings, folder: Path, day: int) -> None:
    """Five lines known from the first day, and on every day a top-up of each and of a stranger."""
    if day == 10:
        deliver(folder, "crm.customer", [customer(n) for n in range(5)])
        deliver(folder, "crm.subscription", [subscription(n) for n in range(5)])
    rows = [topup(10 * day + n, msisdn=msisdn(n)) for n in range(5)] + [topup(10 * day + 9, msisdn="13500000000")]
    deliver(folder, "usage.topup", rows, day=f"202601{day}")
    assert not land(settings, folder).is_refused


def known(settings: Settings) -> dict[str, str]:
    return json.loads((settings.home / "secrets.json").read_text())


def test_token_key__is_replaced_and_old_and_new_rows_join(warehouse: Settings, tmp_path: Path) -> None:
    land_day(warehouse, tmp_path, 10)
    old = warehouse.secret("token_key")
    before = vault(warehouse)
    assert rotate(warehouse, "token").moved_count == len(before) == 20
    assert old not in known(warehouse).values()
    assert "token_key.next" not in known(warehouse)
    land_day(warehouse, tmp_path, 11)
    assert rotate(warehouse, "token").moved_count == 20
    land_day(warehouse, tmp_path, 12)
    assert query(warehouse, JOINED) == [(f"T{10 * d + n:06d}", f"S{n:06d}") for d in (10, 11, 12) for n in range(5)]
    # A number that nobody of ours holds is another one under each key.
    strangers = query(
        warehouse, "select count(distinct msisdn_token)::int from raw_usage.topup where topup_id like '%%9'"
    )
    assert strangers == [(3,)]
    assert vault(warehouse) == before
    assert query(warehouse, "select distinct key_id from vault.alias") == [(key_id(warehouse.secret("token_key")),)]


def test_known_customers__delivered_again_after_a_rotation_are_duplicates(warehouse: Settings, tmp_path: Path) -> None:
    land_day(warehouse, tmp_path, 10)
    before = query(warehouse, "select * from raw_crm.customer order by customer_id")
    rotate(warehouse, "token")
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(4, -1, -1)], day="20260111")
    (item,) = [item for item in land(warehouse, tmp_path).files if item.status == "landed"]
    assert (item.balance.landed, item.balance.duplicate) == (0, 5)
    assert query(warehouse, "select * from raw_crm.customer order by customer_id") == before


def test_without_a_rotation__no_alias_is_ever_asked_for(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenure.protection import aliases

    def refused(*_arguments: object, **_more: object) -> None:
        raise AssertionError("a connection for aliases")

    monkeypatch.setattr(aliases, "connect", refused)
    land_day(warehouse, tmp_path, 10)


def test_vault_key__is_replaced_and_an_interruption_is_gone_on_with(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_day(warehouse, tmp_path, 10)
    before, old = vault(warehouse), warehouse.secret("vault_key")
    seal = Sealer.seal
    calls = 0

    def interrupted(self: Sealer, token: str, clear: str) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return seal(self, token, clear)

    with monkeypatch.context() as patch:
        patch.setattr(keys, "PAGE_ROWS", 3)
        patch.setattr(Sealer, "seal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rotate(warehouse, "vault")
    assert as_role(warehouse, "vault", "select count(*)::int from vault.identity group by key_id order by 1") == [
        (6,),
        (14,),
    ]
    assert warehouse.secret("vault_key") == old, "the old key stays in use until all have moved"
    assert vault(warehouse) == before
    deliver(tmp_path, "crm.customer", [customer(7)], day="20260111")
    land(warehouse, tmp_path)
    assert rotate(warehouse, "vault").moved_count == 17
    assert old not in known(warehouse).values()
    assert as_role(warehouse, "vault", "select distinct key_id from vault.identity") == [
        (key_id(warehouse.secret("vault_key")),)
    ]
    assert before.items() <= vault(warehouse).items()


def test_token_rotation__interrupted_leaves_the_old_key_in_use_until_it_is_gone_on_with(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_day(warehouse, tmp_path, 10)
    old = warehouse.secret("token_key")

    def interrupted(self: Secrets, name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Secrets, "promote", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rotate(warehouse, "token")
    planned = warehouse.secrets.next("token_key")
    assert warehouse.secret("token_key") == old
    deliver(tmp_path, "crm.subscription", [subscription(8)], day="20260111")
    land(warehouse, tmp_path)
    assert rotate(warehouse, "token").moved_count == 21
    assert warehouse.secret("token_key") == planned
    deliver(tmp_path, "usage.topup", [topup(1, msisdn=msisdn(8))], day="20260112")
    land(warehouse, tmp_path)
    assert ("T000001", "S000008") in query(warehouse, JOINED)
    assert vault(warehouse)[token_mac(old).code(msisdn(8))] == msisdn(8)


def test_archive_key__is_replaced_and_files_keep_content_and_age(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (10, 11, 12):
        land_day(warehouse, tmp_path, day)
    archive, old = Archive(warehouse), warehouse.secret("archive_key")
    paths = {name: warehouse.archive_dir / name for name in archive.files()}
    before = {name: (b"".join(archive.read(name)), path.stat().st_mtime_ns) for name, path in paths.items()}
    assert len(before) == 5
    re_encrypt = Archive.re_encrypt
    done: list[str] = []

    def interrupted(self: Archive, relative: str, secret: str) -> bool:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(relative)
        return re_encrypt(self, relative, secret)

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "re_encrypt", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rotate(warehouse, "archive")
    assert {name: (b"".join(archive.read(name)), path.stat().st_mtime_ns) for name, path in paths.items()} == before
    assert rotate(warehouse, "archive").moved_count == 3
    assert {name: (b"".join(archive.read(name)), path.stat().st_mtime_ns) for name, path in paths.items()} == before
    assert old not in known(warehouse).values()
    assert archive.files() == sorted(before), "nothing half-written is left"


def test_injected_secret__is_replaced_by_the_operator(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = "a vault key of the environment"
    monkeypatch.setenv("TENURE_SECRET_VAULT_KEY", old)
    land_day(warehouse, tmp_path, 10)
    with pytest.raises(TenureError, match="set TENURE_SECRET_VAULT_KEY_NEXT"):
        rotate(warehouse, "vault")
    monkeypatch.setenv("TENURE_SECRET_VAULT_KEY_NEXT", "another")
    assert rotate(warehouse, "vault").is_promoted is False
    monkeypatch.setenv("TENURE_SECRET_VAULT_KEY", "another")
    monkeypatch.delenv("TENURE_SECRET_VAULT_KEY_NEXT")
    assert len(vault(warehouse)) == 20


def test_rotation__waits_for_landing_and_refuses_unknown_keys(warehouse: Settings) -> None:
    with pytest.raises(TenureError, match="there is no key 'door'"):
        rotate(warehouse, "door")
    from tenure.landing.loader import Loader
    from tenure.protection.door import pass_door

    with Loader(warehouse) as loader:
        pass_door(loader)
        with (
            pytest.raises(TenureError, match="a landing, an erasure or a rotation is running"),
            door_closed(warehouse, "vault", seconds=1),
        ):
            pass
