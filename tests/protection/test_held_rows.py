"""Rows that wait for another row of their key to go: the erased customer is not in them, and old ones go."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.landing import land
from tenure.protection.erasure import erase
from tenure.protection.retention import remove_old
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query, topup
from tests.protection.people import account, as_role, msisdn, subscription


@pytest.fixture
def holding(warehouse: Settings, tmp_path: Path) -> Settings:
    """Three customers, each delivered twice, and a top-up of each delivered twice: the second ones wait."""
    for day in ("20260110", "20260111"):
        more = [customer(8)] if day == "20260111" else []
        deliver(tmp_path, "crm.customer", [*(customer(n) for n in range(3)), *more], day=day)
        deliver(tmp_path, "usage.topup", [topup(n, msisdn=msisdn(n)) for n in range(3 + len(more))], day=day)
    deliver(tmp_path, "crm.account", [account(n) for n in range(3)])
    deliver(tmp_path, "crm.subscription", [subscription(n) for n in range(3)])
    assert not land(warehouse, tmp_path).is_refused
    assert query(warehouse, "select count(*)::int from ops.held_row") == [(6,)]
    return warehouse


def test_held_rows__have_the_pseudonym_and_take_the_place_of_the_row_before_them(
    holding: Settings, tmp_path: Path
) -> None:
    assert erase(holding, "C000001", None).counts["held_rows"] == 2
    left = str(query(holding, "select raw_row::text, key_hashes::text from ops.held_row"))
    assert "C000001" not in left
    names = query(holding, "select customer_id from raw_crm.customer where customer_id like 'erased-%%'")
    assert len(names) == 1
    held = query(holding, "select raw_row ->> 'customer_id' from ops.held_row where entity_name = 'customer'")
    assert sorted(held) == sorted([("C000000",), ("C000002",), *names])
    # A correction takes all rows of the first file away: those that waited stand, the pseudonym among them.
    deliver(tmp_path, "crm.customer", [customer(9)])
    deliver(tmp_path, "usage.topup", [topup(9, msisdn=msisdn(0))])
    land(holding, tmp_path)
    assert query(holding, "select customer_id from raw_crm.customer where customer_id like 'erased-%%'") == names
    joined = (
        "select count(*)::int from raw_usage.topup join raw_crm.subscription using (msisdn_token)"
        " where subscription_id like 'erased-%%'"
    )
    assert query(holding, joined) == [(1,)]


def test_held_rows__go_after_their_time(holding: Settings) -> None:
    assert remove_old(holding).held_rows == 0
    as_role(holding, "owner", "update ops.load set finished_at = finished_at - interval '401 days'")
    assert remove_old(holding).held_rows == 6
