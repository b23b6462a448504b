"""Which churn signals hold for a line at the end of a day, asked day by day from the files.

A signal is judged only while the line is on the network, the day it leaves included. What reaches a line through its
account, owner or region reaches every line that belonged there at some moment of the day.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.oracle.deliveries import Row, all_rows
from tests.oracle.movement import LineMonth
from tests.oracle.operator import History, Line, histories, months_later, next_month
from tests.oracle.summaries import Opinion

METERED = ("mobile", "fixed", "iot")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """A row of the seed `churn_signal`."""

    severity: str
    threshold: Decimal
    window: int


def read_rules(seed: Path) -> dict[str, Rule]:
    """The signals that are switched on. The operator sets them in this table, so they are taken from there."""
    with seed.open(encoding="utf-8", newline="") as file:
        return {
            row["signal_code"]: Rule(
                row["severity"], Decimal(row["threshold_value"] or 0), int(row["window_days"] or 0)
            )
            for row in csv.DictReader(file)
            if row["is_active"] == "true"
        }


class Signals:
    """Everything that signals are made of, by line, account and customer."""

    def __init__(self, opinion: Opinion, rules: dict[str, Rule]) -> None:
        self.opinion, self.rules, operator = opinion, rules, opinion.operator
        self.operator, self.clock = operator, operator.clock
        self.months: dict[tuple[str, date], LineMonth] = {
            (seen.line.line_id, seen.month): seen for seen in opinion.months
        }
        self.service = opinion.revenue.of_line(service_only=True)
        self.used: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
        for (month, line_id, _, kind, *_), amounts in opinion.usage.monthly.items():
            self.used[line_id, month][0] += amounts.seconds if kind == "voice" else 0
            self.used[line_id, month][1] += amounts.volume if kind == "data" else 0
        self.use_days: dict[str, set[date]] = defaultdict(set)
        for day, line_id, service, direction, *_ in opinion.usage.daily:
            if service == "data" or (service in ("voice", "sms") and direction == "outgoing"):
                self.use_days[line_id].add(day)
        self.contracts = self._grouped(histories(operator.folder, "crm.contract", "contract_id", operator.end))
        tickets = histories(operator.folder, "care.ticket", "ticket_id", operator.end)
        complaints = {key: ticket for key, ticket in tickets.items() if ticket.latest["ticket_type"] == "complaint"}
        self.complaints = self._grouped(complaints)
        self.marks = self._events("care.survey_response", "responded_at", "survey_response_id", "subscription_id")
        self.barred = self._events("crm.subscription_event", "occurred_at", "event_id", "subscription_id")
        self.points = self._events(
            "marketing.loyalty_transaction", "occurred_at", "loyalty_transaction_id", "customer_id"
        )
        self.debts = self._debts()
        campaigns = histories(operator.folder, "market.rival_campaign", "rival_campaign_id", operator.end)
        self.campaigns = [campaign.latest for campaign in campaigns.values()]

    def _grouped(self, found: dict[str, History]) -> dict[str, list[tuple[str, History]]]:
        grouped = defaultdict(list)
        for key, history in found.items():
            grouped[history.latest["subscription_id"]].append((key, history))
        return grouped

    def _events(self, entity: str, at: str, key: str, of: str) -> dict[str, list[tuple[datetime, str, Row]]]:
        found = defaultdict(list)
        for row in all_rows(self.operator.folder, entity):
            instant = datetime.fromisoformat(row[at])
            if instant < self.operator.end and row[of]:
                found[row[of]].append((instant, row[key], row))
        for rows in found.values():
            rows.sort(key=lambda event: event[:2])
        return found

    def _debts(self) -> dict[str, list[tuple[date, date]]]:
        """First day of dunning and the day it is paid or written off, for every dunned bill of an account."""
        dunned: dict[tuple[str, str], list[tuple[datetime, str, Decimal]]] = defaultdict(list)
        for row in all_rows(self.operator.folder, "billing.collection_event"):
            at = datetime.fromisoformat(row["occurred_at"])
            if (
                row["event_type"] in ("reminder", "call", "promise", "suspension", "write_off")
                and at < self.operator.end
            ):
                place = (row["account_id"], row["invoice_id"])
                dunned[place].append((at, row["event_type"], Decimal(str(row["amount"]))))
        paid = defaultdict(list)
        for row in all_rows(self.operator.folder, "billing.payment"):
            at = datetime.fromisoformat(row["paid_at"])
            if at < self.operator.end:
                paid[row["invoice_id"]].append((at, Decimal(str(row["amount"]))))
        found = defaultdict(list)
        for (account, invoice), events in dunned.items():
            first, owed = min(at for at, *_ in events), max(amount for *_, amount in events)
            ends = [at for at, kind, _ in events if kind == "write_off"]
            sum_paid = Decimal(0)
            for at, amount in sorted(paid[invoice]):
                sum_paid += amount if at > first else 0
                if sum_paid >= owed:
                    ends.append(at)
                    break
            found[account].append((self.clock.day(first), self.clock.day(min(ends)) if ends else date.max))
        return found

    def states_on(self, line: Line, day: date) -> Iterable[Row]:
        """The states that a line was in at some moment of a day."""
        since = [self.clock.day(at) for at in line.history.since]
        since[0] = date.min
        return [
            state
            for state, begins, ends in zip(line.history.states, since, [*since[1:], date.max], strict=True)
            if begins <= day <= ends
        ]

    def at(self, line: Line, day: date) -> set[str]:
        """The codes of the signals that hold."""
        stay = next(
            (
                stay
                for stay in self.opinion.stays.get(line.line_id, [])
                if self.clock.day(stay.joined_at) <= day
                and (stay.left_at is None or day <= self.clock.day(stay.left_at))
            ),
            None,
        )
        if stay is None:
            return set()
        found = self._of_contract(line, day) | self._of_month(line, day) | self._of_care(line, day)
        silent = [day - DAY * ago for ago in range(int(self.rules["zero_use"].threshold))]
        known_from = max(self.clock.day(stay.joined_at), self.operator.usage_from)
        metered = self.operator.slice_of(line.history.latest)[2] in METERED
        if metered and silent[-1] >= known_from and not self.use_days[line.line_id].intersection(silent):
            found.add("zero_use")
        events = [row for at, _, row in self.barred.get(line.line_id, []) if self.clock.day(at) <= day]
        kinds = [row["event_type"] for row in events if row["event_type"] in ("suspended", "resumed", "terminated")]
        if kinds and kinds[-1] == "suspended":
            found.add("suspended")
        for state in self.states_on(line, day):
            found |= self._of_surroundings(state, day)
        return found & self.rules.keys()

    def _of_contract(self, line: Line, day: date) -> set[str]:
        found, end = set(), self.clock.midnight(day + DAY)
        contracts = sorted(
            self.contracts.get(line.line_id, []), key=lambda pair: (pair[1].latest["start_date"], pair[0])
        )
        for place, (_, history) in enumerate(contracts):
            if place + 1 < len(contracts) and self.clock.day(contracts[place + 1][1].since[0]) <= day:
                continue
            state = history.before(end)
            if state["end_date"] is None or day < date.fromisoformat(state["start_date"]):
                continue
            last = date.fromisoformat(state["end_date"])
            if last - DAY * int(self.rules["contract_expiring"].threshold) <= day <= last:
                found.add("contract_expiring")
            if last < day <= last + DAY * self.rules["contract_expired"].window:
                found.add("contract_expired")
        return found

    def _of_month(self, line: Line, day: date) -> set[str]:
        month = day.replace(day=1) if next_month(day) == (day + DAY) else months_later(day.replace(day=1), -1)
        months = [months_later(month, back) for back in (-3, -2, -1, 0)]
        seen = [self.months.get((line.line_id, each)) for each in months]
        if not all(each and each.is_opening and each.is_closing and not each.opening_exit for each in seen):
            return set()
        found, ratios = set(), []
        if months[0] >= self.operator.usage_from.replace(day=1):
            for kind in (0, 1):
                *before, now = (self.used[line.line_id, each][kind] for each in months)
                if sum(before):
                    ratios.append(Decimal(now * 3) / sum(before))
        if ratios and sum(ratios) / len(ratios) <= 1 - self.rules["usage_down"].threshold:
            found.add("usage_down")
        if self.opinion.revenue.billed_months.issuperset(months):
            *billed, last = (self.service.get((line.line_id, each), Decimal(0)) for each in months)
            if sum(billed) > 0 and last * 3 / sum(billed) <= 1 - self.rules["revenue_down"].threshold:
                found.add("revenue_down")
        return found

    def _of_care(self, line: Line, day: date) -> set[str]:
        found, end, opened = set(), self.clock.midnight(day + DAY), []
        for _, history in self.complaints.get(line.line_id, []):
            if history.since[0] >= end:
                continue
            opened.append(self.clock.day(history.since[0]))
            place = max(index for index, at in enumerate(history.since) if at < end)
            waited = (day - self.clock.day(history.since[place])).days
            if (
                history.states[place]["status_code"] != "resolved"
                and waited >= self.rules["complaint_unresolved"].threshold
            ):
                found.add("complaint_unresolved")
        repeated = self.rules["complaint_repeated"]
        if sum((day - first).days < repeated.window for first in opened) >= repeated.threshold:
            found.add("complaint_repeated")
        marks = [
            (self.clock.day(at), int(row["score"]))
            for at, _, row in self.marks.get(line.line_id, [])
            if row["survey_type"] == "csat" and at < end
        ]
        low = self.rules["low_satisfaction"]
        if marks and marks[-1][1] <= low.threshold and (day - marks[-1][0]).days < low.window:
            found.add("low_satisfaction")
        return found

    def _of_surroundings(self, state: Row, day: date) -> set[str]:
        found, (region, _, service, plan) = set(), self.operator.slice_of(state)
        if plan == "postpaid" and any(first <= day < until for first, until in self.debts.get(state["account_id"], [])):
            found.add("arrears")
        for campaign in self.campaigns:
            runs = str(campaign["start_date"]) <= str(day) <= str(campaign["end_date"] or date.max)
            place = (campaign["region_id"], campaign["service_line"], campaign["plan_type"])
            if runs and place == (region, service, plan):
                found.add("rival_campaign")
        balance, emptied = 0, None
        for at, _, row in self.points.get(state["customer_id"], []):
            if self.clock.day(at) > day:
                break
            balance += int(row["points"])
            if int(row["points"]) > 0:
                emptied = None
            elif row["transaction_type"] == "redeem" and balance <= self.rules["points_to_zero"].threshold:
                emptied = self.clock.day(at)
        if emptied and (day - emptied).days < self.rules["points_to_zero"].window:
            found.add("points_to_zero")
        return found
