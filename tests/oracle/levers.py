"""What each of the fourteen value levers works on, achieves and could bring, from the files.

What is counted is written in the seed `lever_rule`. Where that leaves a choice: people, fees and plans are those of the
month; a contract has run out once its last day is over; a line is where it ended the month, of churn where it began it.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle.campaign_value import rounded
from tests.oracle.deliveries import Row, all_rows
from tests.oracle.operator import histories, months_later
from tests.oracle.profit import Profit, slice_of_place
from tests.oracle.revenue import UNALLOCATED
from tests.oracle.service import instant_of
from tests.oracle.summaries import Opinion

WINDOW_MONTHS = 3
CORE = ("diamond", "gold", "silver")
# (lever, month, region)
Place = tuple[int, date, str]
Case = tuple[Place, Any, Any]


class Levers:
    """Addressable base and success of every lever, month and region."""

    def __init__(self, opinion: Opinion, profit: Profit, seeds: Path) -> None:
        self.opinion, self.profit, self.operator = opinion, profit, opinion.operator
        self.rules = {int(row["lever_number"]): row for row in _seed(seeds / "lever_rule.csv")}
        self.difficulty = {
            int(row["lever_number"]): row["execution_difficulty"] for row in _seed(seeds / "value_lever.csv")
        }
        self.limits = {
            row["threshold_code"]: Fraction(row["threshold_value"]) for row in _seed(seeds / "lever_threshold.csv")
        }
        self.measured: dict[Place, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        parts = (self._lines(), self._customers(), self._market(), self._money(), self._contracts(), self._lost())
        for place, base, success in (case for part in parts for case in part):
            self.measured[place][0] += Fraction(base)
            self.measured[place][1] += Fraction(success)
        known = set(self.operator.months())
        self.measured = {place: sides for place, sides in self.measured.items() if sides[0] > 0 and place[1] in known}

    def _latest(self, entity: str, key: str) -> list[Row]:
        found = histories(self.operator.folder, entity, key, self.operator.end)
        return [history.latest for history in found.values()]

    def _month(self, instant: Any) -> date:
        return self.operator.clock.day(instant_of(instant)).replace(day=1)

    def _lines(self) -> Iterator[Case]:
        operator = self.operator
        regions = histories(operator.folder, "crm.region", "region_id", operator.end)
        offers = histories(operator.folder, "crm.offer", "offer_id", operator.end)
        used: dict[tuple[str, date], int] = defaultdict(int)
        for (month, line_id, _, kind, *_), amounts in self.opinion.usage.monthly.items():
            used[line_id, month] += {"voice": amounts.seconds, "data": amounts.volume, "sms": amounts.events}.get(
                kind, 0
            )
        addons: dict[str, list[Row]] = defaultdict(list)
        for row in self._latest("crm.subscribed_offer", "subscribed_offer_id"):
            if operator.offers[row["offer_id"]]["offer_type"] == "addon":
                addons[row["subscription_id"]].append(row)
        peopled = set()
        for seen in self.opinion.months:
            month, line = seen.month, seen.line
            region, _, service, _ = seen.closing
            if seen.is_opening and seen.opening:
                tier = self.opinion.opening_slice(seen)[4]
                lever = 12 if tier in CORE else 11
                yield (lever, month, seen.opening[0]), 1, seen.opening_exit == "voluntary"
            if not seen.is_closing:
                continue
            yield (1, month, region), 0, 1
            if (month, region) not in peopled:
                peopled.add((month, region))
                yield (1, month, region), regions[region].before(operator.month_end(month))["population"], 0
            if service == "mobile":
                yield (5, month, region), 1, used[line.line_id, month] > 0
            moved_up = False
            if seen.is_opening:
                start = operator.clock.midnight(month)
                old, new = (
                    line.history.before(start)["main_offer_id"],
                    line.history.before(seen.seen_at)["main_offer_id"],
                )
                was = Decimal(str(offers[old].before(start)["monthly_fee_amount"]))
                moved_up = old != new and Decimal(str(offers[new].before(seen.seen_at)["monthly_fee_amount"])) > was
            yield (7, month, region), 1, moved_up
            end = operator.month_end(month)
            holds = any(
                instant_of(row["started_at"]) < end and (not row["ended_at"] or instant_of(row["ended_at"]) >= end)
                for row in addons[line.line_id]
            )
            yield (8, month, region), 1, holds

    def _customers(self) -> Iterator[Case]:
        redeemed = {
            (self._month(row["occurred_at"]), row["customer_id"])
            for row in all_rows(self.operator.folder, "marketing.loyalty_transaction")
            if row["transaction_type"] == "redeem"
        }
        services: dict[tuple[date, str, str], set[str]] = defaultdict(set)
        for seen in self.opinion.months:
            if seen.is_closing:
                owner = seen.line.history.before(seen.seen_at)["customer_id"]
                services[seen.month, seen.closing[0], owner].add(seen.closing[2])
        for (month, region, customer), lines in services.items():
            yield (6, month, region), 1, len(lines) > 1
            yield (9, month, region), 1, (month, customer) in redeemed

    def _market(self) -> Iterator[Case]:
        for row in all_rows(self.operator.folder, "market.porting"):
            if row["status_code"] == "completed" and instant_of(row["completed_at"]) < self.operator.end:
                yield (2, self._month(row["completed_at"]), row["region_id"]), 1, row["direction"] == "in"
        for row in self._latest("marketing.lead", "lead_id"):
            yield (3, self._month(row["created_at"]), row["region_id"]), 1, row["status_code"] == "converted"

    def _money(self) -> Iterator[Case]:
        charged: dict[tuple[str, date], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for (line_id, _, posted, charge, *_), (net, _) in self.opinion.revenue.rows.items():
            charged[line_id, posted][charge] += net
        for (line_id, month), by_charge in charged.items():
            if line_id != UNALLOCATED and by_charge["recurring"] > 0:
                fits = by_charge["usage"] <= Decimal("0.3") * by_charge["recurring"]
                yield (4, month, slice_of_place(self.opinion, month, line_id, "")[0]), 1, fits
        for (month, line_id, region), of in self.profit.amounts.items():
            if line_id != UNALLOCATED and (month in self.opinion.revenue.billed_months or (line_id, month) in charged):
                yield (
                    (13, month, slice_of_place(self.opinion, month, line_id, region)[0]),
                    of["revenue"],
                    of["bad_debt"],
                )

    def _contracts(self) -> Iterator[Case]:
        regions = {(seen.line.line_id, seen.month): seen.closing[0] for seen in self.opinion.months}
        ends: dict[str, list[date]] = defaultdict(list)
        for row in self._latest("crm.contract", "contract_id"):
            ends[row["subscription_id"]].append(date.fromisoformat(row["end_date"]))
        for line_id, days in ends.items():
            for day in days:
                region = regions.get((line_id, day.replace(day=1)))
                if region and day <= self.operator.as_of:
                    yield (10, day.replace(day=1), region), 1, any(other > day for other in days)

    def _lost(self) -> Iterator[Case]:
        for seen in self.opinion.months:
            gone = seen.exits["voluntary"] + seen.exits["involuntary"]
            for distance in range(12):
                yield (14, months_later(seen.month, distance), seen.closing[0]), gone, 0
            yield (14, seen.month, seen.closing[0]), 0, seen.entries["win_back"]

    def margins(self) -> tuple[dict[tuple[date, str, bool], Fraction], dict[date, Fraction]]:
        """Running margin of a line of a month and region (all, or the core), and twelve times that of the operator."""
        sums: dict[tuple[date, str, bool], Fraction] = defaultdict(Fraction)
        lines: dict[tuple[date, str, bool], set[str]] = defaultdict(set)
        yearly: dict[date, Fraction] = defaultdict(Fraction)
        known = self.opinion.revenue.billed_months & self.profit.booked_months
        for place in self.profit.amounts:
            month, line_id, region = place
            if month not in known:
                continue
            margin = Fraction(self.profit.running_margin(place))
            yearly[month] += 12 * margin
            if line_id != UNALLOCATED:
                where = slice_of_place(self.opinion, month, line_id, region)
                for key in [(month, where[0], False)] + [(month, where[0], True)] * (where[4] in CORE):
                    sums[key] += margin
                    lines[key].add(line_id)
        return {key: total / len(lines[key]) for key, total in sums.items()}, yearly

    def _performance(self, lever: int, month: date, region: str) -> tuple[Fraction, Fraction]:
        """Cases of the window, and the share of them that were a success."""
        window = [
            self.measured[key]
            for back in range(WINDOW_MONTHS)
            if (key := (lever, months_later(month, -back), region)) in self.measured
        ]
        cases = sum((base for base, _ in window), Fraction(0))
        return cases, sum((success for _, success in window), Fraction(0)) / cases

    def rows(self) -> dict[Place, tuple[Any, ...]]:
        """Base, performance, target and whose it is, margin of a success, yearly margin at stake, quadrant."""
        per_line, yearly = self.margins()
        performed = {place: self._performance(*place) for place in self.measured}
        best: dict[tuple[int, date], list[Fraction]] = defaultdict(list)
        for (lever, month, _), (cases, rate) in performed.items():
            if cases >= self.limits["best_region_min_count"]:
                best[lever, month].append(rate)
        stakes: dict[Place, Fraction | None] = {}
        found: dict[Place, list[Any]] = {}
        for place, (base, _) in self.measured.items():
            lever, month, region = place
            rule, rates, rate = self.rules[lever], best[lever, month], performed[place][1]
            low = rule["is_lower_better"] == "true"
            target = max(min(rates), Fraction(0)) if rates and low else max(rates, default=None)
            source = "best_region"
            if rule["target_rate"]:
                target, source = Fraction(rule["target_rate"]), "operator"
            unit = Fraction(1) if rule["margin_basis"] == "money" else None
            if unit is None:
                unit = per_line.get((month, region, rule["margin_basis"] == "core"))
            margin = None if unit is None else unit * Fraction(rule["margin_share"])
            stakes[place] = None
            if target is not None and margin is not None:
                gap = rate - target if low else target - rate
                stakes[place] = max(gap, Fraction(0)) * base * max(margin, Fraction(0)) * int(rule["months_factor"])
            found[place] = [
                *(rounded(base), rounded(rate, 9), rounded(target, 9), source if target is not None else None),
                *(rounded(margin), rounded(stakes[place])),
            ]
        for place, row in found.items():
            row.append(self._quadrant(place, stakes, yearly))
        return {place: tuple(row) for place, row in found.items()}

    def _quadrant(self, place: Place, stakes: dict[Place, Fraction | None], yearly: dict[date, Fraction]) -> str:
        lever, month, _ = place
        known = [stake for other, stake in stakes.items() if other[:2] == (lever, month) and stake is not None]
        if not known or month not in yearly:
            return "not known"
        easy, high = self.difficulty[lever] == "low", sum(known) >= self.limits["high_value_share_min"] * yearly[month]
        if high:
            return "quick win" if easy else "strategic must"
        return "no regret" if easy else "low priority"


def _seed(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def playbook(opinion: Opinion, stages: dict[tuple[date, str], str]) -> dict[tuple[date, str], tuple[Any, ...]]:
    """What lifecycle_playbook counts beside its texts, by month and stage.

    A contact counts for the stage of the month end before it; of a line that has joined since, for A. Lines that aged
    out are in no stage, and the first month has none before it.
    """
    operator = opinion.operator
    months, service = operator.months(), opinion.revenue.of_line(service_only=True)
    found: dict[tuple[date, str], list[Any]] = defaultdict(lambda: [0, 0, 0, None, set(), 0, 0, Decimal(0)])
    there = {(seen.month, seen.line.line_id) for seen in opinion.months}
    for (month, line_id), stage in stages.items():
        counts = found[month, stage]
        counts[0] += 1
        if month in opinion.revenue.billed_months and (month, line_id) in there:
            counts[3] = (counts[3] or Decimal(0)) + service.get((line_id, month), Decimal(0))
    for seen in opinion.months:
        if seen.is_opening and seen.month != months[0]:
            counts = found[seen.month, stages[months_later(seen.month, -1), seen.line.line_id]]
            counts[1] += 1
            counts[2] += seen.opening_exit is not None
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        at, line_id = instant_of(row["assigned_at"]), row["subscription_id"]
        month = operator.clock.day(at).replace(day=1)
        if at >= operator.end or month == months[0] or row["is_control"] in (True, "true"):
            continue
        stage = stages.get((months_later(month, -1), line_id), "")
        if not stage and operator.lines[line_id].activated_at >= operator.clock.midnight(month):
            stage = "A"
        if stage:
            counts = found[month, stage]
            counts[4].add(row["campaign_id"])
            counts[5] += row["contacted_at"] is not None
            counts[6] += row["response_code"] == "accepted"
            counts[7] += Decimal(str(row["cost_amount"] or 0))
    return {key: (*counts[:4], len(counts[4]), *counts[5:]) for key, counts in found.items()}
