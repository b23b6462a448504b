"""Which columns of a contract name a customer, an account or a subscription, and which of them a row is about."""

from __future__ import annotations

import re

from tenure.contracts import Column, Contract

KINDS = ("customer", "account", "subscription")

# Also `user_customer_id`, `predecessor_subscription_id` and the like.
_ID = re.compile(r"(?:^|.*_)(customer|account|subscription)_id")
_NUMBER = re.compile(r"(?:^|.*_)msisdn")


def kind_of(column_name: str) -> str | None:
    """What a column of this name identifies, or None."""
    match = _ID.fullmatch(column_name)
    return match[1] if match else None


def id_columns(contract: Contract) -> dict[str, str]:
    """Column name to the kind of thing that it identifies: by what the contract says it refers to, or by its name."""
    found = {}
    for column in contract.columns:
        target = contract.references.get(column.name, column.name)
        found[column.name] = kind_of(target.rpartition(".")[2])
    return {name: kind for name, kind in found.items() if kind}


def subject_columns(contract: Contract) -> dict[str, str]:
    """Those of them that say whom a row is about: ids of the key, else ids without a role in their name.

    What else stands in the row (a number, a year of birth) is about these and not about others whom it mentions.
    """
    ids = id_columns(contract)
    in_key = {name: kind for name, kind in ids.items() if name in contract.primary_key}
    return in_key or {name: kind for name, kind in ids.items() if name == f"{kind}_id"}


def number_columns(contract: Contract) -> list[Column]:
    """Personal columns with phone numbers: they join rows that carry no id to the line that held the number."""
    return [column for column in contract.columns if column.is_personal and _NUMBER.fullmatch(column.name)]
