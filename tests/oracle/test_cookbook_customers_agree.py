"""The cookbook's questions about customers are answered as a slow, independent count over the files answers them."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SEEDS
from tests.oracle.cookbook import assert_answer, full_months, last_full, share
from tests.oracle.deliveries import all_rows
from tests.oracle.lifecycle import Lifecycle, Stages
from tests.oracle.operator import months_later
from tests.oracle.retention import Retention
from tests.oracle.summaries import KpiKey, Opinion, Ratio, base_movement, kpis

Marts = psycopg.Connection[Any]
KINDS = ("voluntary", "involuntary", "inactive")
TIERS = ("diamond", "gold", "silver", "standard")


def _sums(found: dict[KpiKey, Ratio], month: date, place: int) -> dict[Any, dict[str, tuple[Decimal, Decimal]]]:
    """Numerator and denominator by a column of the slice and KPI."""
    sums: dict[Any, dict[str, tuple[Decimal, Decimal]]] = defaultdict(dict)
    for (of, where, code), (numerator, denominator) in found.items():
        if of == month:
            before = sums[where[place]].get(code, (Decimal(0), Decimal(0)))
            sums[where[place]][code] = (before[0] + numerator, before[1] + (denominator or 0))
    return sums


def test_01_how_the_base_moved(opinion: Opinion, marts: Marts) -> None:
    months: dict[date, Counter[str]] = defaultdict(Counter)
    for (month, _), counts in base_movement(opinion).items():
        months[month].update(counts)
    names = ("opening", "activation", "reactivation", "win_back", *(f"{kind}_churn" for kind in KINDS), "closing")
    expected = [
        (month, *(months[month][f"{name}_count"] for name in names)) for month in full_months(opinion.operator, 12)
    ]
    assert_answer(marts, 1, expected)


def test_02_where_churn_is_high(opinion: Opinion, marts: Marts) -> None:
    names = {row["region_id"]: row["region_name"] for row in all_rows(opinion.operator.folder, "crm.region")}
    expected = []
    for region, of in _sums(kpis(opinion), last_full(opinion.operator), 0).items():
        churned, opening = of["churn_rate"]
        if not opening:
            continue
        kinds = [share(of[f"{kind}_churn_rate"][0], opening) for kind in KINDS]
        stays = 1 - churned / opening
        year = share(1 - stays**12, 1)
        expected.append((names[region], opening, share(churned, opening), *kinds, year))
    assert_answer(marts, 2, expected)


def test_03_why_they_left(opinion: Opinion, marts: Marts) -> None:
    operator, clock = opinion.operator, opinion.operator.clock
    with (SEEDS / "churn_reason.csv").open(encoding="utf-8", newline="") as file:
        reasons = {row["reason_code"]: row["reason_name"] for row in csv.DictReader(file)}
    stated = {
        (row["subscription_id"], datetime.fromisoformat(row["occurred_at"])): row["reason_code"]
        for row in all_rows(operator.folder, "crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    ports = defaultdict(list)
    for row in all_rows(operator.folder, "market.porting"):
        if row["direction"] == "out" and row["status_code"] == "completed":
            day = clock.day(datetime.fromisoformat(row["completed_at"]))
            ports[row["subscription_id"]].append((day, row["rival_name"]))
    since = months_later(operator.as_of, -12)
    exits: Counter[tuple[str, str, str]] = Counter()
    for line_id, stays in opinion.stays.items():
        for stay in stays:
            if stay.left_at is None or stay.churn is None or not since < clock.day(stay.left_at) <= operator.as_of:
                continue
            left = clock.day(stay.left_at)
            reason, rival = "not stated", "not known"
            if stay.churn != "inactive":
                reason = reasons[stated[line_id, stay.left_at]]
            if stay.churn == "voluntary":
                near = [name for day, name in sorted(ports[line_id]) if left - timedelta(days=7) <= day <= left]
                rival = near[-1] if near else rival
            exits[stay.churn, reason, rival] += 1
    assert_answer(marts, 3, [(*key, count, share(count, exits.total())) for key, count in exits.items()])


def test_04_who_of_a_cohort_is_still_here(opinion: Opinion, marts: Marts) -> None:
    last = last_full(opinion.operator)
    joined = months_later(last, -6)
    cohort = {
        seen.line.line_id
        for seen in opinion.months
        if seen.month == joined and seen.entries["activation"] + seen.entries["win_back"]
    }
    here: dict[date, list[bool]] = defaultdict(list)
    for seen in opinion.months:
        if seen.line.line_id in cohort:
            here[seen.month].append(seen.is_closing)
    expected = []
    for month in (joined, months_later(joined, 1), months_later(joined, 3), last):
        still = sum(here[month])
        if here[month]:
            expected.append((joined, month, len(cohort), still, share(still, len(cohort))))
    assert_answer(marts, 4, expected)


def test_05_what_the_stages_bring(opinion: Opinion, stages: Stages, marts: Marts) -> None:
    last = last_full(opinion.operator)
    before, service = months_later(last, -1), opinion.revenue.of_line(service_only=True)
    lines: Counter[str] = Counter()
    opening: Counter[str] = Counter()
    churned: Counter[str] = Counter()
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    for seen in opinion.months:
        if seen.month != last:
            continue
        if seen.is_closing:
            stage = stages[last, seen.line.line_id]
            lines[stage] += 1
            revenue[stage] += service.get((seen.line.line_id, last), Decimal(0))
        if seen.is_opening:
            stage = stages[before, seen.line.line_id]
            opening[stage] += 1
            churned[stage] += seen.opening_exit is not None
    expected = [
        (
            *(stage, "CNY", lines[stage]),
            share(revenue[stage], lines[stage], 2),
            *(opening[stage], churned[stage], share(churned[stage], opening[stage])),
        )
        for stage in "ABCD"
    ]
    assert_answer(marts, 5, expected)


def test_06_how_lines_move_between_stages(life: Lifecycle, stages: Stages, marts: Marts) -> None:
    last, moves = last_full(life.operator), Counter[tuple[str, str]]()
    for (month, before, now, _), count in life.transitions(stages).items():
        if month == last:
            moves[before, now] += count
    of_stage = Counter[str]()
    for (before, _), count in moves.items():
        of_stage[before] += count
    expected = [(*move, count, share(count, of_stage[move[0]])) for move, count in moves.items()]
    assert_answer(marts, 6, expected)


def test_07_what_the_tiers_bring(opinion: Opinion, marts: Marts) -> None:
    expected = []
    for tier, of in _sums(kpis(opinion), last_full(opinion.operator), 4).items():
        revenue, base = of["arpu"]
        rank = TIERS.index(tier) + 1
        expected.append((tier, rank, of["closing_base"][0], revenue, share(revenue, base, 2)))
    assert_answer(marts, 7, expected)


def test_08_how_much_of_the_core_stayed(retention: Retention, marts: Marts) -> None:
    last = last_full(retention.operator)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (base, observed, _, market), row in retention.core().items():
        if observed == last and base == months_later(last, -12):
            for place, count in enumerate(row):
                counts[market][place] += count
    expected = [
        (market, core, kept, share(kept, core), share(valued, core)) for market, (core, kept, valued) in counts.items()
    ]
    assert_answer(marts, 8, expected)


def test_09_how_arpu_and_use_develop(opinion: Opinion, marts: Marts) -> None:
    found, expected = kpis(opinion), []
    for month in full_months(opinion.operator, 13):
        sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for (of, _, code), (numerator, denominator) in found.items():
            if of == month:
                sums[code][0] += numerator
                sums[code][1] += denominator or 0
        digits = {"arpu": 2, "mou": 1, "dou": 1}
        expected.append((month, *(share(sums[code][0], sums[code][1], places) for code, places in digits.items())))
    assert_answer(marts, 9, expected)
