"""Opportunities take their stages in order, and what was won is delivered."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import numpy as np
import pytest

from tests.oracle.deliveries import Row

Rows = Callable[[str], list[Row]]
STAGES = ("identified", "qualified", "proposal", "negotiation")


@pytest.fixture(scope="module")
def paths(rows_of: Rows) -> dict[str, list[Row]]:
    """The states of each opportunity in order of time."""
    found = defaultdict(list)
    for row in rows_of("enterprise.opportunity"):
        found[row["opportunity_id"]].append(row)
    return {number: sorted(rows, key=lambda row: row["effective_at"]) for number, rows in found.items()}


def test_stages_move_only_along_allowed_paths(paths: dict[str, list[Row]]) -> None:
    for rows in paths.values():
        stages = [row["stage_code"] for row in rows]
        open_stages = [stage for stage in stages if stage in STAGES]
        assert open_stages == list(STAGES[: len(open_stages)])
        assert stages[0] == "identified" and rows[0]["effective_at"] == rows[0]["created_at"]
        assert all(stage in STAGES for stage in stages[:-1])
        if stages[-1] == "won":
            assert len(open_stages) == len(STAGES), "won without negotiation"
    assert len(paths) > 50


def test_events_tell_the_same_story_as_the_states(rows_of: Rows, paths: dict[str, list[Row]]) -> None:
    told = defaultdict(list)
    for row in rows_of("enterprise.opportunity_event"):
        if row["event_type"] in ("created", "stage_changed"):
            told[row["opportunity_id"]].append((row["occurred_at"], row["from_stage_code"], row["to_stage_code"]))
    for number, rows in paths.items():
        stages = [None] + [row["stage_code"] for row in rows]
        expected = [(row["effective_at"], *step) for row, step in zip(rows, itertools.pairwise(stages), strict=False)]
        assert sorted(told[number]) == expected
    assert set(told) == set(paths)


def test_probabilities_rise_with_the_stage_and_are_about_right(paths: dict[str, list[Row]]) -> None:
    """Among opportunities decided, the share won from a stage on is near the probability that the stage is given."""
    decided = [rows for rows in paths.values() if rows[-1]["stage_code"] in ("won", "lost")]
    won = [rows[-1]["stage_code"] == "won" for rows in decided]
    assert len(decided) > 50
    previous = 0.0
    for place, _ in enumerate(STAGES):
        reached = [(rows[place], is_won) for rows, is_won in zip(decided, won, strict=False) if len(rows) > place + 1]
        claimed, seen = float(reached[0][0]["probability"]), np.mean([is_won for _, is_won in reached])
        assert claimed > previous
        previous = claimed
        error = np.sqrt(0.25 / len(reached))
        assert abs(seen - claimed) < 0.2 + 3 * error


def test_opportunities_dwell_in_their_stages(paths: dict[str, list[Row]]) -> None:
    days = defaultdict(list)
    for rows in paths.values():
        for row, following in itertools.pairwise(rows):
            stay = datetime.fromisoformat(following["effective_at"]) - datetime.fromisoformat(row["effective_at"])
            days[row["stage_code"]].append(stay.total_seconds() / 86_400)
    for stage, mean in zip(STAGES, (9, 14, 16, 12), strict=False):
        # A gamma distribution of shape 2: its standard deviation is the mean over the root of 2.
        error = mean / np.sqrt(2 * len(days[stage]))
        assert abs(np.mean(days[stage]) - mean) < 4 * error


def test_won_lines_are_in_service_and_won_projects_are_billed(rows_of: Rows, paths: dict[str, list[Row]]) -> None:
    activated = {row["subscription_id"]: row for row in rows_of("crm.subscription")}
    ordered = defaultdict(list)
    for row in rows_of("crm.order"):
        if row["opportunity_id"] and row["status_code"] == "completed":
            assert row["order_type"] == "new"
            ordered[row["opportunity_id"]].append(row)
    projects: Counter[tuple[str, Decimal]] = Counter()
    for row in rows_of("billing.invoice_line"):
        if row["charge_type"] == "ict_project":
            projects[row["service_month"][:7], Decimal(str(row["net_amount"]))] += 1
    delivered = {
        row["opportunity_id"]: row["occurred_at"]
        for row in rows_of("enterprise.opportunity_event")
        if row["event_type"] == "delivered"
    }
    kinds: Counter[str] = Counter()
    for number, at in delivered.items():
        last = paths[number][-1]
        assert last["stage_code"] == "won" and last["effective_at"] < at
        count = int(last["line_count"])
        kinds[last["product_line"]] += 1
        assert len(ordered[number]) == count
        for order in ordered[number]:
            line = activated[order["subscription_id"]]
            assert line["customer_id"] == last["customer_id"]
            assert line["activated_at"][:10] == at[:10]
        if not count and at < "2026-08":
            assert projects[at[:7], Decimal(str(last["expected_amount"])).quantize(Decimal("0.01"))] >= 1
    assert set(ordered) <= set(delivered)
    assert kinds["mobile"] >= 3 and kinds["ict"] >= 3


def test_lost_ones_name_the_rival_who_won(paths: dict[str, list[Row]]) -> None:
    lost = [rows[-1] for rows in paths.values() if rows[-1]["stage_code"] == "lost"]
    named = [row for row in lost if row["rival_name"]]
    assert 0.5 < len(named) / len(lost) < 0.98
    rivals = [rows[0] for rows in paths.values() if rows[0]["opportunity_type"] == "rival_line"]
    assert rivals
    assert all(row["rival_name"] and row["rival_contract_end_date"] > row["created_at"][:10] for row in rivals)


def test_members_are_the_lines_of_groups_and_those_with_rivals(rows_of: Rows) -> None:
    groups = {row["customer_id"] for row in rows_of("crm.customer") if row["customer_type"] == "group"}
    offers = {row["offer_id"]: row["brand_name"] for row in rows_of("crm.offer")}
    lines = {
        row["subscription_id"]
        for row in rows_of("crm.subscription")
        if row["customer_id"] in groups and offers[row["main_offer_id"]] == "WorkLink"
    }
    rows = rows_of("enterprise.group_member")
    assert {row["subscription_id"] for row in rows if row["subscription_id"]} == lines
    rivals = [row for row in rows if row["rival_operator"]]
    assert len(rivals) > 20
    for row in rows:
        assert row["group_customer_id"] in groups
        assert (row["subscription_id"] is None) == (row["rival_operator"] is not None)
    ended = {
        row["subscription_id"]: row["occurred_at"][:10]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    closed = {row["subscription_id"]: row["valid_to_date"] for row in rows if row["valid_to_date"]}
    assert closed == {line: day for line, day in ended.items() if line in lines}
