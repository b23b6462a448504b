"""Everything that the warehouse knows a customer by: ids, numbers with the times they were his, values of the vault."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from tenure.contracts import Contract
from tenure.landing.schema import raw_identifier
from tenure.protection.sealing import Sealer
from tenure.protection.subjects import number_columns, subject_columns

Connection = psycopg.Connection[Any]
Span = tuple[dt.datetime | None, dt.datetime | None]

# The entities that say whose an account and a subscription is; the latter also which number it held when.
ACCOUNT = "crm.account"
SUBSCRIPTION = "crm.subscription"
CUSTOMER = "crm.customer"


def new_pseudonym() -> str:
    """A name that nothing leads back from."""
    return f"erased-{secrets.token_hex(12)}"


@dataclass(frozen=True)
class Number:
    """A phone number of the person; `clear` is None when the vault does not have it."""

    token: str
    clear: str | None
    pseudonym: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Person:
    """`ids`: by kind, id to pseudonym. `numbers`: by token. `traces`: token to value of what is nobody else's."""

    ids: Mapping[str, Mapping[str, str]]
    numbers: Mapping[str, Number] = field(default_factory=dict)
    traces: Mapping[str, str | None] = field(default_factory=dict)


def find_person(
    connection: Connection, contracts: Mapping[str, Contract], sealer: Sealer, customer_id: str
) -> Person | None:
    """The customer with the accounts and subscriptions that are his by their latest row; None when nobody knows him."""
    accounts = _owned(connection, contracts[ACCOUNT], "account_id", customer_id)
    subscriptions = _owned(connection, contracts[SUBSCRIPTION], "subscription_id", customer_id)
    table = raw_identifier(contracts[CUSTOMER])
    is_known = connection.execute(
        sql.SQL("select 1 from {} where customer_id = %s limit 1").format(table), (customer_id,)
    ).fetchone()
    if not (is_known or accounts or subscriptions):
        return None
    ids = {"customer": [customer_id], "account": accounts, "subscription": subscriptions}
    person = Person({kind: {value: new_pseudonym() for value in values} for kind, values in ids.items()})
    mine, others = _tokens(connection, contracts, person)
    clear = _clear_values(connection, sealer, list(mine))
    numbers = {}
    for token, is_number in mine.items():
        spans = _spans(connection, contracts[SUBSCRIPTION], token, set(subscriptions))
        if is_number and (spans or token not in others):
            numbers[token] = Number(token, clear.get(token), new_pseudonym(), spans or ((None, None),))
    traces = {token: clear.get(token) for token in mine if token not in others}
    return Person(person.ids, numbers, traces)


def _owned(connection: Connection, contract: Contract, key: str, customer_id: str) -> list[str]:
    statement = sql.SQL(
        """
        with latest as (
            select distinct on ({key}) {key}, customer_id from {table}
            where {key} in (select {key} from {table} where customer_id = %s)
            order by {key}, effective_at desc
        )
        select {key} from latest where customer_id = %s order by 1
        """
    ).format(key=sql.Identifier(key), table=raw_identifier(contract))
    return [row[0] for row in connection.execute(statement, (customer_id, customer_id))]


def _tokens(
    connection: Connection, contracts: Mapping[str, Contract], person: Person
) -> tuple[dict[str, bool], set[str]]:
    """Vaulted tokens in rows about the person (and whether each is a number), and which of them others have too."""
    mine: dict[str, bool] = {}
    columns = [
        (contract, column, subjects)
        for contract in contracts.values()
        if (subjects := subject_columns(contract))
        for column in contract.columns
        if column.is_vaulted
    ]
    for contract, column, subjects in columns:
        query = sql.SQL("select distinct {token} from {table} where {token} is not null and ({about})").format(
            token=sql.Identifier(column.landed_name), table=raw_identifier(contract), about=_about(subjects)
        )
        is_number = column in number_columns(contract)
        for (token,) in connection.execute(query, _ids_of(person)):
            mine[token] = mine.get(token, False) or is_number
    others: set[str] = set()
    for contract, column, subjects in columns:
        query = sql.SQL(
            "select distinct {token} from {table} where {token} = any(%(tokens)s) and not ({about})"
        ).format(token=sql.Identifier(column.landed_name), table=raw_identifier(contract), about=_about(subjects))
        others.update(token for (token,) in connection.execute(query, {**_ids_of(person), "tokens": list(mine)}))
    return mine, others


def _about(subjects: Mapping[str, str]) -> sql.Composed:
    return sql.SQL(" or ").join(
        sql.SQL("coalesce({} = any({}), false)").format(sql.Identifier(name), sql.Placeholder(kind))
        for name, kind in subjects.items()
    )


def _ids_of(person: Person) -> dict[str, list[str]]:
    return {kind: list(values) for kind, values in person.ids.items()}


def _clear_values(connection: Connection, sealer: Sealer, tokens: list[str]) -> dict[str, str]:
    rows = connection.execute(
        "select token, ciphertext, key_id from vault.identity where token = any(%s)", (tokens,)
    ).fetchall()
    return {token: sealer.open(token, ciphertext, key) for token, ciphertext, key in rows}


def _spans(connection: Connection, contract: Contract, token: str, mine: set[str]) -> tuple[Span, ...]:
    """From when to when a number was held by lines of the person, open where nobody else held it before or after."""
    rows = connection.execute(
        sql.SQL(
            "select effective_at, subscription_id from {} where msisdn_token = %s"
            " order by effective_at, subscription_id"
        ).format(raw_identifier(contract)),
        (token,),
    ).fetchall()
    spans: list[Span] = []
    start: dt.datetime | None = None
    is_held = False
    for place, (at, subscription_id) in enumerate(rows):
        if (subscription_id in mine) == is_held:
            continue
        if is_held:
            spans.append((start, at))
        else:
            start = None if place == 0 else at
        is_held = not is_held
    return (*spans, (start, None)) if is_held else tuple(spans)
