"""Receivables, deferred revenue, credit and the ledger agree with a slow, independent count over the files."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SEEDS, SLICE, assert_same, rows_of
from tests.oracle.credit import blacklist, credit_kpis
from tests.oracle.prepaid import PARTS, deferred_revenue
from tests.oracle.receivables import AGES, BALANCES, MOVEMENTS, Account, AccountKey
from tests.oracle.summaries import Opinion

LEDGER = (*BALANCES, *MOVEMENTS, *AGES)
Books = tuple[dict[AccountKey, Account], dict[tuple[date, str, str], dict[str, Decimal]]]


def test_receivables_of_every_account_and_month(books: Books, marts: psycopg.Connection[Any]) -> None:
    columns = ", ".join(f"{name}_amount" for name in LEDGER)
    query = f"select month, account_id, currency_code, {columns} from receivable_monthly"
    found = {row[:3]: row[3:] for row in rows_of(marts, query) if any(row[3:])}
    assert_same(found, {key: tuple(line[name] for name in LEDGER) for key, line in books[1].items()})


def test_every_kind_of_receivable_is_in_the_data(books: Books) -> None:
    """A comparison over nothing would prove nothing."""
    seen = dict.fromkeys(LEDGER, False)
    for line in books[1].values():
        for name in LEDGER:
            seen[name] |= line[name] != 0
    # Every simulated invoice has a due date, and is given up before it is half a year late.
    assert {name for name, is_there in seen.items() if not is_there} <= {"no_due_date", "overdue_over_180"}


def test_deferred_revenue_of_every_line_and_month(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    columns = ", ".join(f"{name}_amount" for name in PARTS)
    query = f"select month, subscription_id, currency_code, {columns} from deferred_revenue_monthly"
    expected = deferred_revenue(opinion)
    assert all(any(parts[place] for parts in expected.values()) for place in range(len(PARTS)))
    assert_same({row[:3]: row[3:] for row in rows_of(marts, query) if any(row[3:])}, expected)


def test_credit_blacklist(opinion: Opinion, books: Books, marts: psycopg.Connection[Any]) -> None:
    query = """
        select account_id, currency_code, is_active, reason_code, since_date, open_amount, overdue_amount,
            written_off_amount, recovered_amount
        from credit_blacklist"""
    expected = blacklist(opinion, books[0], SEEDS / "credit_blacklist_rule.csv")
    assert len({reason for _, reason, *_ in expected.values()}) > 1
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)


def test_the_ledger_ties_in_every_closed_month(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    """By account and month; the simulated operator books what it bills."""
    rows = rows_of(marts, "select month, account_code, status from gl_reconciliation_monthly where is_month_closed")
    closed = [month for month in opinion.operator.months() if opinion.operator.is_closed(month)]
    assert {month for month, _, _ in rows} == set(closed)
    assert {account for _, account, _ in rows} >= {"revenue_recurring", "tax_payable", "accounts_receivable"}
    assert [row for row in rows if row[2] != "tied"] == []


def test_kpis_of_payers_and_credit(opinion: Opinion, books: Books, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select month, {SLICE}, kpi_code, currency_code, numerator, denominator
        from kpi_monthly where kpi_code in ('arppu', 'dso', 'bad_debt_rate')"""
    rows = rows_of(marts, query)
    assert {row[7] for row in rows} == {"CNY"}
    found = {(row[0], row[1:6], row[6]): row[8:] for row in rows if any(row[8:])}
    expected = {key: value for key, value in credit_kpis(opinion, *books).items() if any(value)}
    assert {code for _, _, code in expected} == {"arppu", "dso", "bad_debt_rate"}
    assert_same(found, expected)


def test_amounts_in_the_reporting_currency_are_the_amounts_themselves(marts: psycopg.Connection[Any]) -> None:
    """Everything simulated is billed in it; rates are there for every day of the billed months."""
    query = "select distinct conversion_status, net_amount = converted_net_amount from revenue_monthly"
    assert rows_of(marts, query) == [("same_currency", True)]
    query = """
        select from_currency_code, count(*), count(distinct rate_date)
        from dim_exchange_rate where not is_inverse group by 1"""
    assert {(code, days == rows > 300) for code, rows, days in rows_of(marts, query)} == {
        ("EUR", True),
        ("HKD", True),
        ("USD", True),
    }
