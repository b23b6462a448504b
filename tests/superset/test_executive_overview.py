"""The executive overview as an executive sees it: in a browser, complete, and with the numbers of the marts."""

from __future__ import annotations

import os
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tenure.dashboards.bundle import read_assets
from tests.superset.conftest import SupersetServer
from tests.superset.page import DashboardPage

AT_RISK = "Value at risk today, of a year"
# What the page may ask the server for, its filters included.
MOST_QUERIES = 14
LAST_FULL_MONTH = "(select max(month) from marts.kpi_monthly where not is_open_month)"


def ask(server: SupersetServer, query: str, *values: Any) -> Any:
    """One value from the marts, as the role that the dashboards read with."""
    with psycopg.connect(server.settings.url("dashboard")) as connection:
        row = connection.execute(query, values).fetchone()
        assert row is not None
        return row[0]


def kpi(server: SupersetServer, code: str, region: str | None = None) -> Decimal:
    value = ask(
        server,
        "select sum(numerator) from marts.kpi_monthly join marts.dim_region using (region_id)"
        f" where kpi_code = %s and month = {LAST_FULL_MONTH} and (%s::text is null or region_name = %s)",
        code, region, region,
    )  # fmt: skip
    return Decimal(value)


def value_at_risk(server: SupersetServer, region: str | None = None) -> Decimal:
    value = ask(
        server,
        "select sum(value_at_risk_amount) from marts.churn_watchlist join marts.dim_region using (region_id)"
        " where %s::text is null or region_name = %s",
        region, region,
    )  # fmt: skip
    return Decimal(value or 0)


def digits(text: str) -> Decimal:
    """The amount in a headline: `CN¥ 3,642,754` is 3642754."""
    return Decimal("".join(letter for letter in text if letter.isdigit() or letter in ".-−").replace("−", "-"))


def whole(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1), rounding=ROUND_HALF_UP)


def headlines(page: DashboardPage) -> dict[str, Decimal]:
    return {title: digits(page.card(title)[0]) for title in ("Closing base", "Service revenue", AT_RISK)}


def expected(server: SupersetServer, region: str | None = None) -> dict[str, Decimal]:
    return {
        "Closing base": kpi(server, "closing_base", region),
        "Service revenue": whole(kpi(server, "service_revenue", region)),
        AT_RISK: whole(value_at_risk(server, region)),
    }


def test_every_chart_is_drawn_with_data(overview: DashboardPage, superset_server: SupersetServer) -> None:
    assets = read_assets(superset_server.settings.root)
    titles = {chart["slice_name"] for path, chart in assets.items() if path.startswith("charts/executive_overview/")}
    assert overview.charts().keys() == titles
    assert overview.problems() == []
    assert overview.failures == []
    assert overview.cut_off() == []


def test_the_page_asks_the_server_for_little(overview: DashboardPage, superset_server: SupersetServer) -> None:
    """Counted as the browser sends them, from the first to the last chart drawn."""
    overview.open(f"{superset_server.base}/superset/dashboard/executive-overview/")
    filters = overview.page.locator("[data-test='filter-control-name']").count()
    assert filters == 5
    # Nothing escapes the count: every chart and filter has asked at least once.
    assert len(overview.charts()) + filters <= len(overview.queries) <= MOST_QUERIES


def test_the_open_month_begins_with_the_whole(overview: DashboardPage, superset_server: SupersetServer) -> None:
    rows = overview.charts()["Open month to date, by region"].locator("tbody tr")
    cells = [cell.strip() for cell in rows.first.locator("td").all_inner_texts()]
    opening, closing = (
        ask(superset_server, f"select sum({side}_count) from marts.base_movement_monthly where is_open_month")
        for side in ("opening", "closing")
    )
    assert (cells[0], digits(cells[2]), digits(cells[-1])) == ("All regions", opening, closing)
    regions = ask(
        superset_server, "select count(distinct region_id) from marts.base_movement_monthly where is_open_month"
    )
    assert rows.count() == regions + 1


def test_tables_and_definitions_are_read_without_scrolling(overview: DashboardPage) -> None:
    assert overview.scrolled() == []
    # The check itself can fail: on a page half as wide neither fits.
    size = overview.page.viewport_size
    assert size is not None
    overview.page.set_viewport_size({"width": 700, "height": size["height"]})
    try:
        overview.wait_until_drawn()
        narrow = overview.scrolled()
        assert "Churn watch list" in narrow
        assert any(text.startswith("Definitions") for text in narrow)
    finally:
        overview.page.set_viewport_size(size)
        overview.wait_until_drawn()


def test_the_cards_fit_on_a_laptop(overview: DashboardPage) -> None:
    size = overview.page.viewport_size
    assert size is not None
    overview.use_laptop()
    try:
        assert overview.cut_off() == []
        # The check itself can fail: a longer number does not fit.
        overview.page.evaluate(
            "() => { document.querySelector('[data-test-viz-type=table] td:nth-child(2)').innerText = '9'.repeat(40) }"
        )
        assert overview.cut_off() == ["9" * 40]
    finally:
        overview.page.set_viewport_size(size)
        overview.page.reload()
        overview.wait_until_drawn()


def test_the_page_says_what_day_it_is_complete_to(overview: DashboardPage, superset_server: SupersetServer) -> None:
    as_of = ask(superset_server, "select as_of_date from marts.publication where is_current")
    assert overview.headline("Data as of") == f"{as_of:%d %b %Y}"
    assert "MTD" in overview.charts()["Open month to date, by region"].inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_draw_every_chart(
    overview: DashboardPage, superset_server: SupersetServer, tmp_path: Path, scheme: str
) -> None:
    """KEEP_PICTURES=docs/images in the environment of `pytest` keeps the pictures, for the README."""
    overview.use_theme(scheme)
    assert overview.problems() == []
    background = overview.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in background.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    assert (red + green + blue < 200) == (scheme == "dark"), background
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path)
    name = "executive-overview.png" if scheme == "light" else "executive-overview-dark.png"
    overview.picture(folder / name)
    assert (folder / name).stat().st_size > 50_000


def test_totals_are_those_of_the_marts_before_and_after_a_filter(
    overview: DashboardPage, superset_server: SupersetServer
) -> None:
    everything = expected(superset_server)
    assert headlines(overview) == everything
    region = ask(
        superset_server,
        "select region_name from marts.churn_watchlist join marts.dim_region using (region_id)"
        " group by 1 order by count(*) desc, 1 limit 1",
    )
    overview.choose("Region", region)
    assert overview.problems() == []
    filtered = headlines(overview)
    assert filtered == expected(superset_server, region)
    assert filtered["Closing base"] < everything["Closing base"]
