"""Pages answered ahead after a publication: what a real browser then asks is there, for each login its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tenure import services
from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.language import code_of
from tenure.dashboards.publication import FORGET
from tenure.dashboards.warming import LATER, WARMER, line_of, start_warming, warmer_service, warmth
from tenure.settings import ROOT, Settings
from tests.superset.conftest import SupersetServer, logged_in
from tests.superset.page import DashboardPage
from tests.superset.people import create_user
from tests.superset.test_roles import COMPANY_WIDE
from tests.superset.test_who_sees_what import EXECUTIVE, MANAGER, ROLES

if TYPE_CHECKING:
    from playwright.sync_api import Playwright, Response

PATIENCE_SECONDS = 900.0
SETTLED_SECONDS = 1.0
SLUGS = {
    code: sorted(
        document["slug"]
        for path, document in read_assets(ROOT).items()
        if path.startswith("dashboards/") and code_of(path) == code
    )
    for code in ("en", "zh")
}


@dataclass
class Reader:
    """Somebody with a browser, and what the server answered to it: (asked, answered) of each query."""

    browser: DashboardPage
    answers: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def note(self, response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            self.answers += zip(response.request.post_data_json["queries"], response.json()["result"], strict=True)

    def open(self, server: SupersetServer, slug: str) -> None:
        self.answers.clear()
        self.browser.open(f"{server.base}/superset/dashboard/{slug}/")
        assert self.browser.problems() == []

    def offered(self, column: str) -> set[str]:
        """The values that a filter offers."""
        found = [answer for asked, answer in self.answers if asked["columns"] == [column] and not asked["metrics"]]
        assert found
        return {row[column] for row in found[0]["data"]}

    def worked_out_anew(self) -> list[str]:
        return [
            str(asked["columns"] + asked.get("metrics", []))
            for asked, answer in self.answers
            if not answer["is_cached"]
        ]


def connections(settings: Settings) -> int:
    """How often anybody has connected to the warehouse; Postgres counts him when he has gone."""
    with psycopg.connect(settings.url("dashboard")) as connection:
        warehouse = connection.info.dbname
    with psycopg.connect(settings.url("superset"), autocommit=True) as connection:
        assert connection.info.dbname != warehouse
        seen: list[int] = []
        while len(seen) < 2 or seen[-1] != seen[-2]:
            time.sleep(SETTLED_SECONDS)
            query = "select sessions from pg_stat_database where datname = %s"
            seen += [sessions for (sessions,) in connection.execute(query, (warehouse,))]
    return seen[-1]


@pytest.fixture(scope="module")
def warmed(superset_server: SupersetServer) -> Settings:
    """After a publication: all that was answered is forgotten, and answered ahead."""
    settings = superset_server.settings
    for name, role in (("warm-executive", EXECUTIVE), ("warm-manager", MANAGER)):
        create_user(superset_server, name, [role])
    with psycopg.connect(settings.url("superset")) as connection:
        connection.execute(FORGET)
    before = warmth(settings)
    assert before is not None and not before["is_warm"]
    said: list[str] = []
    start_warming(settings, said.append)
    assert said == []
    services.wait_end(settings, warmer_service(settings), PATIENCE_SECONDS)
    return settings


@pytest.fixture(scope="module")
def executive(
    warmed: Settings, superset_server: SupersetServer, test_base: Path, driver: Playwright
) -> Iterator[Reader]:
    with logged_in(driver, warmed, test_base / "browser-warm-executive", user="warm-executive") as browser:
        reader = Reader(browser)
        browser.page.on("response", reader.note)
        yield reader


@pytest.mark.parametrize("slug", SLUGS["en"])
def test_page__is_answered_before_anybody_opens_it(
    executive: Reader, superset_server: SupersetServer, slug: str
) -> None:
    executive.open(superset_server, slug)
    filters = executive.browser.page.locator("[data-test='filter-control-name']").count()
    assert len(executive.answers) >= len(executive.browser.charts()) + filters > 10
    assert executive.worked_out_anew() == []


def test_answered_page__asks_nothing_of_the_warehouse(executive: Reader, superset_server: SupersetServer) -> None:
    """Nor for the currency of its amounts, which Superset asks for beside each answer that it keeps."""
    before = connections(superset_server.settings)
    executive.open(superset_server, "credit")
    assert connections(superset_server.settings) == before + 1  # its own
    money = [answer["detected_currency"] for _, answer in executive.answers if answer.get("detected_currency")]
    with psycopg.connect(superset_server.settings.url("dashboard")) as connection:
        rows = connection.execute("select distinct currency_code from marts.receivable_monthly").fetchall()
    assert money and {(code,) for code in money} == set(rows)


def test_manager__finds_his_own_regions_answered_and_no_other(
    executive: Reader, superset_server: SupersetServer, test_base: Path, driver: Playwright
) -> None:
    settings = superset_server.settings
    regions = {}
    for login in ("dashboard", ROLES[MANAGER].login):
        with psycopg.connect(settings.url(login)) as connection:
            rows = connection.execute("select region_name from marts.dim_region where region_name <> 'Unknown'")
            regions[login] = {name for (name,) in rows}
    of_all, of_manager = regions.values()
    executive.open(superset_server, "revenue")
    assert of_manager < of_all and executive.offered("region_name") >= of_all
    with logged_in(driver, settings, test_base / "browser-warm-manager", "zh-CN", "warm-manager") as browser:
        reader = Reader(browser)
        browser.page.on("response", reader.note)
        for slug in ("executive-overview-zh", "revenue-zh"):
            reader.open(superset_server, slug)
            assert reader.worked_out_anew() == []
            assert reader.offered("region_name") <= of_manager
        assert len(browser.charts()) == len(executive.browser.charts()) - len(COMPANY_WIDE["revenue"])


def test_status__says_that_the_pages_are_answered(warmed: Settings) -> None:
    state = warmth(warmed)
    assert state is not None and state["is_warm"] and state["failed"] == 0
    assert state["logins"] >= 2
    charts = len(list(of_kind(read_assets(ROOT), "charts")))
    assert state["answers"] > charts
    assert line_of(state).startswith(f"the pages of the dashboards are answered ahead: {state['answers']:,} answers")


def test_second_start__finds_nothing_to_do(warmed: Settings) -> None:
    start_warming(warmed, pytest.fail)
    assert services.running_pid(warmed, WARMER) is None


def test_without_superset__one_line_is_said_and_nothing_fails(warmed: Settings, tmp_path: Path) -> None:
    with psycopg.connect(warmed.url("superset")) as connection:
        connection.execute("update tenure_installation set value = '{}' where what = 'warmed'")
    try:
        state = warmth(warmed)
        assert state is not None and line_of(state) == LATER
        said: list[str] = []
        start_warming(warmed.model_copy(update={"superset_venv": tmp_path / "nowhere"}), said.append)
        assert [line.split(":")[0] for line in said] == [LATER]
        assert "Superset is not installed" in said[0]
    finally:
        with psycopg.connect(warmed.url("superset")) as connection:
            connection.execute("delete from tenure_installation where what = 'warmed'")
