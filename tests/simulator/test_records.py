"""What crm records beside the lines: staff, relations, parties, orders, devices and consents agree with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from itertools import pairwise

import numpy as np

from tests.oracle.deliveries import Row

Rows = Callable[[str], list[Row]]


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def test_parties_agree_with_the_lines_at_every_change(rows_of: Rows) -> None:
    """Owner, user and payer of every state of every line, and nobody after its end."""
    payers = {row["account_id"]: row["customer_id"] for row in rows_of("crm.account")}
    history: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows_of("crm.subscription_party"):
        history[row["subscription_id"], row["role_type"]].append(row)

    def holders(line: str, role: str, at: str) -> set[str]:
        latest: dict[str, Row] = {}
        for row in sorted(history[line, role], key=lambda row: row["effective_at"]):
            if row["effective_at"] <= at:
                latest[row["subscription_party_id"]] = row
        return {row["customer_id"] for row in latest.values() if row["valid_to_date"] is None}

    for row in rows_of("crm.subscription"):
        line, at = row["subscription_id"], row["effective_at"]
        assert holders(line, "owner", at) == {row["customer_id"]}
        assert holders(line, "user", at) == ({row["user_customer_id"]} if row["user_customer_id"] else set())
        assert holders(line, "payer", at) == {payers[row["account_id"]]}
    for row in rows_of("crm.subscription_event"):
        if row["event_type"] == "terminated":
            for role in ("owner", "user", "payer"):
                assert not holders(row["subscription_id"], role, row["occurred_at"])
    changed = Counter(role for (_, role), rows in history.items() if len({row["customer_id"] for row in rows}) > 1)
    assert changed["owner"] > 5


def test_everything_that_was_ordered_has_its_order(rows_of: Rows) -> None:
    completed = {
        (row["subscription_id"], row["completed_at"], row["order_type"]): row
        for row in rows_of("crm.order")
        if row["status_code"] == "completed"
    }
    expected = set()
    with_plan = set()
    for row in rows_of("crm.subscription_event"):
        key = (row["subscription_id"], row["occurred_at"])
        if row["event_type"] == "activated":
            with_plan.add(key)
            kind = "port_in" if (*key, "port_in") in completed else "new"
            expected.add((*key, kind))
        if row["event_type"] == "plan_changed":
            with_plan.add(key)
            expected.add((*key, "migrate"))
        if row["reason_code"] in ("request", "port_out"):
            expected.add((*key, "terminate"))
    kinds = {row["offer_id"]: row["offer_type"] for row in rows_of("crm.offer")}
    for row in rows_of("crm.subscribed_offer"):
        key = (row["subscription_id"], row["effective_at"])
        if row["ended_at"] is None and kinds[row["offer_id"]] == "addon" and key not in with_plan:
            expected.add((*key, "addon"))
    for row in rows_of("crm.contract"):
        key = (row["subscription_id"], row["effective_at"])
        if key not in with_plan:
            expected.add((*key, "renew"))
    assert set(completed) == expected
    plans = {(row["subscription_id"], row["effective_at"]): row["main_offer_id"] for row in rows_of("crm.subscription")}
    for (line, at, kind), row in completed.items():
        if kind in ("new", "migrate", "port_in"):
            assert row["offer_id"] == plans[line, at]


def test_orders_are_placed_before_they_are_done_and_some_are_called_off(rows_of: Rows) -> None:
    states = defaultdict(list)
    for row in rows_of("crm.order"):
        states[row["order_id"]].append(row)
    ends: Counter[str] = Counter()
    for rows in states.values():
        rows.sort(key=lambda row: row["effective_at"])
        ends[rows[-1]["status_code"]] += 1
        assert all(row["status_code"] == "placed" for row in rows[:-1])
        for row in rows:
            assert row["placed_at"] <= row["effective_at"]
            assert (row["completed_at"] is not None) == (row["status_code"] == "completed")
        # In the open month some are placed whose end lies after the last day delivered.
        assert rows[-1]["status_code"] != "placed" or rows[-1]["effective_at"] >= "2026-08"
    assert 0.01 < ends["cancelled"] / ends["completed"] < 0.1


def test_sellers_work_in_the_channel_and_region_they_sell_in(rows_of: Rows) -> None:
    staff = {row["staff_id"]: row for row in rows_of("crm.staff")}
    region: dict[str, set[str]] = {}
    for row in sorted(rows_of("crm.subscription"), key=lambda row: row["effective_at"]):
        region.setdefault(row["subscription_id"], set()).add(row["region_id"])
    sold: Counter[str] = Counter()
    for row in rows_of("crm.order"):
        if row["staff_id"]:
            person = staff[row["staff_id"]]
            sold[row["staff_id"]] += 1
            assert person["channel_id"] == row["channel_id"] and _is_true(person["is_active"])
            assert row["subscription_id"] is None or person["region_id"] in region[row["subscription_id"]]
        else:
            assert row["channel_id"] == "CH02"
    assert len(sold) > 60
    assert {row["role_code"] for row in staff.values()} == {"seller", "vip_manager", "agent", "account_manager"}
    assert sum(not _is_true(row["is_active"]) for row in staff.values()) >= 3


def test_relations_make_families_and_trees(rows_of: Rows) -> None:
    kind = {row["customer_id"]: row["customer_type"] for row in rows_of("crm.customer")}
    parent = {}
    counts: Counter[str] = Counter()
    for row in rows_of("crm.customer_relation"):
        if row["valid_to_date"]:
            continue
        counts[row["relation_type"]] += 1
        ends = kind[row["from_customer_id"]], kind[row["to_customer_id"]]
        assert row["from_customer_id"] != row["to_customer_id"]
        assert ends == {"parent_company": ("group", "group"), "employer": ("individual", "group")}.get(
            row["relation_type"], ("individual", "individual")
        )
        if row["relation_type"] == "parent_company":
            assert row["from_customer_id"] not in parent
            parent[row["from_customer_id"]] = row["to_customer_id"]
    depths = set()
    for child in parent:
        depth, above = 1, child
        while above in parent:
            above, depth = parent[above], depth + 1
            assert depth <= 3, "a circle, or too deep a tree"
        depths.add(depth)
    assert depths == {2, 3}
    assert min(counts[kind] for kind in ("family", "employer", "guarantor")) > 10


def test_users_are_employed_by_the_owner_as_long_as_the_line_lasts(rows_of: Rows) -> None:
    pairs = {
        (row["user_customer_id"], row["customer_id"]) for row in rows_of("crm.subscription") if row["user_customer_id"]
    }
    employed = [row for row in rows_of("crm.customer_relation") if row["relation_type"] == "employer"]
    assert {(row["from_customer_id"], row["to_customer_id"]) for row in employed} == pairs
    ended = {
        row["subscription_id"]: row["occurred_at"]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    lost = {
        ended[row["subscription_id"]]
        for row in rows_of("crm.subscription")
        if row["user_customer_id"] and row["subscription_id"] in ended
    }
    assert {row["effective_at"] for row in employed if row["valid_to_date"]} == lost


def test_phones_are_replaced_after_some_years_and_more_of_them_are_5g(rows_of: Rows) -> None:
    used = defaultdict(list)
    is_5g = defaultdict(list)
    for row in rows_of("crm.device"):
        if row["device_type"] == "phone":
            used[row["subscription_id"]].append(row["first_used_date"])
            is_5g[row["first_used_date"][:4]].append(_is_true(row["is_5g"]))
    mobile = {row["subscription_id"] for row in rows_of("crm.subscription") if row["msisdn"]}
    assert set(used) == mobile
    for days in used.values():
        assert sorted(days) == days and len(set(days)) == len(days)
    ages = [
        (date.fromisoformat(after) - date.fromisoformat(before)).days
        for days in used.values()
        for before, after in pairwise(days)
    ]
    assert len(ages) > 200
    assert 400 < np.median(ages) < 1_300
    assert np.mean(is_5g["2026"]) > np.mean(is_5g["2023"]) > np.mean(is_5g.get("2020", [False]))
    others = Counter(row["device_type"] for row in rows_of("crm.device"))
    assert others["router"] > others["set_top_box"] > 20


def test_old_phones_are_replaced_more_often(rows_of: Rows) -> None:
    """Rates per phone and month of use: 1.0 % in the first two years and 4.5 % after, within four errors."""
    ended = {
        row["subscription_id"]: row["occurred_at"][:10]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    used = defaultdict(list)
    for row in rows_of("crm.device"):
        if row["device_type"] == "phone":
            used[row["subscription_id"]].append(row["first_used_date"])
    months: dict[str, float] = defaultdict(float)
    replaced: Counter[str] = Counter()
    for line, days in used.items():
        for begin, end in pairwise([*days, ended.get(line, "2026-08-01")]):
            old_from = date.fromisoformat(begin) + timedelta(days=730)
            start, stop = (date.fromisoformat(day) for day in (max(begin, "2025-08-01"), min(end, "2026-08-01")))
            if stop <= start:
                continue
            young = max(0, (min(stop, old_from) - start).days)
            old = max(0, (stop - max(start, old_from)).days)
            months["young"] += young / 30.4
            months["old"] += old / 30.4
            if end in days and stop < date(2026, 8, 1):
                replaced["old" if stop > old_from else "young"] += 1
    for age, rate in (("young", 0.010), ("old", 0.045)):
        found = replaced[age] / months[age]
        assert abs(found - rate) < 4 * np.sqrt(rate / months[age]) + 0.15 * rate


def test_every_customer_was_asked_for_each_consent(rows_of: Rows) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    granted: Counter[str] = Counter()
    for row in sorted(rows_of("crm.consent"), key=lambda row: row["effective_at"]):
        if row["channel_code"] == "any" and row["customer_id"] not in asked[row["purpose_code"]]:
            asked[row["purpose_code"]].add(row["customer_id"])
            granted[row["purpose_code"]] += _is_true(row["is_granted"])
    customers = {row["customer_id"] for row in rows_of("crm.customer")}
    known = {row["customer_id"] for row in rows_of("crm.customer") if row["effective_at"] < "2026-08"}
    for purpose, share in (("marketing", 0.84), ("profiling", 0.72), ("location", 0.45)):
        assert known <= asked[purpose] <= customers
        error = np.sqrt(share * (1 - share) / len(customers))
        assert abs(granted[purpose] / len(asked[purpose]) - share) < 4 * error
    changes = Counter((row["customer_id"], row["purpose_code"], row["channel_code"]) for row in rows_of("crm.consent"))
    assert sum(count > 1 for count in changes.values()) > 50
