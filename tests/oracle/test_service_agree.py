"""The marts of service agree with a slow, independent count over the delivered files, to the unit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg

from tests.oracle.agreement import SLICE, assert_same, rows_of
from tests.oracle.care import channels, people
from tests.oracle.service import Service, quality_by_channel, service_kpis, sla_by_kind
from tests.oracle.summaries import Opinion


def test_kpis_of_service(service: Service, marts: psycopg.Connection[Any]) -> None:
    expected = service_kpis(service)
    codes = sorted({code for _, _, code in expected})
    assert len(codes) == 9
    query = f"""
        select month, {SLICE}, kpi_code, numerator, denominator from kpi_monthly
        where kpi_code in ({", ".join(f"'{code}'" for code in codes)})"""
    found = {(row[0], row[1:6], row[6]): (Decimal(row[7]), Decimal(row[8])) for row in rows_of(marts, query)}
    # A slice of which nothing is to count may have a row of zeroes that carries last month's figures.
    assert_same({key: value for key, value in found.items() if any(value)}, expected)


def test_every_kind_of_contact_is_in_the_data(service: Service) -> None:
    """A comparison over nothing would prove nothing."""
    answered = {(contact.row["direction"], contact.is_answered) for contact in service.contacts}
    assert answered == {(way, is_answered) for way in ("inbound", "outbound") for is_answered in (True, False)}
    assert {issue.is_repeated for issue in service.issues} == {True, False}
    assert any(issue.month != issue.contact.day.replace(day=1) for issue in service.issues)
    assert {contact is None for _, contact in service.surveys} == {True, False}
    assert any(len(ticket.states) > 2 for ticket in service.tickets.values())


def test_service_quality(service: Service, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, region_id, channel_code, direction, queue_code, topic_code, offered_count, answered_count,
            answered_in_time_count, answer_wait_seconds, handle_seconds, issue_count, issue_without_repeat_count,
            csat_count, csat_score_total, nps_count, nps_promoter_count, nps_detractor_count
        from service_quality_monthly"""
    assert_same({row[:6]: row[6:] for row in rows_of(marts, query)}, quality_by_channel(service))


def test_tickets_and_their_targets(service: Service, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, region_id, customer_type, sla_subject, severity_code, opened_count, resolved_count,
            reopened_count, backlog_count, resolve_seconds, due_count, met_count
        from sla_monthly where sla_type = 'ticket'"""
    expected = sla_by_kind(service)
    assert sum(counts[2] for counts in expected.values()) > 0
    assert 0 < sum(counts[6] for counts in expected.values()) < sum(counts[5] for counts in expected.values())
    assert_same({row[:5]: row[5:] for row in rows_of(marts, query)}, expected)


def test_the_day_by_the_hour_adds_up_to_the_contacts(service: Service, marts: psycopg.Connection[Any]) -> None:
    expected: dict[Any, int] = {}
    for contact in service.contacts:
        local = contact.at.astimezone(service.operator.clock.zone)
        key = (local.date(), local.hour, service.queue(contact))
        expected[key] = expected.get(key, 0) + 1
    query = """
        select started_date, started_hour, queue_code, sum(offered_count) from contact_centre_hourly group by 1, 2, 3"""
    assert_same({row[:3]: row[3] for row in rows_of(marts, query)}, expected)


def test_what_channels_won(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, channel_id, sum(activation_count), sum(win_back_count), sum(matured_joiner_count),
            sum(early_churn_count), coalesce(sum(joiner_revenue_amount), 0), sum(order_count),
            sum(order_completed_count), sum(order_cancelled_count), sum(commission_amount)
        from channel_monthly group by 1, 2"""
    found = {row[:2]: row[2:] for row in rows_of(marts, query) if any(row[2:])}
    expected = channels(opinion)
    assert [sum(counts[place] for counts in expected.values()) > 0 for place in range(9)] == [True] * 9
    assert_same(found, expected)


def test_what_people_did(service: Service, marts: psycopg.Connection[Any]) -> None:
    query = """
        select month, staff_id, handled_count, handle_seconds, outbound_count, issue_count, care_done_count,
            care_ended_count, opportunity_won_count
        from staff_performance_monthly"""
    found = {row[:2]: row[2:] for row in rows_of(marts, query) if any(row[2:])}
    expected = people(service)
    assert [sum(counts[place] for counts in expected.values()) > 0 for place in range(7)] == [True] * 7
    assert_same(found, expected)
