"""The books tie to what they are made from: ledger to bills, costs to contacts, lines and unit costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from tests.oracle.deliveries import Row

Rows = Callable[[str], list[Row]]
COMMISSIONS = {"CH01": 30, "CH02": 10, "CH03": 25, "CH04": 60, "CH05": 80}


def _money(value: object) -> Decimal:
    return Decimal(str(value))


def _costs(rows_of: Rows, cost_type: str) -> list[Row]:
    return [row for row in rows_of("finance.cost") if row["cost_type"] == cost_type]


def test_ledger_ties_to_the_bills_by_charge_and_month(rows_of: Rows) -> None:
    billed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows_of("billing.invoice_line"):
        issued = date.fromisoformat(row["issued_at"][:10])
        is_run = row["document_type"] in ("invoice", "statement")
        month = f"{(issued - timedelta(days=1) if is_run else issued):%Y-%m}-01"
        billed[f"revenue_{row['charge_type']}", month] += _money(row["net_amount"])
        billed["tax_payable", month] += _money(row["tax_amount"])
    ledger = {(row["account_code"], row["month"]): _money(row["amount"]) for row in rows_of("finance.gl_total")}
    assert len({month for _, month in ledger}) == 12
    for key, amount in ledger.items():
        if key[0] != "accounts_receivable":
            assert amount == billed.pop(key, Decimal(0)), key
    assert not billed


def test_marketing_cost_is_the_cost_of_the_contacts(rows_of: Rows) -> None:
    spent: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows_of("marketing.campaign_contact"):
        if row["assigned_at"] < "2026-08":
            spent[row["campaign_id"], row["assigned_at"][:7]] += _money(row["cost_amount"])
    booked: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in _costs(rows_of, "marketing"):
        booked[row["campaign_id"], row["cost_month"][:7]] += _money(row["amount"])
    assert booked == {key: amount for key, amount in spent.items() if amount}
    budgets = {row["campaign_id"]: _money(row["budget_amount"]) for row in rows_of("marketing.campaign")}
    assert all(amount <= budgets[campaign] for (campaign, _), amount in booked.items())


def test_commission_is_paid_for_every_new_line_and_taken_back_when_it_is_lost_at_once(rows_of: Rows) -> None:
    lines = {row["subscription_id"]: row for row in rows_of("crm.subscription")}
    expected: dict[str, Decimal] = {}
    for line, row in lines.items():
        if "2025-08" <= row["activated_at"] < "2026-08":
            expected[line] = Decimal(COMMISSIONS[row["channel_id"]])
    for row in rows_of("crm.subscription_event"):
        line = row["subscription_id"]
        if row["event_type"] == "terminated" and row["occurred_at"] < "2026-08":
            age = np.datetime64(row["occurred_at"][:19]) - np.datetime64(lines[line]["activated_at"][:19])
            if age < np.timedelta64(90, "D"):
                expected[line] = expected.get(line, Decimal(0)) - Decimal(COMMISSIONS[lines[line]["channel_id"]]) / 2
    booked: dict[str, Decimal] = defaultdict(Decimal)
    for row in _costs(rows_of, "commission"):
        booked[row["subscription_id"]] += _money(row["amount"])
    assert booked == expected
    assert sum(_money(row["amount"]) < 0 for row in _costs(rows_of, "commission")) > 5


def test_network_cost_is_lines_in_service_times_their_unit_cost(rows_of: Rows) -> None:
    """Counted by hand for two months, one before and one after the unit costs changed."""
    service = {row["offer_id"]: row["service_line"] for row in rows_of("crm.offer")}
    ended = {
        row["subscription_id"]: row["occurred_at"]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    for month, after in (("2025-10-01", "2025-11-01"), ("2026-03-01", "2026-04-01")):
        unit: dict[str, Decimal] = {}
        for row in sorted(rows_of("finance.unit_cost"), key=lambda row: row["effective_at"]):
            if row["effective_at"] < after:
                unit[row["unit_cost_code"]] = _money(row["amount"])
        state: dict[str, Row] = {}
        for row in sorted(rows_of("crm.subscription"), key=lambda row: row["effective_at"]):
            if row["effective_at"] < after:
                state[row["subscription_id"]] = row
        expected: dict[str, Decimal] = defaultdict(Decimal)
        for line, row in state.items():
            if ended.get(line, "9999") >= after:
                expected[row["region_id"]] += unit[f"network_{service[row['main_offer_id']]}_line"]
        booked = {
            row["region_id"]: _money(row["amount"]) for row in _costs(rows_of, "network") if row["cost_month"] == month
        }
        assert booked == expected


def test_subsidies_go_with_phones_in_instalments(rows_of: Rows) -> None:
    financed = {row["subscription_id"] for row in rows_of("crm.device") if str(row["is_instalment"]).lower() == "true"}
    booked = Counter(row["subscription_id"] for row in _costs(rows_of, "subsidy"))
    assert len(booked) > 10 and set(booked.values()) == {1}
    assert set(booked) <= financed


def test_unit_costs_change_and_targets_are_set_before_their_month(rows_of: Rows) -> None:
    versions = Counter(row["unit_cost_code"] for row in rows_of("finance.unit_cost"))
    assert max(versions.values()) == 2
    slices = defaultdict(set)
    for row in rows_of("finance.kpi_target"):
        assert row["effective_at"][:10] <= row["month"]
        slices[row["month"]].add((row["kpi_code"], row["region_id"]))
    assert len(slices) == 13 and {len(found) for found in slices.values()} == {4 * 9}


def test_targets_are_in_reach(rows_of: Rows) -> None:
    targets = {
        (row["month"], row["kpi_code"]): float(row["target_value"])
        for row in rows_of("finance.kpi_target")
        if row["region_id"] == "all"
    }
    assert 1_800 < targets["2026-01-01", "closing_base"] < 3_000
    assert 20 < targets["2026-01-01", "arpu"] < 120
    assert 0.01 < targets["2026-01-01", "churn_rate"] < 0.05


def test_exchange_rates_are_daily_and_move_little(rows_of: Rows) -> None:
    rates = defaultdict(list)
    for row in rows_of("finance.exchange_rate"):
        rates[row["from_currency_code"]].append((row["rate_date"], float(row["rate"])))
    assert set(rates) == {"USD", "EUR", "HKD"}
    for series in rates.values():
        days = [day for day, _ in sorted(series)]
        assert days[0] == "2025-08-01" and days[-1] == "2026-07-31" and len(set(days)) == 365
        values = np.log([rate for _, rate in sorted(series)])
        assert np.abs(np.diff(values)).max() < 0.01
        assert 0 < values.std() < 0.03
