"""Every page as a person of each role sees it: in one browser session, complete, and nothing cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import yaml

from tenure.dashboards.bundle import read_assets
from tenure.dashboards.language import code_of
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer, logged_in
from tests.superset.page import DashboardPage
from tests.superset.people import create_user
from tests.superset.test_roles import COMPANY_WIDE

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

# Language to name of a page's file to the dashboard.
PAGES = {
    code: {
        Path(path).stem: document
        for path, document in read_assets(ROOT).items()
        if path.startswith("dashboards/") and code_of(path) == code
    }
    for code in ("en", "zh")
}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
ADMINISTRATOR = {"name": "Admin", "pages": "all"}
ENTRIES = yaml.safe_load((ROOT / "superset" / "roles.yaml").read_text(encoding="utf-8"))
# One regional manager stands for all: they differ in the regions of their login only.
REGIONAL = next(entry for entry in ENTRIES if "regions" in entry)
ROLES = [ADMINISTRATOR, *(entry for entry in ENTRIES if "regions" not in entry), REGIONAL]
VIEWERS = [(role, code) for role in ROLES for code in PAGES]


@pytest.mark.parametrize("page", sorted(PAGES["en"].keys() - {"executive_overview"}))
def test_every_chart_of_the_page_is_drawn_with_data(
    overview: DashboardPage, superset_server: SupersetServer, tmp_path: Path, page: str
) -> None:
    """KEEP_PICTURES=docs/images in the environment of `pytest` keeps the pictures."""
    document = PAGES["en"][page]
    overview.open(f"{superset_server.base}/superset/dashboard/{document['slug']}/")
    _is_complete(overview, _titles(document, set()))
    if page == "marketing":
        _every_price_change_is_shown_with_its_verdict(overview, superset_server)
    overview.picture(Path(os.environ.get("KEEP_PICTURES") or tmp_path) / f"{document['slug']}.png")
    overview.use_laptop()
    assert overview.cut_off() == []


@dataclass(frozen=True)
class Viewer:
    """A person of a role with a browser of a language."""

    role: dict[str, Any]
    code: str
    browser: DashboardPage

    @property
    def name(self) -> str:
        """The role as part of a file's name."""
        return str(self.role["name"]).lower().replace(" ", "-")

    def may_open(self, page: str) -> bool:
        """Whether roles.yaml names the page for the role."""
        return self.role["pages"] == "all" or page in self.role["pages"]


@pytest.fixture(scope="module", params=VIEWERS, ids=lambda one: f"{one[0]['name']}_in_{one[1]}")
def viewer(
    request: pytest.FixtureRequest, superset_server: SupersetServer, test_base: Path, driver: Playwright
) -> Iterator[Viewer]:
    role, code = request.param
    user = f"viewer-{role.get('login', 'admin')}"
    create_user(superset_server, user, [role["name"]])
    profile = test_base / f"browser-{user}-{code}"
    with logged_in(driver, superset_server.settings, profile, LOCALES[code], user) as browser:
        yield Viewer(role, code, browser)


@pytest.mark.long
@pytest.mark.parametrize("page", sorted(PAGES["en"]))
def test_every_page_for_every_role_in_every_language_and_theme(
    viewer: Viewer, superset_server: SupersetServer, tmp_path: Path, page: str
) -> None:
    """What a role may open is complete, and everything else is refused.

    KEEP_PICTURES=DIR in the environment of `pytest` keeps the pictures.
    """
    document = PAGES[viewer.code][page]
    url = f"{superset_server.base}/superset/dashboard/{document['slug']}/"
    if not viewer.may_open(page):
        assert viewer.browser.is_refused(url)
        return
    left_out = COMPANY_WIDE.get(page, set()) if "regions" in viewer.role else set[str]()
    viewer.browser.use_theme("light")
    viewer.browser.open(url)
    folder = Path(os.environ.get("KEEP_PICTURES") or tmp_path)
    for scheme in ("light", "dark"):
        viewer.browser.use_theme(scheme)
        _is_complete(viewer.browser, _titles(document, left_out))
        viewer.browser.picture(folder / viewer.name / f"{document['slug']}-{scheme}.png")


def _titles(document: dict[str, Any], left_out: set[str]) -> set[str]:
    """Of the charts that somebody gets on the page; left_out: names of those that he does not."""
    charts = {key.removeprefix("CHART-"): node for key, node in document["position"].items() if key[:6] == "CHART-"}
    assert left_out <= charts.keys()
    return {node["meta"]["sliceName"] for name, node in charts.items() if name not in left_out}


def _is_complete(page: DashboardPage, titles: set[str]) -> None:
    assert page.charts().keys() == titles
    assert page.problems() == []
    assert page.failures == []
    assert page.cut_off() == []
    assert page.scrolled() == []


def _every_price_change_is_shown_with_its_verdict(page: DashboardPage, server: SupersetServer) -> None:
    with psycopg.connect(server.settings.url("dashboard")) as connection:
        query = "select offer_name, verdict_name, effect_rate from marts.price_change_effect order by 1"
        known = connection.execute(query).fetchall()
    expected = [(name, verdict.capitalize(), f"{100 * rate:+.2f}") for name, verdict, rate in known]
    assert len(expected) == 2
    rows = page.charts()["What price changes did"].locator("tbody tr").all()
    cells = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows]
    assert sorted((row[0], row[2], row[4].replace("\u2212", "-")) for row in cells) == expected
