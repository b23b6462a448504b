"""The cookbook's questions about service, network, levers and today's lists; and what holds for every question."""

from __future__ import annotations

import ast
import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import BuiltWarehouse
from tests.oracle.agreement import SEEDS
from tests.oracle.cookbook import QUESTIONS, assert_answer, last_full, share
from tests.oracle.deliveries import all_rows
from tests.oracle.lifecycle import Lifecycle
from tests.oracle.retention import Retention
from tests.oracle.service import Service, instant_of

# Levers and the care queue have oracles of their own rows; see test_cookbook_plans for their plans.
PENDING = {13, 16}
Marts = psycopg.Connection[Any]


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
    assert tested | PENDING == set(QUESTIONS) == set(range(1, 26))
