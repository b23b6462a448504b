"""Churn signals, stages and transitions agree with a slow, independent count; a changed rule changes what it should."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.conftest import BuiltWarehouse
from tests.oracle.agreement import SEEDS, SLICE, assert_same
from tests.oracle.lifecycle import Lifecycle, Stages, read_thresholds

THRESHOLDS = SEEDS / "lifecycle_stage_rule.csv"
# What the simulated operator does not deliver, and unit tests show.
UNDELIVERED = {"rival_hotline", "rival_access", "bundle_partner_left"}


def test_signals_of_every_line_on_many_days(life: Lifecycle, marts: psycopg.Connection[Any]) -> None:
    """The ends of all months, and days between that no month knows."""
    operator, seen = life.operator, set()
    ends = [operator.clock.day(operator.month_end(month) - timedelta(microseconds=1)) for month in operator.months()]
    for day in sorted({*ends, *(operator.as_of - timedelta(days=back) for back in (3, 11, 46, 100, 207))}):
        expected = {
            (line_id, code): True
            for line_id in life.opinion.stays
            for code in life.signals.at(operator.lines[line_id], day)
        }
        rows = marts.execute(
            "select subscription_id, signal_code from fct_churn_signal"
            " where first_seen_date <= %(day)s and (ended_date is null or ended_date > %(day)s)",
            {"day": day},
        ).fetchall()
        assert len(rows) == len(set(rows))
        assert_same(dict.fromkeys(rows, True), expected)
        seen |= {code for _, code in expected}
    assert seen == life.signals.rules.keys() - UNDELIVERED


def test_watch_list__names_the_signals_of_today_in_chinese(life: Lifecycle, marts: psycopg.Connection[Any]) -> None:
    with (SEEDS / "churn_signal.csv").open(encoding="utf-8", newline="") as file:
        names = {row["signal_code"]: row["signal_name_zh"] for row in csv.DictReader(file)}
    rows = marts.execute("select subscription_id, signal_evidence_zh from churn_watchlist").fetchall()
    said, expected = {}, {}
    for line_id, text in rows:
        parts = text.split("；") if text else []
        assert all(re.fullmatch(r".+（20\d\d-\d\d-\d\d起）", part) for part in parts)
        said[line_id] = sorted(part.split("（")[0] for part in parts)
        codes = life.signals.at(life.operator.lines[line_id], life.operator.as_of)
        expected[line_id] = sorted(names[code] for code in codes)
    assert len({name for found in said.values() for name in found}) > 4
    assert_same(said, expected)


def test_stage_of_every_line_month(life: Lifecycle, stages: Stages, marts: psycopg.Connection[Any]) -> None:
    query = "select month, subscription_id, lifecycle_stage_code from subscription_monthly"
    found = {(month, line): stage for month, line, stage in marts.execute(query).fetchall()}
    present = {(seen.month, seen.line.line_id) for seen in life.opinion.months}
    assert_same(found, {key: stage for key, stage in stages.items() if key in present})
    assert set(found.values()) == set("ABCDE")
    assert any(key not in present for key in stages), "the lost-customer base outlives the month of the exit"


def test_transitions(life: Lifecycle, stages: Stages, marts: psycopg.Connection[Any]) -> None:
    query = (
        f"select month, from_stage_code, to_stage_code, {SLICE}, subscription_count from lifecycle_transition_monthly"
    )
    expected = life.transitions(stages)
    assert_same({(*row[:3], row[3:8]): row[8] for row in marts.execute(query).fetchall()}, expected)
    moves = {key[1:3] for key in expected}
    assert {("new", "A"), ("E", "aged_out"), ("A", "C"), ("C", "D"), ("D", "E"), ("D", "C"), ("B", "B")} <= moves


def test_what_opened_a_stage_and_left(life: Lifecycle, stages: Stages, marts: psycopg.Connection[Any]) -> None:
    before = {
        month: earlier for earlier, month in zip(life.operator.months(), life.operator.months()[1:], strict=False)
    }
    expected: dict[tuple[date, str], list[int]] = {}
    for seen in life.opinion.months:
        if seen.is_opening and seen.month in before:
            counts = expected.setdefault((seen.month, stages[before[seen.month], seen.line.line_id]), [0, 0])
            counts[0] += 1
            counts[1] += seen.opening_exit is not None
    query = """
        select month, lifecycle_stage_code, sum(opening_count)::int, sum(opening_churn_count)::int
        from lifecycle_stage_monthly group by 1, 2 having sum(opening_count) > 0"""
    assert_same({row[:2]: list(row[2:]) for row in marts.execute(query).fetchall()}, expected)


@pytest.mark.parametrize(
    ("rule", "value"),
    [("acquisition_days", 60), ("exit_months", 6), ("growth_revenue_ratio", 1.3), ("decline_medium_signal_count", 3)],
)
def test_a_changed_threshold_changes_exactly_the_lines_it_should(
    world: BuiltWarehouse, life: Lifecycle, stages: Stages, rule: str, value: float
) -> None:
    """The models as dbt compiled them, on a changed seed, in a transaction that is taken back."""
    settings = world.settings
    folder = settings.home / "dbt" / "target" / "compiled" / "tenure" / "models" / "intermediate" / "lifecycle"
    threshold_query = (folder / "int_stage_threshold.sql").read_text()
    stage_query = (folder / "int_subscription_stage.sql").read_text()
    query = f"select month, subscription_id, lifecycle_stage_code from ({stage_query}) as stage"
    with psycopg.connect(settings.url("transformer")) as connection:
        unchanged = {row[:2]: row[2] for row in connection.execute(query).fetchall()}
        changed = connection.execute(
            "update reference.lifecycle_stage_rule set threshold_value = %s where rule_code = %s", (value, rule)
        ).rowcount
        connection.execute("delete from intermediate.int_stage_threshold")
        connection.execute(f"insert into intermediate.int_stage_threshold {threshold_query}")
        found = {row[:2]: row[2] for row in connection.execute(query).fetchall()}
        connection.rollback()
    expected = life.stages(read_thresholds(THRESHOLDS) | {rule: Decimal(str(value))})
    assert changed == 1
    assert_same(unchanged, stages)
    assert_same(found, expected)
    assert 0 < sum(found.get(key) != stage for key, stage in unchanged.items()) < len(unchanged) / 4
