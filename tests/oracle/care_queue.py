"""Whom to care for on the as-of date, and why, from the files.

Where the definitions leave a choice: a contract is looked at until 30 days after its end; a dunned bill is in arrears
as long as something is open on it.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.campaign_value import rounded
from tests.oracle.movement import LineMonth
from tests.oracle.operator import History, histories
from tests.oracle.receivables import Account, AccountKey, Event
from tests.oracle.retention import CORE
from tests.oracle.service import Service
from tests.oracle.summaries import Opinion

ASKING = ("reminder", "call", "promise", "suspension")
DAY = timedelta(days=1)
# Day it is about, and the words
Reason = tuple[date, str]


class CareQueue:
    """Reasons of every line on the network, and what was done for it."""

    def __init__(self, opinion: Opinion, service: Service, accounts: dict[AccountKey, Account]) -> None:
        self.opinion, self.service, self.accounts = opinion, service, accounts
        self.operator, self.clock = opinion.operator, opinion.operator.clock
        self.today = self.operator.as_of
        self.actions: dict[str, list[tuple[str, History]]] = defaultdict(list)
        found = histories(self.operator.folder, "marketing.care_action", "care_action_id", self.operator.end)
        for name, history in found.items():
            self.actions[history.latest["subscription_id"]].append((name, history))
        self.ends: dict[str, list[date]] = defaultdict(list)
        for history in histories(self.operator.folder, "crm.contract", "contract_id", self.operator.end).values():
            row = history.latest
            if int(row["term_months"]) > 1:
                self.ends[row["subscription_id"]].append(date.fromisoformat(row["end_date"]))
        self.billed = sorted(month for month in opinion.revenue.billed_months if not self.operator.is_open(month))
        self.service_revenue = opinion.revenue.of_line(service_only=True)
        self.there: dict[str, set[date]] = defaultdict(set)
        for seen in opinion.months:
            self.there[seen.line.line_id].add(seen.month)

    def reasons(self, seen: LineMonth) -> dict[str, Reason]:
        """Why a line should be cared for today."""
        found, line_id = self._planned(seen.line.line_id), seen.line.line_id
        ends = max(self.ends[line_id], default=None)
        if ends and self.today - 30 * DAY <= ends <= self.today + 60 * DAY:
            found["contract_expiry"] = (ends, f"contract ends {ends}")
        months = self.billed[-4:]
        if len(months) == 4 and self.there[line_id].issuperset(months):
            *before, last = (self.service_revenue.get((line_id, month), Decimal(0)) for month in months)
            mean = Fraction(sum(before)) / 3
            if mean > 0 and last <= mean * Fraction(7, 10):
                text = f"revenue {last:.2f} CNY against a mean of {rounded(mean)}"
                found["anomaly"] = (months[-1], text)
        account_id = seen.line.history.before(seen.seen_at)["account_id"]
        for (name, currency), account in self.accounts.items():
            if name == account_id and (owed := self._owed(account)):
                found["arrears"] = (owed[0], f"overdue {owed[1]:.2f} {currency}")
        return found

    def _planned(self, line_id: str) -> dict[str, Reason]:
        found: dict[str, Reason] = {}
        open_ones = sorted(
            (date.fromisoformat(str(history.latest["planned_date"])), history.latest["action_type"])
            for _, history in self.actions[line_id]
            if not history.latest["outcome_code"]
        )
        for day, kind in open_ones:
            if day <= self.today + 7 * DAY:
                found.setdefault(
                    "birthday" if kind == "birthday" else "planned_care", (day, f"{kind} planned for {day}")
                )
        return found

    def _owed(self, account: Account) -> tuple[date, Decimal] | None:
        """Earliest last reminder, and what is still open, on the dunned bills of an account."""
        last: dict[str, Event] = {}
        for event in sorted(account.dunning, key=lambda event: event.at):
            if event.row["invoice_id"]:
                last[event.row["invoice_id"]] = event
        found = [
            (self.clock.day(event.at), account.documents[name].open)
            for name, event in last.items()
            if event.row["event_type"] in ASKING and name in account.documents and account.documents[name].open > 0
        ]
        return (min(day for day, _ in found), sum((left for _, left in found), Decimal(0))) if found else None

    def rows(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """The list: core lines with a reason."""
        answered: dict[str, Any] = {}
        for contact in self.service.contacts:
            if contact.is_answered and contact.row["subscription_id"]:
                answered[contact.row["subscription_id"]] = contact.at
        found = {}
        for seen in self.opinion.months:
            line_id = seen.line.line_id
            tier = self.opinion.tiers[line_id, seen.month]
            if seen.month != self.operator.months()[-1] or not seen.is_closing or tier not in CORE:
                continue
            reasons, state = self.reasons(seen), seen.line.history.before(seen.seen_at)
            for code, (day, text) in reasons.items():
                revenue = None
                if seen.month in self.opinion.revenue.billed_months:
                    revenue = self.service_revenue.get((line_id, seen.month), Decimal(0))
                found[line_id, code] = (
                    *(day, text, len(reasons), state["customer_id"], state["account_id"]),
                    *(self.opinion.closing_slice(seen), revenue, answered.get(line_id), *self._done(line_id)),
                )
        return found

    def _done(self, line_id: str) -> tuple[Any, ...]:
        """Manager, last end, what it was and what came of it; visits, calls and acts done."""
        actions = self.actions[line_id]
        if not actions:
            return None, None, None, None, 0, 0, 0
        manager = max(actions, key=lambda pair: (pair[1].since[0], pair[0]))[1].latest["staff_id"]
        ended = [
            (history.since[-1], name, history.latest) for name, history in actions if history.latest["outcome_code"]
        ]
        last = max(ended, key=lambda act: act[:2]) if ended else (None, None, {})
        done = [row["action_type"] for _, _, row in ended if row["outcome_code"] == "done"]
        return (
            *(manager, last[0], last[2].get("action_type"), last[2].get("outcome_code")),
            sum(kind.endswith("visit") for kind in done),
            sum(kind.endswith("call") for kind in done),
            len(done),
        )
