"""The cookbook's questions about service, network, levers and today's lists; and what holds for every question."""

from __future__ import annotations

import ast
import csv
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import BuiltWarehouse
from tests.oracle.agreement import SEEDS
from tests.oracle.campaign_value import rounded
from tests.oracle.conftest import Books
from tests.oracle.cookbook import QUESTIONS, assert_answer, last_full, share
from tests.oracle.deliveries import all_rows
from tests.oracle.lifecycle import Lifecycle
from tests.oracle.operator import Operator, histories, months_later
from tests.oracle.profit import Profit, slice_of_place
from tests.oracle.receivables import Account
from tests.oracle.retention import CORE, Retention
from tests.oracle.revenue import UNALLOCATED
from tests.oracle.service import Service, instant_of
from tests.oracle.summaries import Opinion

Marts = psycopg.Connection[Any]


def test_13_which_levers_have_most_at_stake(opinion: Opinion, profit: Profit, marts: Marts) -> None:
    """What five levers work on, and the whole sum at stake of those against churn below and in the core tiers."""
    operator, last = opinion.operator, last_full(opinion.operator)
    rows = {row[0]: row[3:5] for row in marts.execute(QUESTIONS[13].sql).fetchall()}
    ports = [
        row["direction"]
        for row in all_rows(operator.folder, "market.porting")
        if row["status_code"] == "completed" and _month(operator, row["completed_at"]) == last
    ]
    leads = histories(operator.folder, "marketing.lead", "lead_id", operator.end).values()
    created = sum(_month(operator, history.latest["created_at"]) == last for history in leads)
    mobile = sum(seen.is_closing and seen.closing[2] == "mobile" for seen in opinion.months if seen.month == last)
    assert [rows[lever][0] for lever in (2, 3, 5)] == [len(ports), created, mobile]
    margins = _line_margins(opinion, profit, last)
    for lever, is_core in ((11, False), (12, True)):
        opening: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
        for seen in opinion.months:
            if seen.opening and (opinion.opening_slice(seen)[4] in CORE) == is_core:
                counts = opening[seen.month, seen.opening[0]]
                counts[0] += 1
                counts[1] += seen.opening_exit == "voluntary"
        window = [months_later(last, -back) for back in (0, 1, 2)]
        rates, stakes = {}, []
        for region in {region for month, region in opening if month == last}:
            cases, lost = (sum(opening[month, region][side] for month in window) for side in (0, 1))
            rates[region] = (cases, Fraction(lost, cases))
        best = min(rate for cases, rate in rates.values() if cases >= 30)
        for region, (_, rate) in rates.items():
            # A success earns until the year is over: 12 + 11 + ... + 1 months, for each month of successes.
            gain = max(rate - best, Fraction(0)) * opening[last, region][0]
            stakes.append(rounded(gain * max(margins[region, is_core], Fraction(0)) * 78) or Decimal(0))
        base = sum(opening[last, region][0] for region in rates)
        assert rows[lever] == (base, sum(stakes)), lever


def _month(operator: Operator, at: Any) -> date:
    return operator.clock.day(instant_of(at)).replace(day=1)


def _line_margins(opinion: Opinion, profit: Profit, month: date) -> dict[tuple[str, bool], Fraction]:
    """Running margin of a line by region, of all lines (False) and of those of the core tiers (True)."""
    sums: dict[tuple[str, bool], Fraction] = defaultdict(Fraction)
    lines: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for place in list(profit.amounts):
        if place[0] == month and place[1] != UNALLOCATED:
            where = slice_of_place(opinion, *place)
            for key in {(where[0], False), (where[0], where[4] in CORE)}:
                sums[key] += Fraction(profit.running_margin(place))
                lines[key].add(place[1])
    return {key: amount / len(lines[key]) for key, amount in sums.items()}


def test_16_whom_vip_care_looks_after(opinion: Opinion, books: Books, marts: Marts) -> None:
    operator, today = opinion.operator, opinion.operator.as_of
    ends: dict[str, date] = {}
    for history in histories(operator.folder, "crm.contract", "contract_id", operator.end).values():
        row = history.latest
        if row["end_date"] and int(row["term_months"]) > 1:
            day = date.fromisoformat(row["end_date"])
            ends[row["subscription_id"]] = max(day, ends.get(row["subscription_id"], day))
    acts = defaultdict(list)
    for history in histories(operator.folder, "marketing.care_action", "care_action_id", operator.end).values():
        acts[history.latest["subscription_id"]].append(history.latest)
    service = opinion.revenue.of_line(service_only=True)
    there = {(seen.line.line_id, seen.month) for seen in opinion.months}
    billed = sorted((month for month in opinion.revenue.billed_months if month < today.replace(day=1)), reverse=True)
    expected: Counter[tuple[str, str]] = Counter()
    alone: Counter[tuple[str, str]] = Counter()
    for seen in opinion.months:
        line_id, tier = seen.line.line_id, opinion.tiers[seen.line.line_id, seen.month]
        if seen.month != today.replace(day=1) or not seen.is_closing or tier not in CORE:
            continue
        reasons = set()
        if line_id in ends and today - timedelta(days=30) <= ends[line_id] <= today + timedelta(days=60):
            reasons.add("contract_expiry")
        for act in acts[line_id]:
            due = date.fromisoformat(str(act["planned_date"])) <= today + timedelta(days=7)
            if act["outcome_code"] is None and due:
                reasons.add("birthday" if act["action_type"] == "birthday" else "planned_care")
        values = [service.get((line_id, month), Decimal(0)) for month in billed[:4] if (line_id, month) in there]
        if len(values) == 4 and sum(values[1:]) > 0 and values[0] * 3 <= sum(values[1:]) * Decimal("0.7"):
            reasons.add("anomaly")
        account = seen.line.history.before(seen.seen_at)["account_id"]
        if _is_in_arrears([one for (name, _), one in books[0].items() if name == account]):
            reasons.add("arrears")
        for reason in reasons:
            expected[reason, tier] += 1
            alone[reason, tier] += not acts[line_id]
    assert_answer(marts, 16, [(*key, count, alone[key]) for key, count in expected.items()])


def _is_in_arrears(accounts: list[Account]) -> bool:
    """Whether a bill was dunned, the last that was heard of it is no end, and something is open on it."""
    for account in accounts:
        last = {
            event.row["invoice_id"]: event.row["event_type"]
            for event in sorted(account.dunning, key=lambda event: event.at)
        }
        for invoice, kind in last.items():
            if kind in ("reminder", "call", "promise", "suspension") and account.documents[invoice].open > 0:
                return True
    return False


def test_23_how_the_network_is(service: Service, marts: Marts) -> None:
    operator, last = service.operator, last_full(service.operator)
    with (SEEDS / "network_target.csv").open(encoding="utf-8", newline="") as file:
        rules = {row["technology_code"]: row for row in csv.DictReader(file)}
    days = defaultdict(list)
    for row in all_rows(operator.folder, "network.quality_daily"):
        if str(row["quality_date"])[:7] == str(last)[:7]:
            days[row["technology_code"], row["region_id"]].append(row)
    complaints: Counter[tuple[str, str]] = Counter()
    for ticket in service.tickets.values():
        row = ticket.states[-1].row
        opened = service.posted(ticket.states[0], operator.clock.day(ticket.opened_at))
        line = operator.lines.get(row["subscription_id"])
        if row["ticket_type"] == "complaint" and opened == last and line:
            complaints[operator.slice_of(line.history.at(ticket.opened_at))[2], row["region_id"]] += 1
    expected = []
    for (technology, region), rows in days.items():
        rates = [Decimal(str(row["availability_ratio"])) for row in rows]
        drops = [Decimal(str(row["drop_rate"])) for row in rows if row["drop_rate"] is not None]
        met = sum(rate >= Decimal(rules[technology]["min_availability_rate"]) for rate in rates)
        expected.append(
            (
                *(technology, region, share(sum(rates), len(rates), 6)),
                share(sum(drops), len(drops), 6),
                sum(int(row["outage_minutes"] or 0) for row in rows),
                *(met, len(rows), complaints[rules[technology]["service_line"], region]),
            )
        )
    assert_answer(marts, 23, expected)


def test_25_who_is_at_risk(life: Lifecycle, retention: Retention, marts: Marts) -> None:
    """The bands are the model's, as churn_score has them; everything else is counted."""
    operator, now = life.operator, life.operator.as_of.replace(day=1)
    bands = dict(
        marts.execute(
            "select subscription_id, risk_band from churn_score"
            " where as_of_date = (select max(as_of_date) from churn_score)"
        ).fetchall()
    )
    allowed = _calls_allowed(operator.folder, operator.end)
    means = retention.means()
    groups: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), 0])
    for (line_id, month), seen in retention.closing.items():
        if month != now:
            continue
        severities = [life.signals.rules[code].severity for code in life.signals.at(seen.line, operator.as_of)]
        is_signalled = "high" in severities or severities.count("medium") >= 2
        band = bands.get(line_id, "not_scored")
        if band not in ("high", "medium") and not is_signalled:
            continue
        group = groups[life.opinion.tiers[line_id, now], band]
        group[0] += 1
        group[1] += "high" in severities
        group[2] += share(means[line_id, now] * 12, 1, 2)
        group[3] += allowed.get(seen.line.history.before(seen.seen_at)["customer_id"]) is True
    assert_answer(marts, 25, [(tier, band, "CNY", *group) for (tier, band), group in groups.items()])


def _calls_allowed(folder: Path, end: Any) -> dict[str, bool]:
    """By customer, what was last said of marketing by call, or of marketing by any channel."""
    said: dict[tuple[str, str], tuple[Any, bool]] = {}
    for row in all_rows(folder, "crm.consent"):
        at, key = instant_of(row["effective_at"]), (row["customer_id"], row["channel_code"])
        if row["purpose_code"] == "marketing" and at < end:
            # Of two at one instant, the one with the later id was written last.
            this = ((at, row["consent_id"]), str(row["is_granted"]).lower() == "true")
            said[key] = max(said.get(key, this), this)
    customers = {customer for customer, _ in said}
    found = {}
    for customer in customers:
        answers = [said[customer, channel][1] for channel in ("call", "any") if (customer, channel) in said]
        if answers:
            found[customer] = answers[0]
    return found


@pytest.mark.parametrize("number", QUESTIONS)
def test_every_answer_has_rows_and_the_columns_of_the_page(built_warehouse: BuiltWarehouse, number: int) -> None:
    """As the analyst role, on the one operator for which the page shows answers."""
    with psycopg.connect(built_warehouse.settings.url("analyst")) as connection:
        cursor = connection.execute(QUESTIONS[number].sql)
        assert cursor.rowcount > 0
        assert tuple(column.name for column in cursor.description) == QUESTIONS[number].shown_columns


def test_every_question_is_counted_independently() -> None:
    """There are 25, and each has a test of its own that is named by its number."""
    tested = set()
    for path in Path(__file__).parent.glob("test_cookbook_*_agree*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name[5:7].isdigit():
                tested.add(int(node.name[5:7]))
    assert tested == set(QUESTIONS) == set(range(1, 26))
