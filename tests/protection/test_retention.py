"""Each layer forgets after its own time, and the vault what nothing refers to."""

from __future__ import annotations

import os
from pathlib import Path

from tenure.landing import land
from tenure.protection.retention import Removed, apply_retention, remove_old
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query, rejects
from tests.protection.people import as_role, clear_values, subscription, vault


def made_older(settings: Settings, days: int) -> None:
    """As if all of it had happened that many days ago."""
    as_role(settings, "owner", f"update ops.load set finished_at = finished_at - interval '{days} days'")
    as_role(settings, "owner", f"update vault.identity set kept_at = kept_at - interval '{days} days'")
    for path in settings.archive_dir.rglob("*.enc"):
        at = path.stat().st_mtime - days * 86_400
        os.utime(path, (at, at))


def test_nothing__is_removed_before_its_time(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [*(customer(n) for n in range(20)), customer(21, gender="?")])
    land(warehouse, tmp_path)
    made_older(warehouse, 399)
    assert apply_retention(warehouse) == Removed(0, 0, 0, 0)
    assert len(vault(warehouse)) == 60


def test_rejects_and_archive__go_after_their_time_and_landed_rows_stay(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [*(customer(n) for n in range(20)), customer(21, gender="?")])
    land(warehouse, tmp_path)
    assert len(rejects(warehouse)) == 1
    made_older(warehouse, 401)
    assert remove_old(warehouse) == Removed(1, 1, 0)
    assert rejects(warehouse) == []
    assert query(warehouse, "select count(*)::int from raw_crm.customer") == [(20,)]
    assert query(warehouse, "select rejected_count::int from ops.load") == [(1,)]


def test_land__removes_what_is_too_old(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [*(customer(n) for n in range(20)), customer(21, gender="?")])
    land(warehouse, tmp_path)
    made_older(warehouse, 401)
    deliver(tmp_path, "crm.customer", [customer(30)], day="20260111")
    land(warehouse, tmp_path)
    assert rejects(warehouse) == []
    assert len(list(warehouse.archive_dir.rglob("*.enc"))) == 1


def test_vault__forgets_what_a_correction_took_away(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [customer(1), customer(2)])
    deliver(tmp_path, "crm.subscription", [subscription(2)])
    land(warehouse, tmp_path)
    deliver(tmp_path, "crm.customer", [customer(2)])
    land(warehouse, tmp_path)
    assert apply_retention(warehouse).vault_rows == 0, "not yet"
    made_older(warehouse, 31)
    assert apply_retention(warehouse).vault_rows == 3
    assert sorted(vault(warehouse).values()) == sorted(clear_values(2).values())
