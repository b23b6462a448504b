"""Customers with a line each, to look for where they must not be, and what the vault holds of them."""

from __future__ import annotations

from typing import Any

import psycopg

from tenure.protection.sealing import Sealer
from tenure.settings import Settings
from tests.landing.deliveries import customer


def subscription(number: int, **changes: str) -> dict[str, str]:
    """A good subscription of customer `number`, with a phone number."""
    return {
        "subscription_id": f"S{number:06d}",
        "effective_at": "2025-06-01T08:00:00+08:00",
        "customer_id": f"C{number:06d}",
        "user_customer_id": "",
        "account_id": f"A{number:06d}",
        "region_id": "north",
        "channel_id": "",
        "main_offer_id": "O1",
        "msisdn": msisdn(number),
        "activated_at": "2025-06-01T08:00:00+08:00",
        "predecessor_subscription_id": "",
    } | changes


def account(number: int, **changes: str) -> dict[str, str]:
    """The account of customer `number`."""
    return {
        "account_id": f"A{number:06d}",
        "effective_at": "2025-06-01T08:00:00+08:00",
        "customer_id": f"C{number:06d}",
        "currency_code": "CNY",
        "payment_method": "card",
        "is_paperless": "true",
        "billed_to_date_amount": "",
    } | changes


def consent(number: int, is_granted: bool, **changes: str) -> dict[str, str]:
    """What customer `number` allows: marketing through any channel, unless changed."""
    return {
        "consent_id": f"K{number:06d}",
        "effective_at": "2025-06-02T08:00:00+08:00",
        "customer_id": f"C{number:06d}",
        "purpose_code": "marketing",
        "channel_code": "any",
        "is_granted": str(is_granted).lower(),
    } | changes


def msisdn(number: int) -> str:
    """The phone number of customer `number`'s line."""
    return f"1397777{number:04d}"


def clear_values(number: int) -> dict[str, str]:
    """Kind to value of everything the vault is to keep of a customer."""
    row = customer(number)
    return {name: row[name] for name in ("customer_name", "id_number", "contact_msisdn")} | {"msisdn": msisdn(number)}


def vault(settings: Settings) -> dict[str, str]:
    """Token to clear value of everything in the vault."""
    sealer = Sealer(settings.secret("vault_key"), settings.secrets.generations("vault_key"))
    with psycopg.connect(settings.url("vault")) as connection:
        rows = connection.execute("select token, ciphertext, key_id from vault.identity").fetchall()
    return {token: sealer.open(token, ciphertext, key_id) for token, ciphertext, key_id in rows}


def as_role(settings: Settings, role: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a statement run as a role."""
    with psycopg.connect(settings.url(role)) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
