"""Every page as a person sees it: in one browser session, complete, and nothing cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tenure.dashboards.bundle import read_assets
from tenure.dashboards.language import code_of
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer, logged_in
from tests.superset.page import DashboardPage

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

PAGES = {
    code: {
        document["slug"]: document
        for path, document in read_assets(ROOT).items()
        if path.startswith("dashboards/") and code_of(path) == code
    }
    for code in ("en", "zh")
}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}


@pytest.mark.parametrize("slug", sorted(PAGES["en"].keys() - {"executive-overview"}))
def test_every_chart_of_the_page_is_drawn_with_data(
    overview: DashboardPage, superset_server: SupersetServer, tmp_path: Path, slug: str
) -> None:
    """KEEP_PICTURES=docs/images in the environment of `pytest` keeps the pictures."""
    overview.open(f"{superset_server.base}/superset/dashboard/{slug}/")
    _is_complete(overview, PAGES["en"][slug])
    if slug == "marketing":
        _every_price_change_is_shown_with_its_verdict(overview, superset_server)
    overview.picture(Path(os.environ.get("KEEP_PICTURES") or tmp_path) / f"{slug}.png")


@pytest.fixture(scope="module", params=sorted(PAGES))
def viewer(
    request: pytest.FixtureRequest, superset_server: SupersetServer, test_base: Path, driver: Playwright
) -> Iterator[tuple[str, DashboardPage]]:
    """A person with a browser of one language, and that language."""
    code = str(request.param)
    with logged_in(driver, superset_server.settings, test_base / f"browser-{code}", LOCALES[code]) as page:
        yield code, page


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(PAGES["en"])))
def test_every_page_in_every_language_and_theme(
    viewer: tuple[str, DashboardPage], superset_server: SupersetServer, tmp_path: Path, number: int
) -> None:
    """KEEP_PICTURES=DIR in the environment of `pytest` keeps the pictures."""
    code, page = viewer
    slug, document = sorted(PAGES[code].items())[number]
    page.use_theme("light")
    page.open(f"{superset_server.base}/superset/dashboard/{slug}/")
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path)
    for scheme in ("light", "dark"):
        page.use_theme(scheme)
        _is_complete(page, document)
        page.picture(folder / f"{slug}-{scheme}.png")


def _is_complete(page: DashboardPage, document: dict[str, Any]) -> None:
    nodes = document["position"].values()
    titles = {node["meta"]["sliceName"] for node in nodes if isinstance(node, dict) and node["type"] == "CHART"}
    assert page.charts().keys() == titles
    assert page.problems() == []
    assert page.failures == []
    assert page.cut_off() == []
    assert page.scrolled() == []


def _every_price_change_is_shown_with_its_verdict(page: DashboardPage, server: SupersetServer) -> None:
    with psycopg.connect(server.settings.url("dashboard")) as connection:
        query = "select offer_name, verdict_name, effect_rate from marts.price_change_effect order by 1"
        expected = [(name, verdict, f"{100 * rate:+.2f}") for name, verdict, rate in connection.execute(query)]
    assert len(expected) == 2
    rows = page.charts()["What price changes did"].locator("tbody tr").all()
    cells = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows]
    assert sorted((row[0], row[2], row[4].replace("\u2212", "-")) for row in cells) == expected
