"""A phone number is a person's for a time only: others who held it, or hold it after, keep what is theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.landing import land
from tenure.landing.archive import Archive
from tenure.landing.tokens import token_mac
from tenure.protection.erasure import erase
from tenure.protection.keys import rotate
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query, topup
from tests.protection.people import account, msisdn, subscription, vault

NUMBER = "13966660000"
TOPUPS = (("T000001", "2025-03-01"), ("T000002", "2025-08-01"), ("T000003", "2026-01-10"))


def at(day: str) -> str:
    return f"{day}T08:00:00+08:00"


@pytest.fixture
def handed_on(warehouse: Settings, tmp_path: Path) -> Settings:
    """A number that customer 2 held, then 1, then 4; each topped it up."""
    deliver(tmp_path, "crm.customer", [customer(1), customer(2, contact_msisdn=msisdn(1)), customer(3), customer(4)])
    deliver(tmp_path, "crm.account", [account(1), account(2), account(4)])
    lines = [
        subscription(2, effective_at=at("2025-01-01"), msisdn=NUMBER),
        subscription(2, effective_at=at("2025-07-01"), msisdn="13966660002"),
        subscription(1, effective_at=at("2025-06-01"), msisdn=msisdn(1)),
        subscription(1, effective_at=at("2025-07-10"), msisdn=NUMBER),
        subscription(4, effective_at=at("2026-01-05"), msisdn=NUMBER),
    ]
    deliver(tmp_path, "crm.subscription", lines)
    rows = [topup(int(name[1:]), msisdn=NUMBER, topped_up_at=at(day)) for name, day in TOPUPS]
    deliver(tmp_path, "usage.topup", rows)
    assert not land(warehouse, tmp_path).is_refused
    return warehouse


def tokens(settings: Settings) -> dict[str, str]:
    return dict(query(settings, "select topup_id, msisdn_token from raw_usage.topup"))


def erased(settings: Settings) -> set[str]:
    return {name for name, token in tokens(settings).items() if token.startswith("erased-")}


def test_number__is_replaced_for_the_time_of_the_person_only(handed_on: Settings, tmp_path: Path) -> None:
    token = token_mac(handed_on.secret("token_key")).code(NUMBER)
    erase(handed_on, "C000001", None)
    assert erased(handed_on) == {"T000002"}
    assert {name: found for name, found in tokens(handed_on).items() if found == token}.keys() == {"T000001", "T000003"}
    pseudonym = tokens(handed_on)["T000002"]
    held = query(handed_on, "select effective_at::date::text, msisdn_token from raw_crm.subscription"
                            " where subscription_id like 'erased-%%' order by 1")  # fmt: skip
    assert held[1] == ("2025-07-10", pseudonym)
    assert held[0][1].startswith("erased-")
    assert held[0][1] != pseudonym
    # Customer 4 has the number now, and 2 may be reached through the other one.
    values = set(vault(handed_on).values())
    assert {NUMBER, msisdn(1)} <= values
    assert not values & {customer(1)["customer_name"], customer(1)["id_number"], customer(1)["contact_msisdn"]}
    (archived,) = [name for name in Archive(handed_on).files() if name.startswith("usage.topup/")]
    left = b"".join(Archive(handed_on).read(archived)).decode()
    assert [line.split(",")[0] for line in left.splitlines()[1:]] == ["T000001", "T000003"]


def test_correction__maps_the_same_times(handed_on: Settings, tmp_path: Path) -> None:
    erase(handed_on, "C000001", None)
    before = tokens(handed_on)
    rows = [topup(int(name[1:]), msisdn=NUMBER, topped_up_at=at(day)) for name, day in TOPUPS]
    more = topup(5, msisdn=NUMBER, topped_up_at=at("2025-12-31"))
    deliver(tmp_path, "usage.topup", [*rows, more])
    land(handed_on, tmp_path)
    assert erased(handed_on) == {"T000002", "T000005"}
    assert before.items() <= tokens(handed_on).items()


def test_number_given_out_after_the_erasure__is_its_new_holders(handed_on: Settings, tmp_path: Path) -> None:
    erase(handed_on, "C000004", None)
    assert erased(handed_on) == {"T000003"}
    deliver(tmp_path, "crm.subscription", [subscription(3, effective_at=at("2099-01-09"), msisdn=NUMBER)], "20990110")
    deliver(tmp_path, "usage.topup", [topup(9, msisdn=NUMBER, topped_up_at=at("2099-01-10"))], "20990110")
    assert not land(handed_on, tmp_path).is_refused
    assert erased(handed_on) == {"T000003"}
    joined = query(
        handed_on,
        "select topup_id from raw_usage.topup join raw_crm.subscription using (msisdn_token)"
        " where subscription_id = 'S000003'",
    )
    assert ("T000009",) in joined
    assert NUMBER in vault(handed_on).values()


def test_old_files__bring_nothing_back_after_the_token_key_was_replaced(handed_on: Settings, tmp_path: Path) -> None:
    erase(handed_on, "C000001", None)
    before = tokens(handed_on)
    rotate(handed_on, "token")
    rows = [topup(int(name[1:]), msisdn=NUMBER, topped_up_at=at(day)) for name, day in TOPUPS]
    deliver(tmp_path, "usage.topup", [*rows, topup(7, msisdn=msisdn(1), topped_up_at=at("2025-06-15"))])
    deliver(tmp_path, "crm.customer", [customer(1), customer(2, contact_msisdn=msisdn(1)), customer(3), customer(4)])
    land(handed_on, tmp_path)
    assert before.items() <= tokens(handed_on).items()
    assert erased(handed_on) == {"T000002", "T000007"}
    assert query(handed_on, "select count(*)::int from raw_crm.customer where customer_id = 'C000001'") == [(0,)]
