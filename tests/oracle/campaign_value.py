"""What campaigns are worth, from the files: the value of one more outcome, and what was given away for nothing."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.oracle.campaigns import WINDOW_DAYS, campaign_arms
from tests.oracle.deliveries import Row, all_rows
from tests.oracle.operator import History, histories, months_later
from tests.oracle.summaries import Opinion

MONTHS_BEFORE = 3


@dataclass
class Sums:
    """What the contacts of a campaign add up to."""

    first_day: date = date.max
    cost: Decimal = Decimal(0)
    revenues: list[Fraction] = field(default_factory=list)
    steps: list[Decimal] = field(default_factory=list)
    gained: list[Fraction | None] = field(default_factory=list)


def rounded(value: Fraction | None, digits: int = 2) -> Decimal | None:
    """Half away from zero, as money is rounded."""
    if value is None:
        return None
    scale = 10**digits
    number = abs(value) * scale
    whole = int(number) + (1 if number - int(number) >= Fraction(1, 2) else 0)
    return Decimal(whole if value >= 0 else -whole).scaleb(-digits).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def campaign_values(opinion: Opinion, seed: Path) -> dict[str, tuple[Decimal | None, ...]]:
    """Basis, value of an outcome and of the increment, discount gained, cannibalised, cost and ROI of each campaign."""
    with seed.open(encoding="utf-8", newline="") as file:
        rules = {row["outcome_code"]: row for row in csv.DictReader(file)}
    operator = opinion.operator
    campaigns = histories(operator.folder, "marketing.campaign", "campaign_id", operator.end)
    offers = histories(operator.folder, "crm.offer", "offer_id", operator.end)
    arms = campaign_arms(opinion)
    found: dict[str, tuple[Decimal | None, ...]] = {}
    for name, sums in _sums(opinion, campaigns, offers).items():
        campaign, (treated, control) = campaigns[name].latest, arms[name]
        rule = rules[outcome_of(campaign)]
        basis: Fraction | None = None
        if rule["value_basis"] == "line_revenue" and sums.revenues:
            basis = sum(sums.revenues, Fraction(0)) / len(sums.revenues)
        elif rule["value_basis"] == "fee_step" and sums.steps:
            basis = Fraction(sum(sums.steps, Decimal(0))) / len(sums.steps)
        elif rule["value_basis"] == "offer_fee":
            state = offers[campaign["offer_id"]].at(operator.clock.midnight(sums.first_day))
            basis = Fraction(str(state["monthly_fee_amount"]))
        horizon, margin = int(rule["horizon_months"]), Fraction(rule["margin_rate"])
        value = None if basis is None else rounded(basis * horizon * margin)
        anyway = Fraction(control.did * treated.assigned, control.assigned)
        worth = None if value is None else rounded((treated.did - anyway) * Fraction(value))
        known = [gain for gain in sums.gained if gain is not None]
        gained = None if sums.gained and not known else sum(known, Fraction(0))
        share = min(anyway / treated.did, Fraction(1)) if treated.did else Fraction(0)
        lost = None if gained is None else rounded(gained * horizon * share)
        roi = None
        if worth is not None and sums.cost:
            roi = rounded((Fraction(worth) - Fraction(sums.cost)) / Fraction(sums.cost), 6)
        found[name] = (rounded(basis), value, worth, rounded(gained), lost, sums.cost, roi)
    return found


def outcome_of(campaign: Row) -> str:
    """What a campaign is judged by."""
    if campaign["objective_code"] in ("retention", "loyalty"):
        return "stayed"
    if campaign["objective_code"] == "win_back":
        return "came_back"
    return "took_offer" if campaign["offer_id"] else "moved_up"


def _sums(opinion: Opinion, campaigns: dict[str, History], offers: dict[str, History]) -> dict[str, Sums]:
    operator = opinion.operator
    found: dict[str, Sums] = defaultdict(Sums)
    revenue, discounts = opinion.revenue.of_line(service_only=True), _discounts(opinion)
    whole: dict[str, list[date]] = defaultdict(list)
    for seen in opinion.months:
        if seen.is_opening and seen.is_closing and seen.month in opinion.revenue.billed_months:
            whole[seen.line.line_id].append(seen.month)
    taken: dict[str, list[Row]] = defaultdict(list)
    holdings = histories(operator.folder, "crm.subscribed_offer", "subscribed_offer_id", operator.end)
    for holding in holdings.values():
        taken[holding.latest["subscription_id"]].append(holding.latest)
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        at = datetime.fromisoformat(row["assigned_at"])
        if at >= operator.end:
            continue
        day, line_id, sums = operator.clock.day(at), row["subscription_id"], found[row["campaign_id"]]
        last_day = day + timedelta(days=WINDOW_DAYS)
        until = min(operator.clock.midnight(last_day + timedelta(days=1)), operator.end)
        sums.first_day = min(sums.first_day, day)
        sums.cost += Decimal(str(row["cost_amount"] or 0))
        before = [month for month in whole[line_id] if month < day.replace(day=1)][-MONTHS_BEFORE:]
        if before:
            billed = sum((Fraction(revenue.get((line_id, month), Decimal(0))) for month in before), Fraction(0))
            sums.revenues.append(Fraction(rounded(billed / len(before), 6) or 0))
        wanted = outcome_of(campaigns[row["campaign_id"]].latest)
        steps = _steps(opinion, offers, line_id, at, until, taken[line_id])
        if wanted == "moved_up" and steps:
            sums.steps.append(max(steps))
        successor = _successor(opinion, line_id, at, until)
        did = {
            "stayed": not any(stay.left_at and at <= stay.left_at < until for stay in opinion.stays[line_id]),
            "came_back": successor is not None,
            "moved_up": bool(steps),
            "took_offer": any(
                holding["offer_id"] == campaigns[row["campaign_id"]].latest["offer_id"]
                and at <= datetime.fromisoformat(holding["started_at"]) < until
                for holding in taken[line_id]
            ),
        }[wanted]
        if did and row["is_control"] not in (True, "true") and row["response_code"] == "accepted":
            followed = successor if wanted == "came_back" and successor else line_id
            sums.gained.append(_gain(opinion, discounts, followed, day, last_day))
    return found


def _steps(
    opinion: Opinion, offers: dict[str, History], line_id: str, at: datetime, until: datetime, taken: list[Row]
) -> list[Decimal]:
    """By how much the fee of each dearer main plan begun within the window is above that of the plan held."""
    held = offers[opinion.operator.lines[line_id].history.before(at)["main_offer_id"]].before(at)
    found = []
    for holding in taken:
        started = datetime.fromisoformat(holding["started_at"])
        offer = offers[holding["offer_id"]].at(started)
        step = Decimal(str(offer["monthly_fee_amount"])) - Decimal(str(held["monthly_fee_amount"]))
        if at <= started < until and offer["offer_type"] == "main" and step > 0:
            found.append(step)
    return found


def _successor(opinion: Opinion, line_id: str, at: datetime, until: datetime) -> str | None:
    found = [
        line.line_id
        for line in opinion.operator.lines.values()
        if line.predecessor == line_id and at <= line.activated_at < until
    ]
    return min(found, default=None)


def _discounts(opinion: Opinion) -> dict[tuple[str, date], Decimal]:
    found: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
    for key, (net, _) in opinion.revenue.rows.items():
        if key[3] == "discount":
            found[key[0], key[1]] -= net
    return found


def _gain(
    opinion: Opinion, discounts: dict[tuple[str, date], Decimal], line_id: str, day: date, last_day: date
) -> Fraction | None:
    """Discount a month after the assignment less before, where it rose; None where a side has no billed month."""
    month, last = day.replace(day=1), last_day.replace(day=1)
    billed: list[Any] = [other for other in opinion.operator.months() if other in opinion.revenue.billed_months]
    before = [other for other in billed if months_later(month, -MONTHS_BEFORE) <= other < month]
    after = [other for other in billed if month < other <= last]
    if not before or not after:
        return None
    sides = [
        sum((Fraction(discounts.get((line_id, other), Decimal(0))) for other in side), Fraction(0)) / len(side)
        for side in (after, before)
    ]
    change = rounded(sides[0] - sides[1], 6)
    return max(Fraction(change or 0), Fraction(0))
