"""Campaigns over all their runs, pooled in plain Python from the arms that were counted from the files."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

import psycopg
import pytest
from scipy.stats import binomtest

from tests.oracle.agreement import rows_of
from tests.oracle.campaigns import WINDOW_DAYS, Arm, campaign_arms
from tests.oracle.deliveries import all_rows
from tests.oracle.operator import Operator, histories
from tests.oracle.summaries import Opinion


def _interval(treated: Arm, control: Arm) -> tuple[float, float, float]:
    """Newcombe's tenth method: the increment and the ends of its interval."""
    (t, t_low, t_high), (c, c_low, c_high) = (
        (arm.did / arm.assigned, *binomtest(arm.did, arm.assigned).proportion_ci(0.95, "wilson"))
        for arm in (treated, control)
    )
    increment = t - c
    return (
        increment,
        increment - sqrt((t - t_low) ** 2 + (c_high - c) ** 2),
        increment + sqrt((t_high - t) ** 2 + (c - c_low) ** 2),
    )


def _finished(operator: Operator) -> set[str]:
    """Campaigns of which every assignment is older than the window."""
    last: dict[str, datetime] = {}
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        at = datetime.fromisoformat(row["assigned_at"])
        if at < operator.end:
            last[row["campaign_id"]] = max(at, last.get(row["campaign_id"], at))
    return {
        campaign
        for campaign, at in last.items()
        if operator.clock.day(at) + timedelta(days=WINDOW_DAYS) <= operator.as_of
    }


def test_series_are_their_runs_by_weight(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    operator = opinion.operator
    campaigns = histories(operator.folder, "marketing.campaign", "campaign_id", operator.end)
    finished, runs = _finished(operator), defaultdict(list)
    for campaign, (treated, control) in campaign_arms(opinion).items():
        if campaign in finished and treated.assigned and control.assigned:
            state = campaigns[campaign].latest
            runs[state["campaign_name"], state["objective_code"]].append((treated, control))
    expected = {}
    for series, arms in runs.items():
        weights = [t.assigned * c.assigned / (t.assigned + c.assigned) for t, c in arms]
        parts = [_interval(t, c) for t, c in arms]
        total = sum(weights)
        mean = sum(w * d for w, (d, _, _) in zip(weights, parts, strict=True)) / total
        below = sqrt(sum((w * (d - low)) ** 2 for w, (d, low, _) in zip(weights, parts, strict=True))) / total
        above = sqrt(sum((w * (high - d)) ** 2 for w, (d, _, high) in zip(weights, parts, strict=True))) / total
        counts = (len(arms), sum(t.assigned for t, _ in arms), sum(c.assigned for _, c in arms))
        expected[series] = (counts, mean, mean - below, mean + above)
    assert max(counts[0] for counts, *_ in expected.values()) > 1, "some campaign has run more than once"
    query = """
        select campaign_name, objective_code, run_count, treated_count, control_count, increment_rate,
            increment_low_rate, increment_high_rate
        from campaign_series_effect"""
    found = {(row[0], row[1]): (row[2:5], *map(float, row[5:])) for row in rows_of(marts, query)}
    assert found.keys() == expected.keys()
    for series, (counts, *rates) in expected.items():
        assert found[series][0] == counts, series
        assert found[series][1:] == pytest.approx(rates, abs=1e-5), series
