"""The marts agree with a slow, independent count over the delivered files: to the unit and to the cent."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.oracle.agreement import SLICE, assert_same, rows_of
from tests.oracle.campaigns import campaign_arms
from tests.oracle.prices import price_changes
from tests.oracle.summaries import (
    COUNTS,
    Opinion,
    base_movement,
    kpis,
    revenue_by_slice,
    usage_by_slice,
)

ZERO = Decimal(0)


def test_as_of_date_and_months(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    assert rows_of(marts, "select as_of_date from publication where is_current") == [(opinion.operator.as_of,)]
    months = rows_of(
        marts, "select distinct month, is_month_closed, is_open_month from subscription_monthly order by 1"
    )
    operator = opinion.operator
    assert months == [(month, operator.is_closed(month), operator.is_open(month)) for month in operator.months()]
    assert [closed for _, closed, _ in months].count(False) >= 1


def test_every_line_month(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    expected = {}
    for seen in opinion.months:
        latest = seen.line.history.before(seen.seen_at)
        expected[seen.month, seen.line.line_id] = (
            latest["customer_id"],
            latest["account_id"],
            seen.is_opening,
            seen.is_closing,
            opinion.is_transferred(seen),
            *(seen.entries[name] for name in ("activation", "reactivation", "win_back")),
            *(seen.exits[name] for name in ("voluntary", "involuntary", "inactive")),
            int(seen.opening_exit is not None),
            sum(seen.exits.values()) - int(seen.opening_exit is not None),
            seen.churned_at,
            seen.tenure_days,
            opinion.opening_slice(seen) if seen.is_opening else (None,) * 5,
            opinion.closing_slice(seen),
        )
    slices = [", ".join(f"{end}_{name}" for name in SLICE.split(", ")) for end in ("opening", "closing")]
    query = f"""
        select month, subscription_id, customer_id, account_id, is_opening, is_closing, is_transferred,
            activation_count, reactivation_count, win_back_count, voluntary_churn_count, involuntary_churn_count,
            inactive_churn_count, opening_churn_count, same_month_churn_count, churned_at, tenure_days,
            {slices[0]}, {slices[1]}
        from subscription_monthly"""
    found = {row[:2]: (*row[2:17], row[17:22], row[22:27]) for row in rows_of(marts, query)}
    assert_same(found, expected)


def test_every_kind_of_movement_is_in_the_data(opinion: Opinion) -> None:
    """A comparison over nothing would prove nothing."""
    seen: dict[str, int] = defaultdict(int)
    for counts in base_movement(opinion).values():
        for name, count in counts.items():
            seen[name] += count
    assert [name for name in COUNTS if not seen[name]] == []
    assert any(line.predecessor for line in opinion.operator.lines.values())
    methods = {key[6] for key in opinion.revenue.rows}
    assert methods == {"direct", "stand_alone_price", "recurring_share", "equal_share", "unallocated"}
    assert any(line_id == "unknown" for _, line_id, *_ in opinion.usage.daily)


def test_value_and_usage_of_every_line_month(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    service, everything = opinion.revenue.of_line(service_only=True), opinion.revenue.of_line(service_only=False)
    used: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (month, line_id, _, kind, *_), amounts in opinion.usage.monthly.items():
        place = used[month, line_id]
        place[0] += amounts.seconds if kind == "voice" else 0
        place[1] += amounts.volume if kind == "data" else 0
        place[2] += amounts.events if kind == "sms" else 0
    expected = {}
    for seen in opinion.months:
        key = (seen.line.line_id, seen.month)
        money: tuple[Decimal | None, ...] = (None, None)
        if seen.month in opinion.revenue.billed_months:
            money = (service.get(key, ZERO), everything.get(key, ZERO))
        expected[seen.month, seen.line.line_id] = (*money, *used[seen.month, seen.line.line_id])
    query = """
        select month, subscription_id, service_revenue_amount, total_net_amount, voice_seconds, data_bytes, sms_count
        from subscription_monthly"""
    assert_same({row[:2]: row[2:] for row in rows_of(marts, query)}, expected)


def test_base_movement(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    expected = {key: tuple(counts[name] for name in COUNTS) for key, counts in base_movement(opinion).items()}
    found = {
        (row[0], row[1:6]): row[6:]
        for row in rows_of(marts, f"select month, {SLICE}, {', '.join(COUNTS)} from base_movement_monthly")
        if any(row[6:])
    }
    assert_same(found, expected)


def test_the_oracle_keeps_the_base_identity_itself(opinion: Opinion) -> None:
    transfers: dict[date, int] = defaultdict(int)
    for (month, _), counts in base_movement(opinion).items():
        churn = sum(counts[f"{kind}_churn_count"] for kind in ("voluntary", "involuntary", "inactive"))
        entries = counts["activation_count"] + counts["reactivation_count"] + counts["win_back_count"]
        moved = counts["transfer_in_count"] - counts["transfer_out_count"]
        assert counts["closing_count"] == counts["opening_count"] + entries - churn + moved
        transfers[month] += moved
    assert set(transfers.values()) == {0}


def test_derived_events(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    expected: dict[tuple[str, str, date], int] = defaultdict(int)
    clock = opinion.operator.clock
    for line_id, stays in opinion.stays.items():
        for stay in stays:
            if stay.left_at and stay.churn == "inactive":
                expected[line_id, "inactive_churn", clock.day(stay.left_at)] += 1
            if stay.entry in ("win_back", "reactivation"):
                name = {"win_back": "won_back", "reactivation": "reactivated"}[stay.entry]
                expected[line_id, name, clock.day(stay.joined_at)] += 1
    query = """
        select subscription_id, event_type, occurred_date, count(*) from fct_subscription_event
        where event_type in ('inactive_churn', 'won_back', 'reactivated') group by 1, 2, 3"""
    assert_same({row[:3]: row[3] for row in rows_of(marts, query)}, dict(expected))


def test_each_churn_is_counted_once(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    expected = {
        (line_id, stay.churn, stay.left_at)
        for line_id, stays in opinion.stays.items()
        for stay in stays
        if stay.left_at is not None
    }
    query = "select subscription_id, churn_type, occurred_at from fct_subscription_event where churn_type is not null"
    found = rows_of(marts, query)
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_daily_usage(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select usage_date, subscription_id, service_type, direction, network_type, roaming_type, currency_code,
            sum(event_count), sum(duration_seconds), sum(volume_bytes), sum(rated_amount)
        from fct_usage_daily group by 1, 2, 3, 4, 5, 6, 7"""
    found = {row[:7]: tuple(value or 0 for value in row[7:]) for row in rows_of(marts, query)}
    assert_same(found, {key: amounts.as_tuple() for key, amounts in opinion.usage.daily.items()})


def test_topups(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = "select topup_id, topup_date, subscription_id, amount from fct_topup"
    assert_same({row[0]: row[1:] for row in rows_of(marts, query)}, opinion.usage.topups)


def test_monthly_usage_by_slice(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select month, {SLICE}, service_type, direction, network_type, roaming_type, currency_code,
            event_count, duration_seconds, volume_mb, rated_amount
        from usage_monthly"""
    found = {(row[0], row[1:6], *row[6:11]): tuple(value or 0 for value in row[11:]) for row in rows_of(marts, query)}
    assert_same(found, usage_by_slice(opinion))


def test_revenue_line_by_line(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select subscription_id, service_month, posted_month, charge_type, document_type, payer_account_id,
            allocation_method, currency_code, net_amount, tax_amount
        from fct_revenue"""
    assert_same({row[:8]: row[8:] for row in rows_of(marts, query)}, dict(opinion.revenue.rows))


def test_revenue_owner_user_and_payer(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    """As the service month ends, or as the line was terminated."""
    operator, wrong = opinion.operator, []
    for line_id, month, account_id, owner, user, payer in rows_of(
        marts,
        "select distinct subscription_id, service_month, payer_account_id, owner_customer_id, user_customer_id,"
        " payer_customer_id from fct_revenue where subscription_id <> 'unallocated'",
    ):
        line = operator.lines[line_id]
        end = operator.clock.midnight(date(month.year + month.month // 12, month.month % 12 + 1, 1))
        state = line.history.before(min(end, line.terminated_at or end))
        paid_by = operator.accounts[account_id].before(end)["customer_id"]
        if (owner, user, payer) != (state["customer_id"], state["user_customer_id"] or state["customer_id"], paid_by):
            wrong.append((line_id, month, owner, user, payer))
    assert wrong == []


def test_monthly_revenue_by_slice(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = f"select month, {SLICE}, charge_type, currency_code, net_amount, tax_amount from revenue_monthly"
    found = {(row[0], row[1:6], row[6], row[7]): row[8:] for row in rows_of(marts, query)}
    assert_same(found, revenue_by_slice(opinion))


def test_kpi_numerators_and_denominators(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = f"select month, {SLICE}, kpi_code, numerator, denominator from kpi_monthly"
    expected = {key: _exact(*value) for key, value in kpis(opinion).items()}
    # The KPIs of other areas have oracles of their own.
    codes = {code for _, _, code in expected}
    found = {(row[0], row[1:6], row[6]): _exact(row[7], row[8]) for row in rows_of(marts, query) if row[6] in codes}
    # A slice without any line, bill or event has no row, or one of zeroes that carries last month's figures.
    assert {code for _, _, code in found} == codes
    assert_same(_without_zeroes(found), _without_zeroes(expected))


def test_what_campaigns_changed(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    found = {
        row[0]: row[1:]
        for row in rows_of(
            marts,
            "select campaign_id, treated_count, treated_outcome_count, control_count, control_outcome_count"
            " from campaign_effect",
        )
    }
    expected = {
        campaign: (treated.assigned, treated.did, control.assigned, control.did)
        for campaign, (treated, control) in campaign_arms(opinion).items()
    }
    assert len(expected) > 10
    assert_same(found, expected)


def test_what_price_changes_did(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    query = """
        select offer_id, changed_at, first_month, previous_fee_amount, fee_amount, month_count, other_offer_count,
            before_opening_count, before_voluntary_churn_count, after_opening_count, after_voluntary_churn_count,
            other_before_opening_count, other_before_voluntary_churn_count, other_after_opening_count,
            other_after_voluntary_churn_count, effect_rate, effect_low_rate, effect_high_rate
        from price_change_effect"""
    found = {row[:2]: (row[2:15], tuple(map(float, row[15:]))) for row in rows_of(marts, query)}
    expected = price_changes(opinion)
    assert len(expected) == 2
    counts = {}
    for key, change in expected.items():
        assert change.sides is not None
        effect = change.effect()
        assert effect == pytest.approx(found[key][1], abs=1e-6)
        numbers = tuple(number for side in change.sides for number in (side.lines, side.left))
        counts[key] = (change.first_month, *change.fees, change.months, change.other_offers, *numbers)
    assert_same({key: numbers for key, (numbers, _) in found.items()}, counts)


def test_revenue_of_the_lines_of_a_price_change(opinion: Opinion, marts: psycopg.Connection[Any]) -> None:
    """What the lines that opened the months compared were billed in them."""
    operator, service = opinion.operator, opinion.revenue.of_line(service_only=True)
    for (offer_id, at), change in price_changes(opinion).items():
        sums = [ZERO, ZERO]
        for seen in opinion.months:
            distance = (seen.month.year - change.first_month.year) * 12 + seen.month.month - change.first_month.month
            if not seen.is_opening or not -change.months <= distance < change.months:
                continue
            if seen.line.history.before(operator.clock.midnight(seen.month))["main_offer_id"] == offer_id:
                sums[distance >= 0] += service.get((seen.line.line_id, seen.month), ZERO)
        query = f"""
            select before_revenue_amount, after_revenue_amount from price_change_effect
            where offer_id = '{offer_id}' and changed_at = '{at.isoformat()}'"""
        assert rows_of(marts, query) == [tuple(sums)]


def _exact(numerator: Decimal, denominator: Decimal | None) -> tuple[Decimal, Decimal | None]:
    # Sixtieths of a minute have no last digit: compare to a millionth.
    return tuple(None if value is None else round(Decimal(value), 6) for value in (numerator, denominator))  # type: ignore[return-value]


def _without_zeroes(values: dict[Any, tuple[Decimal, Decimal | None]]) -> dict[Any, tuple[Decimal, Decimal | None]]:
    return {key: value for key, value in values.items() if any(value)}


def test_kpis_of_last_month_and_last_year_are_theirs(marts: psycopg.Connection[Any]) -> None:
    query = f"""
        select later.month, later.kpi_code, remembered.label, count(*)
        from kpi_monthly as later
        cross join lateral (values
            ('last month', interval '1 month', later.numerator_last_month, later.denominator_last_month),
            ('last year', interval '1 year', later.numerator_last_year, later.denominator_last_year)
        ) as remembered (label, distance, numerator, denominator)
        inner join kpi_monthly as earlier
            on (earlier.kpi_code, earlier.currency_code, {_qualified("earlier")})
                = (later.kpi_code, later.currency_code, {_qualified("later")})
            and earlier.month = later.month - remembered.distance
        where (earlier.numerator <> 0 or earlier.denominator <> 0)
            and (earlier.numerator, earlier.denominator)
                is distinct from (remembered.numerator, remembered.denominator)
        group by 1, 2, 3"""
    assert rows_of(marts, query) == []
    seen = rows_of(marts, "select count(numerator_last_month), count(numerator_last_year) from kpi_monthly")[0]
    assert min(seen) > 0


def _qualified(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in SLICE.split(", "))


def test_a_month_without_bills_has_no_revenue_rather_than_none(
    opinion: Opinion, marts: psycopg.Connection[Any]
) -> None:
    unbilled = [month for month in opinion.operator.months() if month not in opinion.revenue.billed_months]
    assert bool(unbilled) == opinion.operator.ends_within_a_month
    for month in unbilled:
        query = f"""
            select count(numerator) from kpi_monthly
            where month = date '{month}' and kpi_code in ('service_revenue', 'arpu')"""
        assert rows_of(marts, query) == [(0,)]
        query = f"select count(service_revenue_amount), count(*) from subscription_monthly where month = date '{month}'"
        known, lines = rows_of(marts, query)[0]
        assert (known, lines > 0) == (0, True)


def test_reading_time_is_the_operators(opinion: Opinion) -> None:
    """Midnight at the operator is not midnight in UTC; an event in the first hours of a month belongs to it."""
    assert opinion.operator.clock.midnight(date(2026, 1, 1)) == datetime.fromisoformat("2025-12-31T16:00:00+00:00")
