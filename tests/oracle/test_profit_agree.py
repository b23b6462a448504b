"""customer_profit_monthly and SAC agree with a slow count over the files, to the cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SLICE, assert_same
from tests.oracle.profit import Profit, acquisition
from tests.oracle.summaries import Opinion

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
    assert found >= {"direct", "allocated", "unit_cost"}
    assert ("not_delivered" in found) == opinion.operator.ends_within_a_month


def test_acquisition_cost_of_every_slice(opinion: Opinion, profit: Profit, marts: psycopg.Connection[Any]) -> None:
    query = f"select month, {SLICE}, numerator, denominator from kpi_monthly where kpi_code = 'sac'"
    found = {(row[0], row[1:6]): (row[6], row[7]) for row in marts.execute(query).fetchall() if row[6] or row[7]}
    expected = acquisition(opinion, profit)
    assert sum(cost for cost, _ in expected.values()) > 0
    assert_same(found, expected)


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
