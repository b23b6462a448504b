"""Who left in the last twelve months, to whom, why, what it was worth and what was done since, from the files.

Where the definitions leave a choice: the place is that just before the exit, the tier and market are those of the month
of the exit; worth is the mean service revenue as the month before it ended (of that month itself, if there is none). A
reason has evidence within its days before the exit; the first by priority is inferred, with its latest evidence.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle.campaign_value import rounded
from tests.oracle.deliveries import Row, all_rows
from tests.oracle.movement import Stay
from tests.oracle.operator import histories, months_later, next_month
from tests.oracle.retention import Retention
from tests.oracle.service import instant_of

PORTED_DAYS = 7
LOST_MONTHS = 12
# (line, number of the stay)
Exit = tuple[str, int]


@dataclass(frozen=True)
class Reason:
    """A row of the newest taxonomy of the seed `lost_reason`."""

    priority: int
    days: int
    threshold: Decimal | None


class Lost:
    """The exits that the list looks back on, and what is known about each."""

    def __init__(self, retention: Retention, seed: Path) -> None:
        self.retention, self.opinion = retention, retention.opinion
        self.operator = retention.operator
        self.clock = self.operator.clock
        with seed.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.version = max(int(row["taxonomy_version"]) for row in rows)
        self.reasons = {
            row["reason_code"]: Reason(
                int(row["priority"]),
                int(row["lookback_days"]),
                Decimal(row["threshold"]) if row["threshold"] else None,
            )
            for row in rows
            if int(row["taxonomy_version"]) == self.version
        }
        self.means, self.markets = retention.means(), retention.markets()
        self.ends = {
            row["subscription_id"]: row
            for row in all_rows(self.operator.folder, "crm.subscription_event")
            if row["event_type"] == "terminated"
        }
        self.ports = self._by_line("market.porting")
        self.tickets = self._by_line("care.ticket")
        self.surveys = self._by_line("care.survey_response")
        self.contracts = [
            history.latest
            for history in histories(self.operator.folder, "crm.contract", "contract_id", self.operator.end).values()
        ]
        campaigns = histories(self.operator.folder, "market.rival_campaign", "rival_campaign_id", self.operator.end)
        self.rival_campaigns = [history.latest for history in campaigns.values()]
        self.bills: dict[str, dict[date, Decimal]] = defaultdict(dict)
        every = self.opinion.revenue.of_line(service_only=False)
        service = self.opinion.revenue.of_line(service_only=True)
        for line_id, month in every:
            self.bills[line_id][month] = service.get((line_id, month), Decimal(0))

    def _by_line(self, entity: str) -> dict[str, list[Row]]:
        found = defaultdict(list)
        for row in all_rows(self.operator.folder, entity):
            found[row["subscription_id"]].append(row)
        return found

    def exits(self) -> Iterator[tuple[str, int, Stay]]:
        """Every stay that ended in the twelve months up to the as-of date."""
        since = months_later(self.operator.as_of, -LOST_MONTHS)
        for line_id, stays in self.opinion.stays.items():
            for number, stay in enumerate(stays, 1):
                if stay.left_at and stay.left_at < self.operator.end and self.clock.day(stay.left_at) > since:
                    yield line_id, number, stay

    def evidence(self, line_id: str, stay: Stay) -> dict[str, date]:
        """Reasons with evidence before the exit, with the day of the latest."""
        assert stay.left_at
        day, line = self.clock.day(stay.left_at), self.operator.lines[line_id]
        found: dict[str, list[tuple[date, Decimal | None]]] = defaultdict(list)
        if stay.churn == "involuntary":
            found["fraud" if self.ends[line_id]["reason_code"] == "fraud" else "arrears"].append((day, None))
        if stay.churn == "inactive":
            found["silent"].append((day, None))
        for row in self.tickets[line_id]:
            opened = instant_of(row["opened_at"])
            if row["ticket_type"] in ("complaint", "fault") and instant_of(row["effective_at"]) < self.operator.end:
                found[_cause(row["cause_code"])].append((self.clock.day(opened), None))
        months = sorted(self.bills[line_id])
        for number in range(2, len(months)):
            mean = (self.bills[line_id][months[number - 1]] + self.bills[line_id][months[number - 2]]) / 2
            if mean > 0:
                last_day = next_month(months[number]) - timedelta(days=1)
                found["bill_shock"].append((last_day, self.bills[line_id][months[number]] / mean))
        for row in self.surveys[line_id]:
            at = instant_of(row["responded_at"])
            if row["survey_type"] == "csat" and at < stay.left_at:
                found["dissatisfied"].append((self.clock.day(at), Decimal(str(row["score"]))))
        mine = sorted(
            (row for row in self.contracts if row["subscription_id"] == line_id),
            key=lambda row: (row["start_date"], row["contract_id"]),
        )
        for number, row in enumerate(mine):
            end = date.fromisoformat(row["end_date"])
            follows = date.fromisoformat(mine[number + 1]["start_date"]) if number + 1 < len(mine) else date.max
            ended = line.terminated_at and line.terminated_at < self.operator.end
            broken = bool(ended and line.terminated_at and self.clock.day(line.terminated_at) < end)
            # A contract that gave way to the next one before its end did not run out.
            if broken or follows > min(end, self.operator.as_of):
                found["contract_expiry"].append((end, None))
        if stay.churn == "voluntary":
            region, _, service, _ = self.operator.slice_of(line.history.before(stay.left_at))
            went_to = self.ends[line_id]["other_operator"]
            for row in self.rival_campaigns:
                place = (row["region_id"], row["service_line"])
                begun = str(row["start_date"]) <= str(day)
                if place == (region, service) and begun and went_to in (None, row["rival_name"]):
                    last = date.fromisoformat(str(row["end_date"])) if row["end_date"] else day
                    found["rival_campaign"].append((min(last, day), None))
        return {code: max(days) for code, seen in found.items() if (days := self._telling(code, seen, day))}

    def _telling(self, code: str, seen: list[tuple[date, Decimal | None]], left: date) -> list[date]:
        rule = self.reasons[code]
        found = []
        for day, strength in seen:
            if not day <= left <= day + timedelta(days=rule.days):
                continue
            if rule.threshold is not None and strength is not None:
                low_tells = code == "dissatisfied"
                if not (strength <= rule.threshold if low_tells else strength >= rule.threshold):
                    continue
            found.append(day)
        return found

    def rows(self) -> dict[Exit, tuple[Any, ...]]:
        """Everything but the texts, by exit."""
        contacts, care, now = self._contacts(), self._care(), self.operator.months()[-1]
        here = {
            seen.line.history.before(seen.seen_at)["customer_id"]
            for seen in self.opinion.months
            if seen.month == now and seen.is_closing
        }
        won = self._won_back()
        found: dict[Exit, tuple[Any, ...]] = {}
        for line_id, number, stay in self.exits():
            assert stay.left_at
            day = self.clock.day(stay.left_at)
            month = day.replace(day=1)
            state = self.operator.lines[line_id].history.before(stay.left_at)
            evidence = self.evidence(line_id, stay)
            inferred = min(evidence, key=lambda code: self.reasons[code].priority, default="unknown")
            before = (line_id, months_later(month, -1))
            worth = self.means.get(before, self.means[line_id, month])
            since = [row for at, row in contacts[line_id] if at >= stay.left_at]
            treated = [row for row in since if str(row["is_control"]).lower() != "true"]
            reached = [row["contacted_at"] for row in since if row["contacted_at"]]
            again = self.opinion.stays[line_id][number : number + 1]
            successor = next((pair for pair in won[line_id] if pair[0] >= stay.left_at), None)
            result = "reactivated" if again else "won_back" if successor else "not_won_back" if treated else "not_tried"
            ends = self.ends[line_id] if stay.churn != "inactive" else {"reason_code": None, "other_operator": None}
            found[line_id, number] = (
                *(state["customer_id"], stay.left_at, day, stay.churn, self.operator.slice_of(state)),
                *(self.opinion.tiers[line_id, month], self.markets[line_id, month]),
                *(self._rival(line_id, stay, day) or ends["other_operator"], ends["reason_code"]),
                *(inferred, evidence.get(inferred), len(evidence), rounded_money(worth), rounded_money(worth * 12)),
                len(treated),
                sum(row["delivery_code"] == "delivered" for row in treated),
                sum(row["response_code"] == "accepted" for row in treated),
                len(treated) < len(since),
                max(map(instant_of, reached), default=None),
                sum(at >= stay.left_at for at in care[state["customer_id"]]),
                state["customer_id"] in here,
                successor[1] if successor else None,
                again[0].joined_at if again else successor[0] if successor else None,
                result,
            )
        return found

    def _rival(self, line_id: str, stay: Stay, day: date) -> str | None:
        carried = [
            (instant_of(row["completed_at"]), row["rival_name"])
            for row in self.ports[line_id]
            if row["direction"] == "out"
            and row["status_code"] == "completed"
            and stay.churn == "voluntary"
            and 0 <= (day - self.clock.day(instant_of(row["completed_at"]))).days <= PORTED_DAYS
        ]
        return max(carried)[1] if carried else None

    def _contacts(self) -> dict[str, list[tuple[datetime, Row]]]:
        operator, found = self.operator, defaultdict(list)
        campaigns = histories(operator.folder, "marketing.campaign", "campaign_id", operator.end)
        for row in all_rows(operator.folder, "marketing.campaign_contact"):
            at = instant_of(row["assigned_at"])
            if campaigns[row["campaign_id"]].latest["objective_code"] == "win_back" and at < operator.end:
                found[row["subscription_id"]].append((at, row))
        return found

    def _care(self) -> dict[str, list[datetime]]:
        found, ids = defaultdict(list), set()
        for row in all_rows(self.operator.folder, "marketing.care_action"):
            if row["done_at"] and (at := instant_of(row["done_at"])) < self.operator.end:
                if row["care_action_id"] not in ids:
                    found[row["customer_id"]].append(at)
                ids.add(row["care_action_id"])
        return found

    def _won_back(self) -> dict[str, list[tuple[datetime, str]]]:
        found = defaultdict(list)
        for line_id, stays in self.opinion.stays.items():
            predecessor = self.operator.lines[line_id].predecessor
            if stays[0].entry == "win_back" and predecessor:
                found[predecessor].append((stays[0].joined_at, line_id))
        return defaultdict(list, {key: sorted(pairs) for key, pairs in found.items()})


def _cause(code: str) -> str:
    if code in ("outage", "coverage"):
        return "network"
    return "price" if code in ("price", "bill") else "service"


def rounded_money(value: Decimal) -> Decimal | None:
    """To the cent, half away from zero."""
    return rounded(Fraction(value))
