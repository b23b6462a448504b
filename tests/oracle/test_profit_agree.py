"""customer_profit_monthly and SAC agree with a slow count over the files, to the cent."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SLICE, assert_same
from tests.oracle.profit import Profit, acquisition, slice_of_place
from tests.oracle.summaries import Opinion, base_movement

KINDS = ("interconnect", "network", "service", "subsidy", "commission", "campaign", "bad_debt")
ZERO = Decimal(0)


def test_every_line_month(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    costs = ", ".join(f"coalesce({kind}_cost_amount, 0)" for kind in KINDS)
    query = f"""
        select month, subscription_id, case when subscription_id = 'unallocated' then region_id else '' end,
            coalesce(revenue_amount, 0), coalesce(service_revenue_amount, 0), {costs}, retention_campaign_cost_amount,
            contribution_margin_amount, running_margin_amount
        from customer_profit_monthly where currency_code = 'CNY'"""
    found = {row[:3]: row[3:] for row in marts.execute(query).fetchall()}
    expected = {}
    for place, of in profit.amounts.items():
        is_known = place[0] in opinion.revenue.billed_months and place[0] in profit.booked_months
        expected[place] = (
            of["revenue"],
            of["service_revenue"],
            *(of[kind] for kind in KINDS),
            of["retention"],
            profit.margin(place) if is_known else None,
            profit.running_margin(place) if is_known else None,
        )
    assert_same(
        {key: value for key, value in found.items() if any(value)},
        {key: value for key, value in expected.items() if any(value)},
    )


def test_every_kind_of_cost_and_method_is_in_the_data(
    opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]
) -> None:
    """A comparison over nothing would prove nothing."""
    for kind in (*KINDS, "retention"):
        assert any(of[kind] for of in profit.amounts.values()), kind
    assert any(of["commission"] < 0 for of in profit.amounts.values()), "no commission was taken back"
    methods = ("network", "service", "interconnect", "commission")
    query = " union ".join(f"select {kind}_cost_method from customer_profit_monthly" for kind in methods)
    found = {row[0] for row in marts.execute(query).fetchall()}
    assert found >= {"direct", "allocated"}
    # Of a month that has not ended nothing is booked yet.
    for method in ("unit_cost", "not_delivered"):
        assert (method in found) == opinion.operator.ends_within_a_month


def test_acquisition_cost_of_every_slice(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    query = f"select month, {SLICE}, numerator, denominator from kpi_monthly where kpi_code = 'sac'"
    found = {(row[0], row[1:6]): (row[6], row[7]) for row in marts.execute(query).fetchall() if row[6] or row[7]}
    expected = acquisition(opinion, profit)
    assert sum(cost for cost, _ in expected.values()) > 0
    assert_same(found, expected)


def _by_slice(marts: psycopg.Connection[Any], kpi_code: str, column: str) -> dict[Any, Decimal]:
    query = f"select month, {SLICE}, {column} from kpi_monthly where kpi_code = '{kpi_code}' and {column} <> 0"
    return {(row[0], row[1:6]): row[6] for row in marts.execute(query).fetchall()}


def test_retention_cost_and_margin_of_every_slice(
    opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]
) -> None:
    spent: dict[Any, Decimal] = defaultdict(Decimal)
    left: dict[Any, Decimal] = defaultdict(Decimal)
    for (month, line_id, region), of in profit.amounts.items():
        place = (month, slice_of_place(opinion, month, line_id, region))
        if month in profit.booked_months:
            spent[place] += of["retention"]
            if month in opinion.revenue.billed_months:
                left[place] += profit.margin((month, line_id, region))
    assert any(spent.values())
    assert any(left.values())
    assert_same(_by_slice(marts, "retention_cost", "numerator"), {key: value for key, value in spent.items() if value})
    assert_same(_by_slice(marts, "contribution_margin", "numerator"), {key: it for key, it in left.items() if it})


def test_payback_of_every_slice(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    """Joiners earn what a line of their service line and plan type earns in the month, over its mean base."""
    earned: dict[Any, Decimal] = defaultdict(Decimal)
    for (month, line_id, region), _ in profit.amounts.items():
        _, _, service_line, plan_type, _ = slice_of_place(opinion, month, line_id, region)
        earned[month, service_line, plan_type] += profit.running_margin((month, line_id, region))
    base: dict[Any, Decimal] = defaultdict(Decimal)
    movement = base_movement(opinion)
    for (month, place), counts in movement.items():
        base[month, place[2], place[3]] += Decimal(counts["opening_count"] + counts["closing_count"]) / 2
    expected: dict[Any, Decimal] = {}
    for (month, place), counts in movement.items():
        joiners, kind = counts["activation_count"] + counts["win_back_count"], (month, place[2], place[3])
        if joiners and base[kind] and month in profit.booked_months & opinion.revenue.billed_months:
            value = round(joiners * earned[kind] / base[kind], 6)
            if value:
                expected[month, place] = value
    found = _by_slice(marts, "payback", "denominator")
    assert found.keys() == expected.keys()
    assert max(abs(found[key] - expected[key]) for key in expected) <= Decimal("0.000001")
    cost = {key: sums[0] for key, sums in acquisition(opinion, profit).items() if sums[0]}
    assert_same(_by_slice(marts, "payback", "numerator"), cost)


def test_margin_of_the_operator_by_month(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, sum(numerator), sum(denominator) from kpi_monthly
        where kpi_code = 'contribution_margin_rate' group by month"""
    found = {row[0]: row[1:] for row in marts.execute(query).fetchall()}
    expected = {}
    for month in opinion.revenue.billed_months & profit.booked_months:
        places = [place for place in profit.amounts if place[0] == month]
        margin = sum((profit.margin(place) for place in places), ZERO)
        expected[month] = (margin, sum((profit.amounts[place]["revenue"] for place in places), ZERO))
    assert_same(found, expected)
