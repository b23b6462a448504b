"""Rows held back by another row of their key: the erased customer's go, and old ones after their time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenure.landing import land
from tenure.protection.erasure import erase
from tenure.protection.retention import remove_old
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query
from tests.protection.people import account, as_role, subscription

HELD_ROW = """
    create table ops.held_row (
        load_id bigint not null, line_number bigint not null, source_name text not null, entity_name text not null,
        key_hash bytea, reason text not null, row jsonb not null
    )
"""


@pytest.fixture
def holding(warehouse: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Three customers, and a held row of each; one of a usage row that has a number only."""
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(3)])
    deliver(tmp_path, "crm.account", [account(n) for n in range(3)])
    deliver(tmp_path, "crm.subscription", [subscription(n) for n in range(3)])
    land(warehouse, tmp_path)
    is_ours = not query(warehouse, "select 1 where to_regclass('ops.held_row') is not null")
    if is_ours:
        as_role(warehouse, "loader", HELD_ROW)
    tokens = dict(query(warehouse, "select subscription_id, msisdn_token from raw_crm.subscription"))
    held = [("crm", "customer", {"customer_id": f"C{n:06d}"}) for n in range(3)]
    held += [("usage", "topup", {"msisdn_token": tokens[f"S{n:06d}"]}) for n in range(3)]
    for source, entity, row in held:
        as_role(
            warehouse, "loader",
            "insert into ops.held_row (load_id, line_number, source_name, entity_name, key_hash, reason, row)"
            " select min(load_id), 2, %s, %s, '\\x00', 'key_conflict', %s from ops.load",
            source, entity, json.dumps(row),
        )  # fmt: skip
    yield warehouse
    as_role(warehouse, "loader", "drop table ops.held_row" if is_ours else "truncate ops.held_row")


def test_held_rows__of_an_erased_customer_are_deleted(holding: Settings) -> None:
    assert erase(holding, "C000001", None).counts["held_rows"] == 2
    left = query(holding, "select entity_name, row ->> 'customer_id' from ops.held_row order by 1, 2")
    assert left == [("customer", "C000000"), ("customer", "C000002"), ("topup", None), ("topup", None)]


def test_held_rows__go_after_their_time(holding: Settings) -> None:
    assert remove_old(holding).held_rows == 0
    as_role(holding, "owner", "update ops.load set finished_at = finished_at - interval '401 days'")
    assert remove_old(holding).held_rows == 6
