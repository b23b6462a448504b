"""Who is on the credit blacklist, and the KPIs of payers and credit, counted from the files."""

from __future__ import annotations

import calendar
import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

from tests.oracle.operator import next_month
from tests.oracle.receivables import ZERO, Account, AccountKey, Event, money
from tests.oracle.revenue import SERVICE, UNALLOCATED, state_at_month_end
from tests.oracle.summaries import KpiKey, Opinion, Slice
from tests.oracle.usage import UNKNOWN

# Active, gravest reason, since; open, overdue, written off, recovered
Listed = tuple[bool, str, date, Decimal, Decimal, Decimal, Decimal]
_GRAVEST = ("operator_listed", "written_off", "repeatedly_dunned")


def blacklist(opinion: Opinion, accounts: dict[AccountKey, Account], seed: Path) -> dict[AccountKey, Listed]:
    """Every account with a reason, now or once. `accounts` are in their last state, as `receivables` leaves them."""
    with seed.open(encoding="utf-8", newline="") as file:
        rules = {row["rule_code"]: row for row in csv.DictReader(file) if row["is_enabled"] == "true"}
    found = {}
    for key, account in accounts.items():
        debts = [one for one in account.documents.values() if one.open > 0]
        late = sum((one.open for one in debts if one.due and one.due < opinion.operator.as_of), ZERO)
        owed = sum((one.open for one in debts), account.missing)
        reasons = _reasons(opinion, account, rules, late)
        if not reasons:
            continue
        holding = {name: since for name, (active, since) in reasons.items() if active}
        shown = holding or {name: since for name, (_, since) in reasons.items()}
        reason = next(name for name in _GRAVEST if name in shown)
        lost = _sum(account, "write_off")
        found[key] = (bool(holding), reason, min(shown.values()), owed, late, lost, _sum(account, "recovery"))
    return found


def _sum(account: Account, kind: str) -> Decimal:
    return sum((money(event.row["amount"]) for event in account.dunning if event.row["event_type"] == kind), ZERO)


def _reasons(
    opinion: Opinion, account: Account, rules: dict[str, dict[str, str]], late: Decimal
) -> dict[str, tuple[bool, date]]:
    """Whether each reason holds, and since when."""
    operator, reasons = opinion.operator, {}
    day = operator.clock.day
    events: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(account.dunning, key=lambda event: event.at):
        events[event.row["event_type"]].append(event)
    if "operator_listed" in rules and events["blacklisted"]:
        last = events["blacklisted"][-1]
        off = any(event.at > last.at for event in events["unblacklisted"])
        reasons["operator_listed"] = (not off, day(last.at))
    if "written_off" in rules and events["write_off"]:
        lost: dict[str, Decimal] = defaultdict(Decimal)
        for event in events["write_off"]:
            lost[event.row["invoice_id"]] += money(event.row["amount"])
        for event in events["recovery"]:
            lost[event.row["invoice_id"]] -= money(event.row["amount"])
        bad = [event for event in events["write_off"] if lost[event.row["invoice_id"]] > 0]
        reasons["written_off"] = (bool(bad), day((bad or events["write_off"])[0].at))
    if "repeatedly_dunned" in rules:
        rule = rules["repeatedly_dunned"]
        first: dict[str, date] = {}
        for event in events["reminder"]:
            if (operator.as_of - day(event.at)).days < int(rule["window_days"]):
                first.setdefault(event.row["invoice_id"], day(event.at))
        days, least = sorted(first.values()), int(rule["min_event_count"])
        if len(days) >= least:
            reasons["repeatedly_dunned"] = (late > 0, days[least - 1])
    return reasons


def credit_kpis(
    opinion: Opinion,
    accounts: dict[AccountKey, Account],
    owed: dict[tuple[date, str, str], dict[str, Decimal]],
) -> dict[KpiKey, tuple[Decimal, Decimal]]:
    """Numerator and denominator of ARPPU, DSO and the bad-debt rate by month and slice, of billed months."""
    operator, billed = opinion.operator, opinion.revenue.billed_months
    found: dict[KpiKey, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])

    def add(month: date, place: Slice, code: str, numerator: Decimal | int, denominator: Decimal | int) -> None:
        found[month, place, code][0] += numerator
        found[month, place, code][1] += denominator

    for (month, place), (amount, count) in _payers(opinion).items():
        add(month, place, "arppu", amount, count)
    for (month, account_id, _), line in owed.items():
        if month in billed:
            days = calendar.monthrange(month.year, month.month)[1]
            if operator.is_open(month):
                days = operator.as_of.day
            place = _place(opinion, account_id, month)
            add(month, place, "dso", line["gross_receivable"] * days, line["billed"])
            add(month, place, "bad_debt_rate", ZERO, line["billed"])
    for (account_id, _), account in accounts.items():
        for event in account.dunning:
            if event.row["event_type"] == "write_off":
                month = account.documents[event.row["invoice_id"]].billing_month
                add(month, _place(opinion, account_id, month), "bad_debt_rate", money(event.row["amount"]), ZERO)
    return {key: (value[0], value[1]) for key, value in found.items()}


def _place(opinion: Opinion, account_id: str, month: date) -> Slice:
    operator = opinion.operator
    end = min(operator.clock.midnight(next_month(month)), operator.end)
    customer = operator.accounts[account_id].before(end)["customer_id"]
    return (operator.customers[customer].before(end)["region_id"], *(UNKNOWN,) * 4)


def _payers(opinion: Opinion) -> dict[tuple[date, Slice], tuple[Decimal, int]]:
    """Revenue and number of the lines with service revenue above zero, sliced as their latest service month ended."""
    amounts: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    latest: dict[tuple[str, date], date] = {}
    for (line_id, service_month, posted, charge, *_), (net, _) in opinion.revenue.rows.items():
        if charge in SERVICE and line_id != UNALLOCATED:
            amounts[line_id, posted] += net
            latest[line_id, posted] = max(latest.get((line_id, posted), service_month), service_month)
    found: dict[tuple[date, Slice], tuple[Decimal, int]] = {}
    for (line_id, posted), amount in amounts.items():
        if amount > 0:
            line = opinion.operator.lines[line_id]
            state = state_at_month_end(opinion.operator, line, latest[line_id, posted])
            tier = opinion.tiers.get((line_id, posted), "standard")
            place = (*opinion.operator.slice_of(state), tier)
            before = found.get((posted, place), (ZERO, 0))
            found[posted, place] = (before[0] + amount, before[1] + 1)
    return found
