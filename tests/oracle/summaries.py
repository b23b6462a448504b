"""What the monthly marts must say: tiers, base movement, revenue, usage and KPIs by slice."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.oracle.movement import LineMonth, Stay, line_months, stays
from tests.oracle.operator import Clock, Operator, months_later, read_operator
from tests.oracle.revenue import SERVICE, Revenue, count_revenue, state_at_month_end
from tests.oracle.usage import UNKNOWN, Usage, count_usage

Slice = tuple[str, ...]  # region, brand, service line, plan type, tier
COUNTS = (
    *("opening_count", "activation_count", "reactivation_count", "win_back_count", "transfer_in_count"),
    *("voluntary_churn_count", "involuntary_churn_count", "inactive_churn_count", "transfer_out_count"),
    *("closing_count", "opening_churn_count", "opening_voluntary_churn_count", "opening_involuntary_churn_count"),
    *("opening_inactive_churn_count", "same_month_churn_count"),
)


@dataclass(frozen=True)
class Tier:
    """A value tier: what a line must bring in a month on average, and for how long it must have been there."""

    name: str
    least_revenue: Decimal | None
    least_tenure: int


@dataclass
class Opinion:
    """The oracle's view of one operator."""

    operator: Operator
    usage: Usage
    revenue: Revenue
    stays: dict[str, list[Stay]]
    months: list[LineMonth]
    tiers: dict[tuple[str, date], str]

    def opening_slice(self, seen: LineMonth) -> Slice:
        """Slice of a line of the opening base: its tier is that of the month before."""
        assert seen.opening is not None
        before = months_later(seen.month, -1)
        return (*seen.opening, self.tiers.get((seen.line.line_id, before), "standard"))

    def closing_slice(self, seen: LineMonth) -> Slice:
        """Slice of a line as the month ends, or as it left."""
        return (*seen.closing, self.tiers[seen.line.line_id, seen.month])

    def is_transferred(self, seen: LineMonth) -> bool:
        """Stayed from the first to the last day without leaving between, and ended in another slice."""
        stayed = seen.is_opening and seen.is_closing and not any(seen.exits.values())
        return stayed and self.opening_slice(seen) != self.closing_slice(seen)


def form_opinion(folder: Path, clock: Clock, tier_seed: Path) -> Opinion:
    """Read everything and count it."""
    operator = read_operator(folder, clock)
    usage, revenue = count_usage(operator), count_revenue(operator)
    all_stays = stays(operator, usage)
    months = line_months(operator, all_stays)
    tiers = _tiers(operator, revenue, months, _read_tiers(tier_seed, "CNY"))
    return Opinion(operator, usage, revenue, all_stays, months, tiers)


def _read_tiers(seed: Path, currency: str) -> list[Tier]:
    """Tiers, best first. The operator sets them in this table, so the oracle takes them from there too."""
    with seed.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["currency_code"] == currency]
    rows.sort(key=lambda row: int(row["tier_rank"]))
    return [
        Tier(
            row["value_tier"],
            Decimal(row["min_mean_revenue_amount"]) if row["min_mean_revenue_amount"] else None,
            int(row["min_tenure_days"]),
        )
        for row in rows
    ]


def _tiers(
    operator: Operator, revenue: Revenue, months: list[LineMonth], tiers: list[Tier]
) -> dict[tuple[str, date], str]:
    """Tier of each line as a month ends: mean service revenue of the last three billed months, and tenure."""
    by_line, found = revenue.of_line(service_only=True), {}
    for seen in months:
        billed = sorted(month for month in revenue.billed_months if month <= seen.month)[-3:]
        total = sum((by_line.get((seen.line.line_id, month), Decimal(0)) for month in billed), Decimal(0))
        mean = total / len(billed) if billed else Decimal(0)
        found[seen.line.line_id, seen.month] = next(
            tier.name
            for tier in tiers
            if seen.tenure_days >= tier.least_tenure and (tier.least_revenue is None or mean >= tier.least_revenue)
        )
    return found


def base_movement(opinion: Opinion) -> dict[tuple[date, Slice], dict[str, int]]:
    """The movement of the base by month and slice (all `COUNTS`).

    What concerns the opening base counts where a line was at the opening; entries, exits of joiners and the closing
    base where it is at the closing.
    """
    found: dict[tuple[date, Slice], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    for seen in opinion.months:
        there = found[seen.month, opinion.closing_slice(seen)]
        there["closing_count"] += seen.is_closing
        for entry, count in seen.entries.items():
            there[f"{entry}_count"] += count
        of_joiners = dict(seen.exits)
        if seen.is_opening:
            here = found[seen.month, opinion.opening_slice(seen)]
            here["opening_count"] += 1
            if seen.opening_exit:
                of_joiners[seen.opening_exit] -= 1
                here["opening_churn_count"] += 1
                here[f"opening_{seen.opening_exit}_churn_count"] += 1
                here[f"{seen.opening_exit}_churn_count"] += 1
            if opinion.is_transferred(seen):
                here["transfer_out_count"] += 1
                there["transfer_in_count"] += 1
        for churn, count in of_joiners.items():
            there[f"{churn}_churn_count"] += count
            there["same_month_churn_count"] += count
    return {key: counts for key, counts in found.items() if any(counts.values())}


def revenue_by_slice(opinion: Opinion) -> dict[tuple[date, Slice, str, str], tuple[Decimal, Decimal]]:
    """Net and tax by posted month, slice, charge and currency.

    The slice is that at the end of the service month; the tier is that of the posted month.
    """
    found: dict[tuple[date, Slice, str, str], tuple[Decimal, Decimal]] = {}
    for (line_id, service_month, posted, charge, _, _, _, currency), (net, tax) in opinion.revenue.rows.items():
        line = opinion.operator.lines.get(line_id)
        place: Slice = (UNKNOWN,) * 4
        if line:
            place = opinion.operator.slice_of(state_at_month_end(opinion.operator, line, service_month))
        key = (posted, (*place, opinion.tiers.get((line_id, posted), "standard")), charge, currency)
        before = found.get(key, (Decimal(0), Decimal(0)))
        found[key] = (before[0] + net, before[1] + tax)
    return found


def usage_by_slice(opinion: Opinion) -> dict[tuple[Any, ...], tuple[int, int, Decimal, Decimal]]:
    """Events, seconds, megabytes and rated amount by month, slice at the event (tier of the month) and kind."""
    found: dict[tuple[Any, ...], tuple[int, int, Decimal, Decimal]] = {}
    for (month, line_id, place, *kind), amounts in opinion.usage.monthly.items():
        key = (month, (*place, opinion.tiers.get((line_id, month), "standard")), *kind)
        events, seconds, megabytes, rated = found.get(key, (0, 0, Decimal(0), Decimal(0)))
        found[key] = (
            events + amounts.events,
            seconds + amounts.seconds,
            megabytes + Decimal(amounts.volume) / 10**6,
            rated + amounts.rated,
        )
    return found


KpiKey = tuple[date, Slice, str]
Ratio = tuple[Decimal, Decimal | None]


def kpis(opinion: Opinion) -> dict[KpiKey, Ratio]:
    """Numerator and denominator of every KPI by month and slice; months without bills have no revenue KPIs."""
    found: dict[KpiKey, list[Any]] = {}

    def add(month: date, place: Slice, code: str, numerator: Decimal | int, denominator: Decimal | int | None) -> None:
        value = found.setdefault((month, place, code), [Decimal(0), None if denominator is None else Decimal(0)])
        value[0] += numerator
        if denominator is not None:
            value[1] += denominator

    half = Decimal("0.5")
    for (month, place), counts in base_movement(opinion).items():
        opening, closing = counts["opening_count"], counts["closing_count"]
        entries = counts["activation_count"] + counts["reactivation_count"] + counts["win_back_count"]
        exits = sum(counts[f"{churn}_churn_count"] for churn in ("voluntary", "involuntary", "inactive"))
        mean = (opening + closing) * half
        add(month, place, "opening_base", opening, None)
        add(month, place, "closing_base", closing, None)
        add(month, place, "net_additions", entries - exits, None)
        add(month, place, "churn_rate", counts["opening_churn_count"], opening)
        for churn in ("voluntary", "involuntary", "inactive"):
            add(month, place, f"{churn}_churn_rate", counts[f"opening_{churn}_churn_count"], opening)
        if month in opinion.revenue.billed_months:
            add(month, place, "arpu", 0, mean)
        add(month, place, "mou", 0, mean if place[2] in ("mobile", "fixed") else 0)
        add(month, place, "dou", 0, mean if place[2] in ("mobile", "iot") else 0)
    for (month, place, charge, _), (net, _) in revenue_by_slice(opinion).items():
        if charge in SERVICE:
            add(month, place, "service_revenue", net, None)
            add(month, place, "arpu", net, 0)
    for (month, place, *kind), (_, seconds, megabytes, _) in usage_by_slice(opinion).items():
        if kind[0] == "voice" and place[2] in ("mobile", "fixed"):
            add(month, place, "mou", Decimal(seconds) / 60, 0)
            add(
                month,
                place,
                "network_minutes",
                Decimal(0 if kind[1:3] == ["incoming", "on_net"] else seconds) / 60,
                None,
            )
        if kind[0] == "data" and place[2] in ("mobile", "iot"):
            add(month, place, "dou", megabytes, 0)
    return {key: (value[0] or Decimal(0), value[1]) for key, value in found.items()}
