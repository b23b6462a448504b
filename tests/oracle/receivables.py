"""What accounts owe, month by month: bills, payments and write-offs taken one after the other, as a bookkeeper would.

A document is paid by the payments that name it. What names none, and credit notes, are kept for the account and used up
by the documents that follow, those due first before the others; what came in a month is there for its documents.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tests.oracle.deliveries import Row, deliveries
from tests.oracle.operator import Operator, next_month
from tests.oracle.revenue import event_month, posted_month

ZERO = Decimal(0)
FAR = date(9999, 1, 1)
AccountKey = tuple[str, str]  # account, currency
MOVEMENTS = ("billed", "adjusted", "credited", "paid", "reversed", "written_off", "recovered")
BALANCES = ("opening", "closing", "unapplied", "gross_receivable")
AGES = (
    *("not_due", "overdue_1_30", "overdue_31_60", "overdue_61_90", "overdue_91_180", "overdue_over_180"),
    "no_due_date",
)


class Event(NamedTuple):
    """A row of payments or of dunning with the month it counts in."""

    at: datetime
    posted: date
    row: Row


@dataclass
class Document:
    """A bill of an account: what it asks for, by posted month and kind, and what is open on it."""

    due: date | None = None
    asks: dict[date, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    billing_month: date = FAR
    asked: Decimal = ZERO
    open: Decimal = ZERO


@dataclass
class Account:
    """What was delivered about an account in one currency, and the state of its books."""

    documents: dict[str, Document] = field(default_factory=lambda: defaultdict(Document))
    payments: list[Event] = field(default_factory=list)
    dunning: list[Event] = field(default_factory=list)
    credit: Decimal = ZERO
    missing: Decimal = ZERO  # owed since money paid ahead was taken back after it was used up

    def recoveries(self) -> set[str]:
        """Payments on bills that had been given up, nothing being left open on them."""
        found = set()
        for name, document in self.documents.items():
            given_up = [event for event in self.dunning if _is(event, "write_off", name)]
            if not given_up:
                continue
            at = max(event.at for event in given_up)
            mine = [event for event in self.payments if event.row["invoice_id"] == name]
            left = sum((sum(kinds.values()) for kinds in document.asks.values()), ZERO)
            left -= sum((money(event.row["amount"]) for event in mine if event.at < at), ZERO)
            left -= sum((money(event.row["amount"]) for event in given_up), ZERO)
            if left <= 0:
                found |= {event.row["payment_id"] for event in mine if event.at >= at}
        return found


def money(value: object) -> Decimal:
    """An amount as delivered."""
    return Decimal(str(value))


def _is(event: Event, kind: str, document: str) -> bool:
    return bool(event.row["event_type"] == kind and event.row["invoice_id"] == document)


def read_accounts(operator: Operator) -> dict[AccountKey, Account]:
    """Documents, payments and dunning of every account up to the end of what is known."""
    accounts: dict[AccountKey, Account] = defaultdict(Account)
    for delivery in deliveries(operator.folder, "billing.invoice_line"):
        for row in delivery.rows():
            if row["document_type"] == "statement":
                continue
            service, issued = date.fromisoformat(row["service_month"]), datetime.fromisoformat(row["issued_at"])
            posted = posted_month(operator, service, issued, delivery.business_date)
            document = accounts[row["account_id"], row["currency_code"]].documents[row["invoice_id"]]
            document.billing_month = min(document.billing_month, posted)
            document.asks[posted][row["document_type"]] += money(row["net_amount"]) + money(row["tax_amount"])
            if row["due_date"]:
                due = date.fromisoformat(row["due_date"])
                document.due = min(document.due or due, due)
    for entity, instant in (("billing.payment", "paid_at"), ("billing.collection_event", "occurred_at")):
        for delivery in deliveries(operator.folder, entity):
            for row in delivery.rows():
                at = datetime.fromisoformat(row[instant])
                if at < operator.end:
                    posted = event_month(operator, operator.clock.day(at), delivery)
                    account = accounts[row["account_id"], row["currency_code"]]
                    events = account.payments if entity == "billing.payment" else account.dunning
                    events.append(Event(at, posted, row))
    return accounts


def receivables(
    operator: Operator, accounts: dict[AccountKey, Account]
) -> dict[tuple[date, str, str], dict[str, Decimal]]:
    """Movements, balances and ages by month, account and currency; months without any of them are left out.

    Leaves the accounts in the state at the end of the last month.
    """
    found = {}
    for (account_id, currency), account in accounts.items():
        months = {month for document in account.documents.values() for month in document.asks}
        months |= {event.posted for event in (*account.payments, *account.dunning)}
        recoveries, closing = account.recoveries(), ZERO
        for month in sorted(month for month in months | set(operator.months()) if month <= operator.months()[-1]):
            line = {"opening": closing} | _move(account, month, recoveries)
            closing += line["billed"] + line["adjusted"] - line["credited"] - line["paid"]
            closing += line["reversed"] - line["written_off"]
            line["closing"] = closing
            line |= _balances(account, min(next_month(month) - timedelta(days=1), operator.as_of))
            if month in operator.months() and any(line.values()):
                found[month, account_id, currency] = line
    return found


def _move(account: Account, month: date, recoveries: set[str]) -> dict[str, Decimal]:
    """Book a month and return its movements."""
    moved = dict.fromkeys(MOVEMENTS, ZERO)
    ahead, to_pay = ZERO, []
    for name, document in account.documents.items():
        kinds = document.asks.get(month)
        if kinds is None:
            continue
        moved["billed"] += kinds["invoice"]
        moved["adjusted"] += kinds["adjustment"]
        moved["credited"] -= kinds["credit_note"]
        total = sum(kinds.values())
        if total < 0 and document.asked <= 0:
            ahead -= total
        else:
            document.open += total
            if total > 0:
                to_pay.append((document.due or FAR, name, total))
        document.asked += total
    for event in account.payments:
        if event.posted != month:
            continue
        amount, name = money(event.row["amount"]), event.row["invoice_id"]
        if event.row["payment_id"] in recoveries:
            if not any(_is(other, "recovery", name) for other in account.dunning):
                moved["recovered"] += amount
            continue
        if str(event.row["is_reversal"]).lower() == "true":
            moved["reversed"] -= amount
        else:
            moved["paid"] += amount
        if name is None:
            ahead += amount
        else:
            account.documents[name].open -= amount
    for event in account.dunning:
        if event.posted == month and event.row["event_type"] == "write_off":
            moved["written_off"] += money(event.row["amount"])
            account.documents[event.row["invoice_id"]].open -= money(event.row["amount"])
        if event.posted == month and event.row["event_type"] == "recovery":
            moved["recovered"] += money(event.row["amount"])
    account.credit += ahead
    if account.credit < 0:
        account.missing -= account.credit
        account.credit = ZERO
    for _, name, total in sorted(to_pay):
        used = min(account.credit, total)
        account.credit -= used
        account.documents[name].open -= used
    return moved


def _balances(account: Account, day: date) -> dict[str, Decimal]:
    """What is open at the end of a day, by how long it is overdue, and what waits for documents to come."""
    line = dict.fromkeys((*AGES, "gross_receivable"), ZERO)
    line["unapplied"] = account.credit - sum((min(one.open, ZERO) for one in account.documents.values()), ZERO)
    line["no_due_date"] = account.missing
    for document in account.documents.values():
        line[_age(document, day)] += max(document.open, ZERO)
    line["gross_receivable"] = sum((line[age] for age in AGES), ZERO)
    return line


def _age(document: Document, day: date) -> str:
    if document.due is None:
        return "no_due_date"
    late = (day - document.due).days
    limits = zip((0, 30, 60, 90, 180), AGES, strict=False)
    return next((age for limit, age in limits if late <= limit), "overdue_over_180")
