"""How long a browser takes to show each page, against the same page over one-row tables: what remains is Superset.

On the other side each dataset of the dashboards reads a table that has one row of what it gives: of the newest month,
so that the filters above the charts find it, and one that its charts show. One browser, logged in as an executive,
opens every page on each side, in turn, when everything is cached: scripts in the browser, answers in Superset. The
seconds are the browser's own, from the start of the navigation until no chart is loading or changing any more. The
result is the page that stands worst.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psycopg
import requests
from playwright.sync_api import Page, Response, sync_playwright
from psycopg import sql

from benchmarks.dashboard import FLOOR, LINES, MONTHS, WHOLE, Connection
from benchmarks.landing_warehouse import LandingWarehouse, landing_warehouse
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from tenure import services
from tenure.dashboards import Provisioned
from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.pages import read_pages
from tenure.dashboards.warming import WARMER
from tenure.dashboards.web import base_url
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer, logged_in
from tests.superset.page import BUSY, CHART, EMPTY, ERRORS
from tests.superset.people import create_user

TARGET = 1.25
EXECUTIVE = "executive-browser"
SIDES = (WHOLE, FLOOR)
# Part of the key of every cached answer: with an instant for each side, both stay cached while they take turns.
OF_SIDE = (
    "update tables set changed_on = timestamp '2001-01-01' + make_interval(days => %s) where is_managed_externally"
)
DATASETS = {one["table_name"]: one for one in of_kind(read_assets(ROOT), "datasets")}
# Of a dataset's rows the one is kept that comes first by these, where it has them. An empty chart would not be drawn,
# so the row is one that the charts ask for.
NEWEST = ("reporting_month", "is_chosen_month", "currency_code")
# Superset draws what is in view.
WIDTH, HEIGHT = 1600, 6000
# In the page, before its own scripts: the last moment at which a chart was loading, there was none, or one was changed:
# a chart that has its answer is still to be drawn.
WATCH = f"""
window.lastBusy = 0;
const look = () => {{
    const charts = [...document.querySelectorAll(`{CHART}`)];
    const isDrawn = chart => !chart.querySelector(`{BUSY}`)
        && chart.querySelector(`[data-test='slice-container'], {ERRORS}, {EMPTY}`);
    if (!charts.length || !charts.every(isDrawn)) window.lastBusy = performance.now();
    requestAnimationFrame(look);
}};
requestAnimationFrame(look);
const inChart = change => (change.target.closest ? change.target : change.target.parentElement)?.closest(`{CHART}`);
new MutationObserver(changes => {{ if (changes.some(inChart)) window.lastBusy = performance.now(); }})
    .observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
"""
QUIET_MILLISECONDS = 1500
PATIENCE_SECONDS = 60
IS_QUIET = f"performance.now() - window.lastBusy > {QUIET_MILLISECONDS}"


def dashboard_pages() -> dict[str, object]:
    """Warm seconds of a page in a browser / of the same page over one-row tables; of the page where it is highest."""
    lines, runs = rows_asked(LINES), runs_asked()
    slugs = [page["slug"] for page in read_pages(ROOT)]
    with landing_warehouse() as (warehouse, folder):
        warehouse.build_operator(folder, lines, MONTHS)
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            _make_floor(connection)
        warehouse.tenure("dashboards")
        # Nothing is answered ahead: what is measured is warmed by opening it.
        services.stop(warehouse.settings, WARMER)
        try:
            with _browser(warehouse, folder) as (page, server):
                measured = _measure(page, server, slugs, runs)
            version = warehouse.server_version()
        finally:
            warehouse.tenure("down")
    ratios = {
        slug: [ours / theirs for ours, theirs in zip(of[WHOLE], of[FLOOR], strict=True)]
        for slug, of in measured.items()
    }
    slowest = max(ratios, key=lambda slug: median(ratios[slug]))
    every = "; ".join(
        f"{slug} {median(of[WHOLE]):.2f} and {median(of[FLOOR]):.2f}" for slug, of in sorted(measured.items())
    )
    return result(
        "dashboard_pages",
        ratios[slowest],
        TARGET,
        "lower",
        f"{slowest} of {len(ratios)} pages; median seconds of each over the marts and over one-row tables: {every};"
        f" {lines} lines, {MONTHS} months",
        ("psycopg", "playwright"),
        postgresql=version,
    )


def _make_floor(connection: Connection) -> None:
    """A schema with a table of one row for each dataset, for the dashboards to read."""
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(FLOOR)))
    connection.execute(sql.SQL("grant usage on schema {} to tenure_dashboard").format(sql.Identifier(FLOOR)))
    for name, dataset in DATASETS.items():
        rows = sql.SQL("select * from ({}) as dataset").format(sql.SQL(dataset["sql"]))
        columns = [one.name for one in connection.execute(rows + sql.SQL(" limit 0")).description or ()]
        order = [sql.SQL("{} desc nulls last").format(sql.Identifier(one)) for one in NEWEST if one in columns]
        newest = sql.SQL(" order by ") + sql.SQL(", ").join(order) if order else sql.SQL("")
        table = sql.Identifier(FLOOR, name)
        connection.execute(sql.SQL("create table {} as {}{} limit 1").format(table, rows, newest))
        connection.execute(sql.SQL("grant select on {} to tenure_dashboard").format(table))
        connection.execute(sql.SQL("analyze {}").format(table))


@contextmanager
def _browser(warehouse: LandingWarehouse, folder: Path) -> Iterator[tuple[Page, SupersetServer]]:
    """A browser tab that is logged in as an executive, and the server it talks to."""
    server = SupersetServer(
        warehouse.settings, base_url(warehouse.settings), Provisioned(is_changed=True), requests.Session()
    )
    create_user(server, EXECUTIVE, ["Executive"])
    with (
        sync_playwright() as driver,
        logged_in(driver, warehouse.settings, folder / "browser", user=EXECUTIVE) as dashboard,
    ):
        dashboard.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        dashboard.page.add_init_script(WATCH)
        yield dashboard.page, server


def _measure(page: Page, server: SupersetServer, slugs: list[str], runs: int) -> dict[str, dict[str, list[float]]]:
    """Page to side to the seconds of each run. Raises RunDoesNotCount when an answer was not cached."""
    seconds: dict[str, dict[str, list[float]]] = {slug: {side: [] for side in SIDES} for slug in slugs}
    answers: list[Response] = []

    def note(response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            answers.append(response)

    page.on("response", note)
    for slug in slugs:
        for side in SIDES:
            _show(server, side)
            _open(page, server, slug)
    for _ in range(runs):
        for slug in slugs:
            for side in SIDES:
                answers.clear()
                _show(server, side)
                seconds[slug][side].append(_open(page, server, slug))
                # After the clock has stopped, and before the page is left, with which they are gone.
                cold = [one.url for one in answers for part in one.json()["result"] if not part["is_cached"]]
                if cold or not answers:
                    raise RunDoesNotCount(f"{slug} was not cached: {cold}")
    return seconds


def _show(server: SupersetServer, side: str) -> None:
    """Have every dataset read this side."""
    queries = []
    for name, one in DATASETS.items():
        floor = sql.SQL("select * from {}").format(sql.Identifier(FLOOR, name)).as_string()
        queries.append((one["sql"] if side == WHOLE else floor, one["uuid"]))
    with psycopg.connect(server.settings.url("superset")) as metadata:
        metadata.cursor().executemany("update tables set sql = %s where uuid = %s::uuid", queries)
        metadata.execute(OF_SIDE, (SIDES.index(side),))


def _open(page: Page, server: SupersetServer, slug: str) -> float:
    """Seconds until the page is drawn, by the browser's clock, which starts with the navigation."""
    # One process of the browser shows all pages; what an earlier one left is not to be cleared while this is timed.
    page.goto("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.detach()
    page.goto(f"{server.base}/superset/dashboard/{slug}/")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not page.evaluate(IS_QUIET):
        if time.monotonic() > deadline:
            raise RunDoesNotCount(f"a chart of {slug} is loading for {PATIENCE_SECONDS} s")
        page.wait_for_timeout(QUIET_MILLISECONDS / 10)
    return float(page.evaluate("window.lastBusy")) / 1000
