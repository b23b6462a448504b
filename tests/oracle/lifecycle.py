"""The stage of every line at every month's end and the moves between stages, by the rules tested in order."""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from tests.oracle.churn_signals import Signals
from tests.oracle.deliveries import Row
from tests.oracle.operator import Line, histories, months_later
from tests.oracle.summaries import Opinion, Slice

Stages = dict[tuple[date, str], str]
DAY = timedelta(days=1)


def read_thresholds(seed: Path) -> dict[str, Decimal]:
    """The thresholds of the stages, which the operator sets in this table."""
    with seed.open(encoding="utf-8", newline="") as file:
        return {row["rule_code"]: Decimal(row["threshold_value"]) for row in csv.DictReader(file)}


class Lifecycle:
    """What the stages need beside the signals."""

    def __init__(self, opinion: Opinion, signals: Signals) -> None:
        self.opinion, self.signals, operator = opinion, signals, opinion.operator
        self.operator, self.clock = operator, operator.clock
        self.added: dict[str, list[date]] = defaultdict(list)
        for history in histories(operator.folder, "crm.subscribed_offer", "subscribed_offer_id", operator.end).values():
            held: Row = history.latest
            if operator.offers[held["offer_id"]]["offer_type"] != "main":
                self.added[held["subscription_id"]].append(self._day(held["started_at"]))
        self.severities: dict[tuple[str, date], list[str]] = {}

    def _day(self, instant: str) -> date:
        return self.clock.day(datetime.fromisoformat(instant))

    def stages(self, thresholds: dict[str, Decimal]) -> Stages:
        """Stage by month and line; lines that aged out are in none."""
        found = {}
        for month in self.operator.months():
            end = self.operator.month_end(month)
            last = self.clock.day(end - timedelta(microseconds=1))
            for line_id, stays in self.opinion.stays.items():
                mine = [stay for stay in stays if stay.joined_at < end]
                if not mine:
                    continue
                left = mine[-1].left_at
                if left is not None and left < end:
                    if months_later(self.clock.day(left), int(thresholds["exit_months"])) > last:
                        found[month, line_id] = "E"
                    continue
                found[month, line_id] = self._on_network(self.operator.lines[line_id], month, last, thresholds)
        return found

    def _on_network(self, line: Line, month: date, last: date, thresholds: dict[str, Decimal]) -> str:
        if (last - self.clock.day(line.activated_at)).days <= thresholds["acquisition_days"]:
            return "A"
        severities = self._severities(line, last)
        if severities.count("high") >= thresholds["decline_high_signal_count"]:
            return "D"
        if severities.count("medium") >= thresholds["decline_medium_signal_count"]:
            return "D"
        # Nobody is scored before the as-of date here, so that no stage of the tested operator comes from a score.
        return "B" if self._grows(line, month, last, thresholds) else "C"

    def _severities(self, line: Line, day: date) -> list[str]:
        key = (line.line_id, day)
        if key not in self.severities:
            rules = self.signals.rules
            self.severities[key] = [rules[code].severity for code in self.signals.at(line, day)]
        return self.severities[key]

    def _grows(self, line: Line, month: date, last: date, thresholds: dict[str, Decimal]) -> bool:
        since = months_later(last, -int(thresholds["growth_offer_months"]))
        joined = self.clock.day(line.activated_at)
        if any(since < day <= last and day > joined for day in self.added[line.line_id]):
            return True
        size = int(thresholds["growth_window_months"])
        billed = sorted(each for each in self.opinion.revenue.billed_months if each <= month)[-2 * size :]
        seen = [self.signals.months.get((line.line_id, each)) for each in billed]
        whole = all(each and each.is_opening and each.is_closing and not each.opening_exit for each in seen)
        if len(billed) < 2 * size or not whole:
            return False
        amounts = [self.signals.service.get((line.line_id, each), Decimal(0)) for each in billed]
        earlier, later = sum(amounts[:size]), sum(amounts[size:])
        return earlier > 0 and later >= earlier * thresholds["growth_revenue_ratio"]

    def slice_at(self, month: date, line_id: str) -> Slice:
        """Where a line is as a month ends, or was as it left; its tier is that of the month it was last seen in."""
        line, end = self.operator.lines[line_id], self.operator.month_end(month)
        left = [stay for stay in self.opinion.stays[line_id] if stay.joined_at < end][-1].left_at
        gone = left if left is not None and left < end else None
        seen_in = min(month, self.clock.day(gone).replace(day=1)) if gone else month
        tier = self.opinion.tiers.get((line_id, seen_in), "standard")
        return (*self.operator.slice_of(line.history.before(gone or end)), tier)

    def transitions(self, stages: Stages) -> dict[tuple[date, str, str, Slice], int]:
        """Lines by stage a month ago and now, from the second month on."""
        found: dict[tuple[date, str, str, Slice], int] = defaultdict(int)
        months = self.operator.months()
        for before, month in pairwise(months):
            for line_id in self.opinion.stays:
                old, new = stages.get((before, line_id)), stages.get((month, line_id))
                if old or new:
                    place = self.slice_at(month if new else before, line_id)
                    found[month, old or "new", new or "aged_out", place] += 1
        return dict(found)
