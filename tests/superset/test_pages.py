"""Every page as a person sees it: in one browser session, complete, and nothing cut off."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from tenure.dashboards.bundle import of_kind, read_assets
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer
from tests.superset.page import DashboardPage

PAGES = {document["slug"]: document for document in of_kind(read_assets(ROOT), "dashboards")}


@pytest.mark.parametrize("slug", sorted(PAGES.keys() - {"executive-overview"}))
def test_every_chart_of_the_page_is_drawn_with_data(
    overview: DashboardPage, superset_server: SupersetServer, tmp_path: Path, slug: str
) -> None:
    """KEEP_PICTURES=docs/images in the environment of `pytest` keeps the pictures."""
    overview.open(f"{superset_server.base}/superset/dashboard/{slug}/")
    nodes = PAGES[slug]["position"].values()
    titles = {node["meta"]["sliceName"] for node in nodes if isinstance(node, dict) and node["type"] == "CHART"}
    assert overview.charts().keys() == titles
    assert overview.problems() == []
    assert overview.failures == []
    assert overview.cut_off() == []
    assert overview.scrolled() == []
    if slug == "marketing":
        _every_price_change_is_shown_with_its_verdict(overview, superset_server)
    overview.picture(Path(os.environ.get("KEEP_PICTURES") or tmp_path) / f"{slug}.png")


def _every_price_change_is_shown_with_its_verdict(page: DashboardPage, server: SupersetServer) -> None:
    with psycopg.connect(server.settings.url("dashboard")) as connection:
        query = "select offer_name, verdict_name, effect_rate from marts.price_change_effect order by 1"
        expected = [(name, verdict, f"{100 * rate:+.2f}") for name, verdict, rate in connection.execute(query)]
    assert len(expected) == 2
    rows = page.charts()["What price changes did"].locator("tbody tr").all()
    cells = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows]
    assert sorted((row[0], row[2], row[4].replace("\u2212", "-")) for row in cells) == expected
