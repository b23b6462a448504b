"""Lost customers, customers and groups by month, and the network beside them agree with a count over the files."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from math import prod
from typing import Any

import psycopg
import pytest

from tests.oracle.agreement import SEEDS, SLICE, assert_same, rows_of
from tests.oracle.care_queue import CareQueue
from tests.oracle.conftest import Books
from tests.oracle.customers import customers, groups, network
from tests.oracle.lost import Lost
from tests.oracle.operator import months_later
from tests.oracle.retention import Retention
from tests.oracle.service import Service
from tests.oracle.summaries import Opinion, base_movement


def test_lost_customers(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    query = """
        select subscription_id, stay_number, customer_id, left_at, left_date, churn_type,
            region_id, brand_name, service_line, plan_type, value_tier, market_type, rival_name, stated_reason_code,
            inferred_reason_code, evidence_date, evidence_count, lost_monthly_revenue_amount,
            lost_yearly_revenue_amount, win_back_contact_count, win_back_delivered_count, win_back_accepted_count,
            is_win_back_control, last_contacted_at, care_action_count, has_other_line, won_back_subscription_id,
            returned_at, win_back_result
        from lost_customer"""
    expected = Lost(retention, SEEDS / "lost_reason.csv").rows()
    assert_same({row[:2]: (*row[2:6], row[6:10], *row[10:]) for row in rows_of(marts, query)}, expected)
    assert {row[9] for row in expected.values()} >= {"arrears", "network", "silent", "unknown"}


def test_customers_by_month(retention: Retention, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, customer_id, customer_type, region_id, market_type, best_value_tier, opening_count, closing_count,
            mobile_count, broadband_count, entry_count, churn_count, is_lost, tenure_days, service_revenue_amount,
            total_net_amount, mean_revenue_amount, voice_seconds, data_bytes, recency_days, active_day_count,
            recency_score, frequency_score, money_score
        from customer_monthly"""
    expected = customers(retention)
    assert {row[-1] for row in expected.values()} >= {1, 3, 5, None}
    assert any(row[10] for row in expected.values()), "nobody lost a last line"
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)


def test_groups_by_month(retention: Retention, service: Service, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, customer_id, region_id, root_customer_id, opening_count, closing_count, retained_count,
            retention_rate, churn_count, product_count, member_count, member_with_us_count, member_with_rival_count,
            penetration_rate, service_revenue_amount, total_net_amount, ticket_count, resolved_ticket_count,
            sla_judged_count, sla_met_count
        from group_monthly"""
    expected = groups(retention, service)
    assert any(row[10] for row in expected.values()), "no member is with a rival"
    assert any(row[14] for row in expected.values()), "no group had a ticket"
    assert any(key[1] != row[1] for key, row in expected.items()), "no group belongs to another"
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)


def test_network_beside_its_customers(service: Service, opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    with (SEEDS / "network_target.csv").open(encoding="utf-8", newline="") as file:
        targets = {
            row["technology_code"]: (row["service_line"], Decimal(row["min_availability_rate"]))
            for row in csv.DictReader(file)
        }
    query = """
        select month, region_id, technology_code, service_line, measured_day_count, target_met_day_count,
            outage_day_count, availability_rate, drop_rate, throughput_mbps, latency_ms, outage_minutes,
            affected_line_day_count, opening_count, opening_voluntary_churn_count, ticket_count, complaint_count,
            network_ticket_count, network_contact_count
        from network_quality_monthly"""
    expected = network(service, opinion, targets)
    assert all(any(row[place] for row in expected.values()) for place in range(1, 16))
    assert_same({row[:3]: row[3:] for row in rows_of(marts, query)}, expected)


def test_care_queue(opinion: Opinion, service: Service, books: Books, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select subscription_id, reason_code, reason_date, evidence, reason_count, customer_id, account_id, {SLICE},
            service_revenue_amount, last_contact_at, manager_staff_id, last_action_at, last_action_type,
            last_outcome_code, visit_count, call_count, done_count
        from vip_care_queue"""
    expected = CareQueue(opinion, service, books[0]).rows()
    assert {reason for _, reason in expected} >= {"contract_expiry", "anomaly", "arrears"}
    assert_same({row[:2]: (*row[2:7], row[7:12], *row[12:]) for row in rows_of(marts, query)}, expected)
    # In Chinese the same figures and days.
    for english, chinese in marts.execute("select evidence, evidence_zh from vip_care_queue"):
        assert re.findall(r"[0-9][0-9.-]*", english) == re.findall(r"[0-9][0-9.-]*", chinese)
        assert not chinese[0].isascii()


def test_churn_of_a_year(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    """A year keeps what each of its months kept; a year is not known while one of its months is not."""
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for (month, place), counts in base_movement(opinion).items():
        if opinion.operator.is_open(month):
            continue
        for cut in [("all", "all"), *zip(SLICE.split(", "), place, strict=True)]:
            for kind in ("all", "voluntary", "involuntary", "inactive"):
                of = sums[month, *cut, kind]
                of[0] += counts["opening_count"]
                of[1] += counts["opening_churn_count" if kind == "all" else f"opening_{kind}_churn_count"]
    kept = {key: 1 - Fraction(left, opening) for key, (opening, left) in sums.items() if opening}
    expected: dict[Any, tuple[Any, ...]] = {}
    for (month, *cut), share in kept.items():
        year = [kept.get((months_later(month, -back), *cut)) for back in range(12)]
        known = [part for part in year if part is not None]
        yearly = float(1 - prod(known)) if len(known) == len(year) else None
        expected[month, *cut] = (*sums[month, *cut], float(1 - share), float(1 - share**12), yearly)
    query = """
        select month, slice_name, slice_value, churn_type, opening_count, churned_count, monthly_churn_rate::float,
            annualised_churn_rate::float, yearly_churn_rate::float
        from churn_yearly"""
    found = {row[:4]: row[4:] for row in rows_of(marts, query)}
    assert found.keys() == expected.keys()
    for key, row in expected.items():
        assert found[key] == pytest.approx(row, abs=1e-9), key
    assert any(row[4] for row in expected.values()), "no year is complete"
    assert any(row[1] and row[4] is None for row in expected.values()), "every year is complete"
