"""Value levers and the playbook agree with a slow, independent count over the files."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.oracle.agreement import SEEDS, assert_same, rows_of
from tests.oracle.levers import Levers, playbook
from tests.oracle.lifecycle import Stages
from tests.oracle.profit import Profit
from tests.oracle.summaries import Opinion


def test_levers_of_every_month_and_region(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    query = """
        select lever_number, month, region_id, addressable_quantity, performance_rate, target_rate, target_source,
            success_margin_amount, yearly_contribution_margin_amount, quadrant_name
        from lever_value_monthly where currency_code = 'CNY'"""
    expected = Levers(opinion, profit, SEEDS).rows()
    assert {lever for lever, *_ in expected} == set(range(1, 15))
    assert len({row[-1] for row in expected.values()}) == 5
    assert_same({row[:3]: row[3:] for row in rows_of(marts, query)}, expected)


def test_playbook(opinion: Opinion, stages: Stages, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, lifecycle_stage_code, closing_count, opening_count, opening_churn_count, service_revenue_amount,
            campaign_count, contacted_count, accepted_count, campaign_cost_amount
        from lifecycle_playbook where currency_code = 'CNY'"""
    expected = playbook(opinion, stages)
    assert all(any(row[place] for row in expected.values()) for place in range(8))
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)
