"""Every extract keeps its contract: columns, keys, codes, dates, manifests and the file layout."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tenure.contracts import Contract, load_contracts
from tenure.simulator.entities import entities
from tests.oracle.deliveries import MANIFEST, Row, deliveries

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = load_contracts(ROOT)


def test_every_contract_has_an_extract(extracts: Path) -> None:
    assert set(entities()) == set(CONTRACTS)
    assert {path.name for path in extracts.iterdir()} == {*CONTRACTS, "truth"}


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_extract_has_exactly_the_columns_of_its_contract(rows_of: Callable[[str], list[Row]], name: str) -> None:
    rows = rows_of(name)
    assert rows
    # What a file may leave out, this operator does not deliver.
    expected = tuple(column.name for column in CONTRACTS[name].columns if not column.may_be_absent)
    assert {tuple(row) for row in rows} == {expected}


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_manifest_states_rows_totals_and_period(extracts: Path, name: str) -> None:
    contract = CONTRACTS[name]
    expected_from = None
    for delivery in deliveries(extracts, name):
        rows = delivery.rows()
        assert delivery.rows_promised == len(rows)
        assert set(delivery.totals_promised) == set(contract.control_totals)
        for column, total in delivery.totals_promised.items():
            assert total == sum((Decimal(str(row[column])) for row in rows if row[column] is not None), Decimal(0))
        # Periods join up: each begins the day after the one before.
        if expected_from is not None:
            assert (delivery.period_from - expected_from).days == 1
        expected_from = delivery.period_to


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_values_keep_the_contract(rows_of: Callable[[str], list[Row]], name: str) -> None:
    contract = CONTRACTS[name]
    keys = set()
    for row in rows_of(name):
        broken = [fault for column in contract.columns if (fault := _fault(contract, column.name, row))]
        assert not broken, (row, broken)
        keys.add(tuple(row[column] for column in contract.primary_key))
    assert len(keys) == len(rows_of(name))


def _fault(contract: Contract, name: str, row: Row) -> str:
    column, value = contract.column(name), row.get(name)
    if value is None:
        return f"{name} is missing" if column.is_required else ""
    if column.values and value not in column.values:
        return f"{name} has an unknown code"
    if column.pattern and not re.fullmatch(column.pattern, value):
        return f"{name} does not match"
    if column.type == "timestamp" and datetime.fromisoformat(value).utcoffset() is None:
        return f"{name} has no offset"
    if column.type in ("integer", "numeric"):
        number = Decimal(str(value))
        too_small = column.minimum is not None and number < column.minimum
        if too_small or (column.maximum is not None and number > column.maximum):
            return f"{name} is out of range"
    return f"{name} is too long" if isinstance(value, str) and len(value) > column.max_length else ""


def test_rows_stand_in_the_file_of_their_day(extracts: Path) -> None:
    for name, contract in CONTRACTS.items():
        for position, delivery in enumerate(deliveries(extracts, name)):
            days = {row[contract.date_column][:10] for row in delivery.rows()}
            if position and days:  # the first file carries what was there before
                assert min(days) >= str(delivery.period_from), delivery.path
            latest = str(max(delivery.period_to, delivery.business_date))
            assert not days or max(days) <= latest, delivery.path


def test_all_formats_are_in_use(extracts: Path) -> None:
    formats = {
        path.name.split(".", 1)[1]
        for path in extracts.rglob("*")
        if path.is_file() and path.parent.name != "truth" and not path.name.endswith(MANIFEST)
    }
    assert formats == {"csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"}


def test_history_is_monthly_and_the_open_month_daily(extracts: Path) -> None:
    names = [delivery.path.name for delivery in deliveries(extracts, "usage.topup")]
    assert names[0] == "topup_20250831.csv.gz"
    assert names[11:] == ["topup_20260731.csv.gz"] + [f"topup_2026080{day}.csv" for day in range(1, 5)]
    billing = [delivery.path.name for delivery in deliveries(extracts, "billing.invoice_line")]
    assert len(billing) == 12, "the open month is not billed yet"
    assert billing[0] == "invoice_line_20250901.csv.gz"


def test_amounts_have_two_decimals_and_the_right_tax(rows_of: Callable[[str], list[Row]]) -> None:
    for row in rows_of("billing.invoice_line"):
        net, tax = Decimal(row["net_amount"]), Decimal(row["tax_amount"])
        assert net == net.quantize(Decimal("0.01"))
        rate = Decimal("0.13") if row["charge_type"] == "equipment" else Decimal("0.06")
        assert abs(tax - net * rate) <= Decimal("0.005")
        assert row["service_month"].endswith("-01")
