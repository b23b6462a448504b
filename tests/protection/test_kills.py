"""Killed at any point, the same command goes on, and ends where it would have ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenure.landing import land
from tenure.landing.archive import Archive
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query, topup
from tests.protection.people import account, as_role, clear_values, msisdn, subscription, vault
from tests.unit.test_cli import run


@pytest.fixture
def landed(warehouse: Settings, tmp_path: Path) -> Settings:
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(3)])
    deliver(tmp_path, "crm.account", [account(n) for n in range(3)])
    deliver(tmp_path, "crm.subscription", [subscription(n) for n in range(3)])
    deliver(tmp_path, "usage.topup", [topup(n, msisdn=msisdn(n)) for n in range(3)])
    land(warehouse, tmp_path)
    return warehouse


def killed(settings: Settings, place: str, *arguments: str) -> None:
    """Run a command that dies at a place, then again to its end."""
    assert run(*arguments, home=settings.home, TENURE_KILL_AT=place).returncode == -9, place
    done = run(*arguments, home=settings.home)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "place",
    ["erase_before_commit", "erase_committed", "erase_file_replaced", "erase_file_replaced:3", "erase_redacted"],
)
def test_erasure__killed_anywhere_ends_complete(place: str, landed: Settings) -> None:
    killed(landed, place, "erase", "C000001", "--no-build")
    values = {"C000001", "A000001", "S000001", *clear_values(1).values()}
    archive = Archive(landed)
    assert len(archive.files()) == 4
    for name in archive.files():
        text = b"".join(archive.read(name)).decode()
        assert len(text.splitlines()) == 3, name
        assert not any(value in text for value in values), name
    assert not values & set(vault(landed).values())
    joined = query(
        landed,
        "select count(*)::int, count(*) filter (where customer_id like 'erased-%%')::int from raw_usage.topup"
        " join raw_crm.subscription using (msisdn_token) join raw_crm.customer using (customer_id)",
    )
    assert joined == [(3, 1)]
    assert query(landed, "select count(*)::int from ops.erasure where archive_redacted_at is not null") == [(1,)]
    assert query(landed, "select count(*)::int, bool_and(is_done) from ops.redaction") == [(4, True)]


@pytest.mark.parametrize("what", ["vault", "token", "archive"])
@pytest.mark.parametrize("place", ["keys_prepared", "keys_page", "keys_moved", "keys_promoted"])
def test_rotation__killed_anywhere_loses_nothing(what: str, place: str, landed: Settings, tmp_path: Path) -> None:
    old, values = landed.secret(f"{what}_key"), vault(landed)
    killed(landed, place, "keys", "rotate", what)
    known = json.loads((landed.home / "secrets.json").read_text())
    assert f"{what}_key.next" not in known
    assert old not in known.values()
    assert vault(landed) == values
    archive = Archive(landed)
    assert [len(b"".join(archive.read(name)).splitlines()) for name in archive.files()] == [4] * 4
    deliver(tmp_path, "usage.topup", [topup(n + 10, msisdn=msisdn(n)) for n in range(3)], day="20260111")
    land(landed, tmp_path)
    joined = "select count(*)::int from raw_usage.topup join raw_crm.subscription using (msisdn_token)"
    assert query(landed, joined) == [(6,)]


def test_call_list__killed_before_it_is_written_is_on_record(landed: Settings, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(
        "msisdn_token\n" + query(landed, "select msisdn_token from raw_crm.subscription limit 1")[0][0] + "\n"
    )
    killed(landed, "detokenise_recorded", "detokenise", str(path), "--column", "msisdn_token", "--reason", "calls")
    assert as_role(landed, "vault", "select count(*)::int from vault.access") == [(2,)]
    assert (tmp_path / "list.clear.csv").exists()
