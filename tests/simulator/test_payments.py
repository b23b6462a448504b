"""Bills, payments and write-offs tie to the fen, and dunning keeps in step with what happens to lines."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from tests.oracle.deliveries import Row

Rows = Callable[[str], list[Row]]
DUE = ("invoice", "credit_note", "adjustment")


def _gross(row: Row) -> Decimal:
    return Decimal(str(row["net_amount"])) + Decimal(str(row["tax_amount"]))


def _documents(rows_of: Rows) -> dict[str, Decimal]:
    """Gross amount of every document that is to be paid or credited."""
    total: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of("billing.invoice_line"):
        if row["document_type"] in DUE:
            total[row["invoice_id"]] += _gross(row)
    return total


def _paid(rows_of: Rows) -> dict[str, Decimal]:
    total: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of("billing.payment"):
        total[row["invoice_id"]] += Decimal(str(row["amount"]))
    return total


def test_receivables_of_every_month_tie_to_the_ledger(rows_of: Rows) -> None:
    """Opening + invoiced + adjusted - credited - paid + taken back - written off = closing, as the ledger has it."""
    change: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows_of("billing.invoice_line"):
        if row["document_type"] in DUE:
            # The bill run of a month is dated the first of the next; corrections fall within the month.
            issued = date.fromisoformat(row["issued_at"][:10])
            is_run = row["document_type"] == "invoice"
            change[f"{(issued - timedelta(days=1) if is_run else issued):%Y-%m}"] += _gross(row)
    for row in rows_of("billing.payment"):
        change[row["paid_at"][:7]] -= Decimal(str(row["amount"]))
    for row in rows_of("billing.collection_event"):
        if row["event_type"] == "write_off":
            change[row["occurred_at"][:7]] -= Decimal(str(row["amount"]))
    ledger = {row["month"][:7]: row["amount"] for row in rows_of("finance.gl_total") if _is_receivable(row)}
    assert len(ledger) == 12
    closing = Decimal(0)
    for month in sorted(ledger):
        closing += change[month]
        assert closing == Decimal(str(ledger[month])).quantize(Decimal("0.01")), month
    assert closing > 0


def _is_receivable(row: Row) -> bool:
    return row["account_code"] == "accounts_receivable"


def test_no_account_pays_more_than_it_owes_but_ahead(rows_of: Rows) -> None:
    """Payments name documents of the same account and never come to more than the document."""
    documents, paid = _documents(rows_of), _paid(rows_of)
    account = {row["invoice_id"]: row["account_id"] for row in rows_of("billing.invoice_line")}
    for row in rows_of("billing.payment"):
        if row["invoice_id"]:
            assert account[row["invoice_id"]] == row["account_id"]
    dunned = rows_of("billing.collection_event")
    written_off = {row["invoice_id"] for row in dunned if row["event_type"] == "write_off"}
    # What is paid twice is given back within three days, which for the last payments is after the end of the extracts.
    payments = rows_of("billing.payment")
    end = date.fromisoformat(max(row["paid_at"] for row in payments)[:10])
    just_paid = {
        row["invoice_id"] for row in payments if date.fromisoformat(row["paid_at"][:10]) >= end - timedelta(days=3)
    }
    for document, amount in paid.items():
        if document:
            owed = documents[document]
            assert Decimal(0) <= amount <= owed or (document in just_paid and amount == 2 * owed)
            assert document not in written_off or amount == 0
    assert paid[None] > 0, "nobody paid ahead"
    assert len(written_off) > 10


def test_most_bills_are_paid_in_full_and_by_their_day(rows_of: Rows) -> None:
    documents, paid = _documents(rows_of), _paid(rows_of)
    due, issued = {}, {}
    for row in rows_of("billing.invoice_line"):
        if row["document_type"] == "invoice":
            due[row["invoice_id"]], issued[row["invoice_id"]] = row["due_date"], row["issued_at"][:10]
            assert date.fromisoformat(row["due_date"]) - date.fromisoformat(row["issued_at"][:10]) == timedelta(days=24)
        assert (row["due_date"] is None) == (row["document_type"] in ("statement", "credit_note"))
    late = {
        row["invoice_id"]
        for row in rows_of("billing.payment")
        if row["invoice_id"] in due and row["paid_at"][:10] > due[row["invoice_id"]]
    }
    settled = [document for document in due if issued[document] < "2026-06" and documents[document] > 0]
    full = [document for document in settled if paid[document] == documents[document]]
    assert 0.85 < len(full) / len(settled) < 1.0
    assert 0.04 < len(late) / len(due) < 0.20
    parts = Counter(row["invoice_id"] for row in rows_of("billing.payment") if not _is_true(row["is_reversal"]))
    assert sum(count > 1 for count in parts.values()) > 50
    assert sum(_is_true(row["is_reversal"]) for row in rows_of("billing.payment")) > 20
    assert all((Decimal(str(row["amount"])) < 0) == _is_true(row["is_reversal"]) for row in rows_of("billing.payment"))


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


def test_lines_are_barred_only_for_a_bill_overdue_and_opened_when_it_is_paid(rows_of: Rows) -> None:
    documents, due = _documents(rows_of), {}
    for row in rows_of("billing.invoice_line"):
        due[row["invoice_id"]] = row["due_date"]
    payments = defaultdict(list)
    for row in rows_of("billing.payment"):
        payments[row["invoice_id"]].append((row["paid_at"], Decimal(str(row["amount"]))))
    bars = {
        (row["subscription_id"], row["occurred_at"]): row
        for row in rows_of("billing.collection_event")
        if row["event_type"] == "suspension"
    }
    events = sorted(rows_of("crm.subscription_event"), key=lambda row: row["occurred_at"])
    suspended = {(row["subscription_id"], row["occurred_at"]) for row in events if row["event_type"] == "suspended"}
    assert suspended == set(bars)
    assert len(bars) > 50
    bill_of: dict[str, str] = {}
    opened = 0
    for row in events:
        line, at = row["subscription_id"], row["occurred_at"]
        if row["event_type"] == "suspended":
            bar = bars[line, at]
            bill_of[line] = bar["invoice_id"]
            assert due[bar["invoice_id"]] < at[:10]
            paid = sum((amount for when, amount in payments[bar["invoice_id"]] if when <= at), Decimal(0))
            assert paid == 0 and Decimal(str(bar["amount"])) > 0
        if row["event_type"] == "resumed":
            opened += 1
            assert any(when < at for when, _ in payments[bill_of.pop(line)])
        if row["event_type"] == "terminated" and row["reason_code"] == "non_payment" and line in bill_of:
            early = [(when, amount) for when, amount in payments[bill_of[line]] if when <= at]
            assert sum(amount for _, amount in early) == 0, (line, at, bill_of[line], payments[bill_of[line]])
    assert opened > 20
    assert documents


def test_dunning_follows_ageing(rows_of: Rows) -> None:
    due = {row["invoice_id"]: row["due_date"] for row in rows_of("billing.invoice_line")}
    ages = defaultdict(set)
    seen = defaultdict(list)
    for row in rows_of("billing.collection_event"):
        age = date.fromisoformat(row["occurred_at"][:10]) - date.fromisoformat(due[row["invoice_id"]])
        ages[row["event_type"]].add(age.days)
        seen[row["invoice_id"]].append((row["occurred_at"], row["event_type"]))
    assert ages["reminder"] == {3} and ages["call"] == {12} and ages["promise"] == {14}
    assert min(ages["write_off"]) >= 100
    assert min(ages["suspension"]) > 10
    for events in seen.values():
        order = [event for _, event in sorted(events)]
        if "write_off" in order:
            assert "reminder" in order[: order.index("write_off")]
        if "recovery" in order:
            assert "write_off" in order[: order.index("recovery")]
    assert set(ages) >= {"reminder", "call", "promise", "suspension", "write_off", "blacklisted", "recovery"}


def test_fraudsters_pay_nothing_more(rows_of: Rows) -> None:
    lines = {row["subscription_id"]: row["account_id"] for row in rows_of("crm.subscription")}
    accounts = Counter(lines.values())
    ended = {
        lines[row["subscription_id"]]: row["occurred_at"]
        for row in rows_of("crm.subscription_event")
        if row["reason_code"] == "fraud" and accounts[lines[row["subscription_id"]]] == 1
    }
    assert ended
    for row in rows_of("billing.payment"):
        if row["account_id"] in ended:
            assert row["paid_at"] < ended[row["account_id"]][:7] + "-32"
