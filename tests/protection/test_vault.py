"""What the vault keeps, in which transaction, and who may look."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tenure.contracts import load_contracts
from tenure.errors import TenureError
from tenure.landing import land
from tenure.protection.sealing import Sealer
from tenure.settings import ROLES, Settings
from tests.landing.deliveries import customer, deliver, topups
from tests.protection.people import as_role, clear_values, subscription, vault


def test_vault__keeps_what_the_contract_says_and_nothing_else(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(5)])
    deliver(tmp_path, "crm.subscription", [subscription(n) for n in range(5)])
    deliver(tmp_path, "usage.topup", topups(20))
    land(warehouse, tmp_path)
    kept = vault(warehouse)
    assert sorted(kept.values()) == sorted(value for n in range(5) for value in clear_values(n).values())
    tokens = as_role(
        warehouse, "loader",
        "select customer_name_token, id_number_token, contact_msisdn_token from raw_crm.customer"
        " where customer_id = 'C000003'",
    )[0]  # fmt: skip
    assert [kept[token] for token in tokens] == list(clear_values(3).values())[:3]
    assert all(len(token) == 32 for token in kept)


def test_contracts__vault_only_what_identifies_our_customers(settings: Settings) -> None:
    vaulted = {
        f"{contract.name}.{column.name}"
        for contract in load_contracts(settings.root).values()
        for column in contract.columns
        if column.is_vaulted
    }
    assert vaulted == {
        "crm.customer.customer_name", "crm.customer.id_number", "crm.customer.contact_msisdn",
        "crm.subscription.msisdn",
    }  # fmt: skip


def test_refused_file__leaves_nothing_in_the_vault(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [customer(n, birth_year="?") for n in range(20)])
    assert land(warehouse, tmp_path).is_refused
    assert vault(warehouse) == {}


def test_vault__holds_a_value_once_with_the_load_that_brought_it(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [customer(1), customer(2, contact_msisdn=customer(1)["contact_msisdn"])])
    land(warehouse, tmp_path)
    first = as_role(warehouse, "vault", "select token, ciphertext, first_load_id from vault.identity order by 1")
    deliver(tmp_path, "crm.customer", [customer(1, effective_at="2026-01-11T00:00:00+08:00")], day="20260111")
    land(warehouse, tmp_path)
    assert (
        as_role(warehouse, "vault", "select token, ciphertext, first_load_id from vault.identity order by 1") == first
    )
    assert len(first) == 5


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("owner", "vault")])
def test_nobody_else__reads_the_vault(role: str, warehouse: Settings) -> None:
    for table in ("identity", "access"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(warehouse, role, f"select * from vault.{table}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(warehouse, role, "delete from vault.identity")


def test_vault_role__cannot_change_the_record_of_accesses(warehouse: Settings) -> None:
    for statement in (
        "delete from vault.access", "update vault.access set reason = 'x'", "truncate vault.access",
        "drop table vault.access", "select * from raw_usage.usage_event", "delete from raw_crm.customer",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(warehouse, "vault", statement)


def test_sealed_value__is_bound_to_its_token_and_key() -> None:
    sealer = Sealer("one key")
    sealed = sealer.seal("a" * 32, "13900000000")
    assert sealer.open("a" * 32, sealed, sealer.key_id) == "13900000000"
    assert b"139000" not in sealed
    with pytest.raises(TenureError, match="belongs to another token"):
        sealer.open("b" * 32, sealed, sealer.key_id)
    with pytest.raises(TenureError, match="which is not known"):
        Sealer("another key").open("a" * 32, sealed, sealer.key_id)
    both = Sealer("another key", {sealer.key_id: "one key"})
    assert both.open("a" * 32, sealed, sealer.key_id) == "13900000000"
