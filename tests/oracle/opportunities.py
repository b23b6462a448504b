"""Opportunities month by month, from the files: what is open, what moved, what was won, lost and delivered."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from tests.oracle.deliveries import all_rows
from tests.oracle.operator import History, Operator, histories

CENT = Decimal("0.01")
DECIDED = ("won", "lost")
ZERO = Decimal(0)


@dataclass
class Rules:
    """Chance of winning by stage, and share of the value due as commission by source."""

    chance: dict[str, Decimal]
    commission: dict[str, tuple[Decimal, bool]]


def read_rules(seeds: Path) -> Rules:
    """The operator edits these tables, so the oracle takes them from there too."""
    with (seeds / "opportunity_stage.csv").open(encoding="utf-8", newline="") as file:
        chance = {row["stage_code"]: Decimal(row["win_probability"]) for row in csv.DictReader(file)}
    with (seeds / "opportunity_source.csv").open(encoding="utf-8", newline="") as file:
        commission = {
            row["source_code"]: (Decimal(row["commission_rate"]), row["is_registration_needed"] == "true")
            for row in csv.DictReader(file)
        }
    return Rules(chance, commission)


@dataclass
class Seen:
    """An opportunity in a month: its value at the opening if it was open, what came of it, and where it counts."""

    opened_with: Decimal | None
    opened_in: str | None
    stage: str
    counted_in: str
    amount: Decimal
    is_open: bool
    decided: str | None
    is_backlog: bool
    state: dict[str, Any]
    age: int
    stage_age: int
    region: str
    region_before: str


def opportunity_months(operator: Operator) -> dict[tuple[date, str], Seen]:
    """Every opportunity in every month in which it was open, was decided, or was won and not delivered before it."""
    delivered: dict[str, datetime] = {}
    for row in all_rows(operator.folder, "enterprise.opportunity_event"):
        at = datetime.fromisoformat(row["occurred_at"])
        if row["event_type"] == "delivered" and at < operator.end:
            delivered[row["opportunity_id"]] = min(at, delivered.get(row["opportunity_id"], at))
    found = {}
    for name, history in histories(operator.folder, "enterprise.opportunity", "opportunity_id", operator.end).items():
        created = datetime.fromisoformat(history.states[0]["created_at"])
        since = [min(created, history.since[0]), *history.since[1:]]
        for month in operator.months():
            seen = _seen(operator, History(since, history.states), month, delivered.get(name))
            if seen:
                found[month, name] = seen
    return found


def _seen(operator: Operator, history: History, month: date, delivered: datetime | None) -> Seen | None:
    clock = operator.clock
    start, end = clock.midnight(month), operator.month_end(month)
    known = [number for number, since in enumerate(history.since) if since < end]
    if not known:
        return None
    last = known[-1]
    state, stage = history.states[last], history.states[last]["stage_code"]
    entered = last
    while entered and history.states[entered - 1]["stage_code"] == stage:
        entered -= 1
    entered_at = history.since[entered]
    decided = stage if stage in DECIDED and entered_at >= start else None
    waits = stage == "won" and (delivered is None or delivered >= start)
    if stage in DECIDED and not decided and not waits:
        return None
    before = [number for number, since in enumerate(history.since) if since < start]
    opening = history.states[before[-1]] if before else None
    if opening and opening["stage_code"] in DECIDED:
        opening = None
    open_ones = [number for number in known if history.states[number]["stage_code"] not in DECIDED]
    last_day = clock.day(end) - timedelta(days=1)
    first_day = clock.day(datetime.fromisoformat(state["created_at"]))
    customer = operator.customers[state["customer_id"]]
    return Seen(
        Decimal(str(opening["expected_amount"])) if opening else None,
        opening["stage_code"] if opening else None,
        stage,
        history.states[open_ones[-1]]["stage_code"] if open_ones else stage,
        Decimal(str(state["expected_amount"])),
        stage not in DECIDED,
        decided,
        stage == "won" and (delivered is None or delivered >= end),
        state,
        ((clock.day(entered_at) if stage in DECIDED else last_day) - first_day).days,
        (last_day - clock.day(entered_at)).days,
        customer.before(end)["region_id"],
        customer.before(start)["region_id"],
    )


def pipeline(operator: Operator, rules: Rules) -> dict[tuple[date, str], tuple[Any, ...]]:
    """Region, stage, ages, and the values: opening, change, new, won, lost, open, weighted, backlog, commission."""
    found = {}
    for key, seen in opportunity_months(operator).items():
        counts = seen.is_open or seen.decided is not None
        rate, needs = rules.commission[seen.state["source_code"]]
        due = ZERO if needs and not seen.state.get("is_partner_registered") else rate
        found[key] = (
            seen.region,
            seen.stage,
            seen.age,
            seen.stage_age,
            seen.opened_with or ZERO,
            seen.amount - seen.opened_with if counts and seen.opened_with is not None else ZERO,
            seen.amount if counts and seen.opened_with is None else ZERO,
            seen.amount if seen.decided == "won" else ZERO,
            seen.amount if seen.decided == "lost" else ZERO,
            seen.amount if seen.is_open else ZERO,
            _cents(seen.amount * rules.chance[seen.stage]) if seen.is_open else ZERO,
            seen.amount if seen.is_backlog else ZERO,
            _cents(seen.amount * due) if seen.decided == "won" else ZERO,
        )
    return found


def movement(operator: Operator) -> dict[tuple[Any, ...], dict[str, Decimal]]:
    """Number and value of each kind of movement by month, region, type, source and stage."""
    found: dict[tuple[Any, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))

    def add(key: tuple[Any, ...], what: str, amount: Decimal) -> None:
        found[key][f"{what}_count"] += 1
        found[key][f"{what}_amount"] += amount

    for (month, _), seen in opportunity_months(operator).items():
        if not seen.is_open and seen.decided is None:
            continue
        kind = (seen.state["opportunity_type"], seen.state["source_code"])
        there = (month, seen.region, *kind, seen.counted_in)
        if seen.opened_with is None:
            add(there, "new", seen.amount)
        else:
            here = (month, seen.region_before, *kind, seen.opened_in)
            add(here, "opening", seen.opened_with)
            found[there]["revalued_amount"] += seen.amount - seen.opened_with
            if here != there:
                add(here, "moved_out", seen.opened_with)
                add(there, "moved_in", seen.opened_with)
        add(there, seen.decided or "closing", seen.amount)
    return {key: dict(row) for key, row in found.items()}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)
