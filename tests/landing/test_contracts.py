"""The contracts themselves: read from the dbt YAML, typed, and complete."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tenure.contracts import contract_of, load_contracts, parse_contract
from tenure.errors import TenureError
from tenure.landing.schema import raw_columns
from tenure.settings import Settings
from tests.landing.deliveries import query

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
        (("config", "meta", "contract", "primary_key"), ["nothing"], "'nothing' is not one of its columns"),
        (("config", "meta", "contract", "primary_key"), ["amount"], "key column 'amount' must be required"),
        (("config", "meta", "contract", "cadence"), "hourly", "'hourly' is not one of daily, monthly"),
        (("config", "meta", "contract", "controltotals"), [], "unknown field controltotals"),
        (("config", "meta", "contract", "control_totals"), ["owner"], "control total 'owner' is not a number"),
        (("config", "meta", "contract", "date_column"), "amount", "neither date nor timestamp"),
        (("columns", 2, "config", "meta", "type"), "money", "'money' is not one of"),
        (("columns", 2, "config", "meta", "personal"), "token", "personal column 'amount' must be text"),
        (("columns", 2, "name"), "owner", "a column is declared twice"),
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
