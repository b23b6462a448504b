"""The contracts themselves: read from the dbt YAML, typed, and complete."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tenure.contract_problems import reference_problems
from tenure.contracts import contract_of, load_contracts, parse_contract
from tenure.errors import TenureError
from tenure.landing.schema import raw_columns
from tenure.settings import Settings
from tests.landing.deliveries import query

FIELDS = ("config", "meta", "contract")
TABLE: dict[str, Any] = {
    "name": "thing",
    "description": "Things.",
    "config": {
        "meta": {
            "contract": {
                "primary_key": ["thing_id"],
                "cadence": "daily",
                "delivery": "event",
                "date_column": "made_at",
                "control_totals": ["amount"],
            }
        }
    },
    "columns": [
        {"name": "thing_id", "description": "Its id.", "config": {"meta": {"type": "text", "required": True}}},
        {"name": "made_at", "description": "When.", "config": {"meta": {"type": "timestamp", "required": True}}},
        {"name": "amount", "description": "How much.", "config": {"meta": {"type": "numeric"}}},
        {"name": "owner", "description": "Whose.", "config": {"meta": {"type": "text", "personal": "token"}}},
    ],
}


def test_contracts__cover_the_first_three_sources(settings: Settings) -> None:
    contracts = load_contracts(settings.root)
    assert {contract.source for contract in contracts.values()} >= {"crm", "billing", "usage"}
    usage = contract_of(settings.root, "usage.usage_event")
    assert usage.primary_key == ("event_id",)
    assert usage.control_totals == ("duration_seconds", "volume_bytes", "rated_amount")
    assert usage.column("msisdn").landed_name == "msisdn_token"
    with pytest.raises(TenureError, match=r"no contract called 'usage\.weather'"):
        contract_of(settings.root, "usage.weather")


def test_columns_that_name_people__are_personal(settings: Settings) -> None:
    telling = ("msisdn", "id_number", "customer_name")
    for contract in load_contracts(settings.root).values():
        for column in contract.columns:
            if any(word in column.name for word in telling):
                assert column.is_personal, f"{contract.name}.{column.name}"


def test_raw_tables__have_the_columns_of_the_contract(warehouse: Settings) -> None:
    for contract in load_contracts(warehouse.root).values():
        found = query(
            warehouse,
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
            " order by ordinal_position",
            f"raw_{contract.source}", contract.entity,
        )  # fmt: skip
        assert [name for (name,) in found] == list(raw_columns(contract)), contract.name


def test_contract__is_typed() -> None:
    contract = parse_contract("shop", TABLE)
    assert contract.raw_table == "raw_shop.thing"
    assert raw_columns(contract) | {} == {
        "thing_id": "text",
        "made_at": "timestamptz",
        "amount": "numeric",
        "owner_token": "text",
        "_load_id": "bigint",
        "_line_number": "bigint",
    }


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ((*FIELDS, "primary_key"), ["nothing"], "'nothing' is not one of its columns"),
        ((*FIELDS, "primary_key"), ["amount"], "key column 'amount' must be required"),
        ((*FIELDS, "cadence"), "hourly", "'hourly' is not one of daily, monthly"),
        ((*FIELDS, "controltotals"), [], "unknown field controltotals"),
        ((*FIELDS, "control_totals"), ["owner"], "control total 'owner' is not a number"),
        ((*FIELDS, "date_column"), "amount", "neither date nor timestamp"),
        (("columns", 2, "config", "meta", "type"), "money", "'money' is not one of"),
        (("columns", 2, "config", "meta", "personal"), "token", "personal column 'amount' must be text"),
        (("columns", 2, "config", "meta", "currency"), "owners", "currency: 'owners' is not one of its text columns"),
        (("columns", 2, "name"), "owner", "a column is declared twice"),
        ((*FIELDS, "unknown_columns"), "drop", "unknown_columns: 'drop' is not one of ignore, refuse"),
        ((*FIELDS, "delimiter"), "TAB", "delimiter: 'TAB' is not one sign"),
        ((*FIELDS, "delimiter"), "-", "delimiter: '-' is not one sign"),
        ((*FIELDS, "quote"), "'", 'quote: "\'" is not one of'),
        ((*FIELDS, "null_values"), ["-1"], "null_values: '-1' is a number, which control totals would miss"),
        ((*FIELDS, "encoding"), "latin-1", "encoding: 'latin-1' is not known"),
        ((*FIELDS, "trailer"), "T(", "trailer: it is no regular expression"),
        ((*FIELDS, "trailer"), "T([0-9]+)", "trailer: it needs a group named rows"),
        ((*FIELDS, "trailer"), "T(?P<rows>.)(?P<owner>.)", "trailer: group 'owner' is no number column"),
        ((*FIELDS, "time_zone"), "Peking", "time_zone: 'Peking' is not a time zone name"),
        ((*FIELDS, "late_days"), -1, "late_days: -1 is less than 0"),
        ((*FIELDS, "late_days"), "few", "invalid literal"),
        ((*FIELDS, "wrong_day_share"), 2, "wrong_day_share: 2.0 is not a share"),
        ((*FIELDS, "on_conflict"), "merge", "on_conflict: 'merge' is not one of replace, suspend"),
        ((*FIELDS, "references"), {"buyer": "a.b.c"}, "references: 'buyer' is not one of its columns"),
        (("columns", 2, "description"), "", "column 'amount' has no description"),
    ],
)
def test_contract__with_a_mistake_is_refused(place: tuple[Any, ...], value: Any, complaint: str) -> None:
    table = deepcopy(TABLE)
    target: Any = table
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = value
    with pytest.raises(ValueError, match=complaint):
        parse_contract("shop", table)


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("shop.owner", "owner: there is no contract for 'shop'"),
        ("shop.people.person_id", "owner: there is no contract for 'shop.people'"),
        ("shop.other.shoe_size", "owner: shop.other has no column 'shoe_size'"),
        ("shop.other.made_at", "owner is text and shop.other.made_at is timestamp"),
        ("shop.other.thing_id", "must both land as tokens or neither"),
        ("shop.other.owner", None),
    ],
)
def test_reference__leads_to_a_column_that_can_match(target: str, complaint: str | None) -> None:
    thing = parse_contract("shop", _with(FIELDS, "references", {"owner": target}))
    other = parse_contract("shop", _with((), "name", "other"))
    problems = [message for _, _, message in reference_problems({"shop.thing": thing, "shop.other": other})]
    assert len(problems) == (complaint is not None)
    assert complaint is None or complaint in problems[0]


def test_defaults__follow_the_kind_of_delivery() -> None:
    event = parse_contract("shop", TABLE)
    assert (event.on_conflict, event.late_days, event.wrong_day_share) == ("suspend", 400, 0.5)
    change = parse_contract("shop", _with(FIELDS, "delivery", "change"))
    assert (change.on_conflict, change.late_days, change.wrong_day_share) == ("replace", None, None)
    with pytest.raises(ValueError, match="only files of daily events are of one day"):
        parse_contract("shop", _with(FIELDS, "delivery", "change", wrong_day_share=0.1))


def test_references__of_the_shipped_contracts_follow_the_three_entities(settings: Settings) -> None:
    contracts = load_contracts(settings.root)
    assert contracts["crm.subscription"].references["customer_id"] == "crm.customer.customer_id"
    assert contracts["usage.usage_event"].references == {"msisdn": "crm.subscription.msisdn"}
    unbound = [
        f"{contract.name}.{name}"
        for contract in contracts.values()
        for name in contract.column_names
        if name in ("customer_id", "account_id", "subscription_id")
        and name not in (*contract.references, contract.primary_key[0])
    ]
    assert unbound == []


def _with(place: tuple[Any, ...], name: str, value: Any, **more: Any) -> dict[str, Any]:
    table = deepcopy(TABLE)
    target: Any = table
    for step in place:
        target = target[step]
    target.update({name: value, **more})
    return table
