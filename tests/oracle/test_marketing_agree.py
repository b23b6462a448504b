"""Campaigns, points, leads, opportunities and competition agree with a slow, independent count over the files."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import psycopg
import pytest

from tests.oracle.adoption import adopters
from tests.oracle.agreement import SEEDS, assert_same, rows_of
from tests.oracle.campaign_value import campaign_values
from tests.oracle.campaigns import Arm, campaign_arms
from tests.oracle.competition import rivals
from tests.oracle.leads import COUNTS, funnel
from tests.oracle.loyalty import COLUMNS, breakage, liability, owed, remaining
from tests.oracle.opportunities import movement, opportunity_months, pipeline, read_rules
from tests.oracle.summaries import Opinion


def test_what_campaigns_are_worth(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select campaign_id, value_basis_amount, outcome_value_amount, increment_value_amount, gained_discount_amount,
            cannibalised_amount, cost_amount, roi_ratio
        from campaign_effect"""
    expected = campaign_values(opinion, SEEDS / "campaign_value.csv")
    assert any(value[4] for value in expected.values())
    assert {value[0] is None for value in expected.values()} == {True, False}
    assert_same({row[0]: row[1:] for row in rows_of(marts, query)}, expected)


def test_points_owed(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    movement = liability(opinion)
    seed = SEEDS / "loyalty_point_value.csv"
    expected: dict[Any, tuple[Any, ...]] = {}
    for (month, place), row in movement.items():
        rate = breakage(movement, month)
        expected[month, place] = (*row.values(), rate, owed(row["closing"], rate, seed))
    columns = ", ".join(f"{name}_points" for name in COLUMNS[:-1])
    query = f"""
        select month, region_id, value_tier, {columns}, member_count, breakage_rate, liability_amount
        from loyalty_liability_monthly"""
    assert_same({(row[0], row[1:3]): row[3:] for row in rows_of(marts, query)}, expected)
    assert all(sum(row[name] for row in movement.values()) for name in COLUMNS)


def test_points_left(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select customer_id, sum(points)::bigint, sum(remaining_points)::bigint, (array_agg(balance_points
            order by occurred_at desc, loyalty_transaction_id desc))[1]
        from fct_loyalty_point group by 1"""
    expected = {customer: (left, left, left) for customer, left in remaining(opinion).items()}
    assert_same({row[0]: row[1:] for row in rows_of(marts, query)}, expected)
    assert all(isinstance(left, int) and left >= 0 for left, *_ in expected.values())


def test_leads_on_their_way(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select month, region_id, channel_id, source_code, product_interest_code, status_code, {", ".join(COUNTS)}
        from lead_funnel_monthly"""
    expected = {key: tuple(row.values()) for key, row in funnel(opinion.operator).items()}
    assert_same({row[:6]: row[6:] for row in rows_of(marts, query)}, expected)
    assert sum(row[3] for row in expected.values()) > 500


def test_opportunities_one_by_one(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, opportunity_id, region_id, stage_code, age_days, stage_age_days, opening_amount, revalued_amount,
            new_amount, won_amount, lost_amount, open_amount, weighted_amount, backlog_amount, commission_amount
        from opportunity_pipeline"""
    expected = pipeline(opinion.operator, read_rules(SEEDS))
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)
    assert all(any(row[number] for row in expected.values()) for number in (4, 6, 7, 8, 9, 10, 11))


def test_how_the_pipeline_moved(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    kinds = ("opening", "new", "moved_in", "moved_out", "won", "lost", "closing")
    names = [f"{kind}_{unit}" for kind in kinds for unit in ("count", "amount")] + ["revalued_amount"]
    query = f"""
        select month, region_id, opportunity_type, source_code, stage_code, {", ".join(names)}
        from opportunity_movement_monthly"""
    expected = {key: tuple(row.get(name, 0) for name in names) for key, row in movement(opinion.operator).items()}
    assert_same({row[:5]: row[5:] for row in rows_of(marts, query)}, expected)


def test_rivals(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, region_id, service_line, rival_name, rival_line_count, own_line_count, market_line_count,
            rival_share_rate, port_in_count, port_out_count, port_out_rejected_count, offer_count,
            rival_lowest_fee_amount, cheaper_offer_count, fee_gap_ratio, campaign_count
        from competition_monthly"""
    expected = {
        place: (
            rival.lines,
            rival.own_lines,
            rival.market_lines,
            rival.share(),
            rival.ports["in", "completed"],
            rival.ports["out", "completed"],
            rival.ports["out", "rejected"],
            len(rival.fees),
            min((fee for fee, _ in rival.fees), default=None),
            sum(ours is not None and fee < ours for fee, ours in rival.fees),
            rival.gap(),
            len(rival.discounts),
        )
        for place, rival in rivals(opinion.operator).items()
    }
    assert_same({row[:4]: row[4:] for row in rows_of(marts, query)}, expected)
    assert all(any(row[number] for row in expected.values()) for number in range(12))


def test_who_took_up_new_services(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    found = adopters(opinion)
    months = opinion.operator.months()
    on_network = {(seen.month, seen.line.line_id) for seen in opinion.months if seen.is_closing}
    expected: dict[Any, tuple[int | None, ...]] = {}
    for (month, service), lines in found.items():
        if month == months[0]:
            expected[month, service] = (len(lines), None, None, None)
            continue
        before = found.get((months[months.index(month) - 1], service), set())
        gone = {line for line in before - lines if (month, line) not in on_network}
        expected[month, service] = (len(lines), len(lines - before), len(before - lines - gone), len(gone))
    query = """
        select month, service_code, sum(adopter_count)::int, sum(new_adopter_count)::int, sum(dropped_count)::int,
            sum(left_count)::int
        from new_service_adoption_monthly group by 1, 2 having sum(adopter_count) > 0"""
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)
    assert {service for _, service in expected} >= {"vas_use", "roaming_abroad", "phone_5g", "iptv_box"}


def test_kpis_of_marketing_and_competition(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    operator = opinion.operator
    expected: dict[tuple[Any, str], list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])

    def add(month: Any, code: str, numerator: Any, denominator: Any) -> None:
        value = expected[month, code]
        value[0] += Fraction(numerator)
        value[1] += Fraction(denominator)

    for (month, *_, status), row in funnel(operator).items():
        if status in ("converted", "lost"):
            add(month, "lead_conversion", row["entered_count"] * (status == "converted"), row["entered_count"])
    rules = read_rules(SEEDS)
    for (month, _), seen in opportunity_months(operator).items():
        add(month, "win_rate", seen.decided == "won", seen.decided is not None)
        add(month, "weighted_pipeline", seen.is_open * seen.amount * rules.chance[seen.stage], 0)
    markets = set()
    for (month, region, service, _), rival in rivals(operator).items():
        add(month, "port_in_out_ratio", rival.ports["in", "completed"], rival.ports["out", "completed"])
        if rival.market_lines and (month, region, service) not in markets:
            markets.add((month, region, service))
            add(month, "market_share", rival.own_lines or 0, rival.market_lines)
    values = campaign_values(opinion, SEEDS / "campaign_value.csv")
    for (month, name), (treated, control) in _finished(opinion, marts).items():
        more = treated.did - Fraction(treated.assigned * control.did, control.assigned)
        add(month, "campaign_increment", more, treated.assigned)
        _, value, _, _, _, cost, roi = values[name]
        if roi is not None and value is not None and cost is not None:
            add(month, "campaign_roi", more * Fraction(value) - Fraction(cost), cost)
    query = f"""
        select month, kpi_code, sum(numerator), coalesce(sum(denominator), 0) from kpi_monthly
        where kpi_code in ('{"', '".join({code for _, code in expected})}') group by 1, 2
        having sum(abs(numerator)) + coalesce(sum(denominator), 0) > 0"""
    found = {row[:2]: tuple(float(value) for value in row[2:]) for row in rows_of(marts, query)}
    known = {key: tuple(float(side) for side in value) for key, value in expected.items() if any(value)}
    assert len({code for _, code in known}) == 7
    assert {key: value for key, value in found.items() if any(value)}.keys() == known.keys()
    assert all(found[key] == pytest.approx(value, abs=1e-3) for key, value in known.items())


def _finished(opinion: Opinion, marts: psycopg.Connection[Any]) -> dict[tuple[Any, str], tuple[Arm, Arm]]:
    """The arms of the campaigns whose window is over, with the month of their assignment (one day each here)."""
    query = "select campaign_id, min(assigned_date), max(window_end_date) from fct_campaign_contact group by 1"
    arms = campaign_arms(opinion)
    return {
        (first.replace(day=1), name): arms[name]
        for name, first, last in rows_of(marts, query)
        if last <= opinion.operator.as_of
    }
