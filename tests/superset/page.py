"""What a person sees and does on a dashboard, in terms of the browser."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request

# A busy machine compiles and serves some 20 MB of scripts on the first visit.
PATIENCE_SECONDS = 120
CHART = "[data-test='chart-grid-component']"
BUSY = "[data-test='loading-indicator'], .loading, .ant-skeleton"
ERRORS = ".ant-alert-error, [data-test='error-alert'], .error-container, .missing-chart-container"
NOTHING = ("No data", "No results", "没有数据", "无结果", "没有返回")
EMPTY = "[data-test='empty-state'], .ant-empty, .missing-chart-body"


class DashboardPage:
    """One dashboard in one browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.failures: list[str] = []
        # What charts and filters ask the server for, one entry a query; a request may hold several.
        self.queries: list[dict[str, Any]] = []
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.on("response", self._note_failure)
        page.on("request", self._note_queries)

    def _note_failure(self, response: object) -> None:
        status, url = getattr(response, "status", 0), getattr(response, "url", "")
        # A browser sends the colours it has worked out back to the page, and is refused where its user may only read.
        if status >= 400 and not (status == 403 and url.split("?")[0].endswith("/colors")):
            self.failures.append(f"{status} {url}")

    def _note_queries(self, request: Request) -> None:
        if request.method == "POST" and "/api/v1/chart/data" in request.url:
            self.queries += request.post_data_json["queries"]

    def log_in(self, url: str, user: str, password: str) -> None:
        """Open the dashboard's address and log in on the form it leads to."""
        self.page.goto(url)
        self.page.fill("#username", user)
        self.page.fill("#password", password)
        # An answer to the login page that comes after the login would bring back the session from before it.
        self.page.wait_for_load_state("networkidle")
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(CHART)
        self._show_all()

    def open(self, url: str) -> None:
        """Go to another page of the session that is logged in, and wait for all its charts."""
        self.failures.clear()
        self.queries.clear()
        self.page.goto(url)
        self.page.wait_for_selector(CHART)
        self._show_all()
        self.wait_until_drawn()

    def is_refused(self, url: str) -> bool:
        """Whether the server gives this person no page there, and no chart."""
        answer = self.page.goto(url)
        assert answer is not None
        return answer.status in (403, 404) and not self.charts()

    def _show_all(self) -> None:
        # Superset draws a chart when it comes into view: make the window as tall as the page.
        grid = self.page.locator(".dashboard-grid, [data-test='grid-content']").first
        grid.wait_for()
        box = grid.bounding_box()
        height = int(box["y"] + box["height"]) + 40 if box else 2600
        self.page.set_viewport_size({"width": 1600, "height": height})

    def use_laptop(self) -> None:
        """The width of a small laptop, until another page is opened."""
        size = self.page.viewport_size
        assert size is not None
        self.page.set_viewport_size({"width": 1366, "height": size["height"]})
        self.wait_until_drawn()

    def charts(self) -> dict[str, Locator]:
        """Every chart of the dashboard by its title."""
        found = self.page.locator(CHART)
        return {
            str(found.nth(index).get_attribute("data-test-chart-name")): found.nth(index)
            for index in range(found.count())
        }

    def wait_until_drawn(self) -> None:
        """Return once no chart is loading any more; fail when one still is after a long time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        quiet = 0
        while quiet < 4:
            waiting = [title for title, chart in self.charts().items() if not self._is_settled(chart)]
            quiet = 0 if waiting else quiet + 1
            assert time.monotonic() < deadline, f"still loading: {waiting}"
            self.page.wait_for_timeout(250)

    def _is_settled(self, chart: Locator) -> bool:
        if chart.locator(BUSY).count():
            return False
        return bool(chart.locator(f"[data-test='slice-container'], {ERRORS}, {EMPTY}").count())

    def problems(self) -> list[str]:
        """What is wrong with the charts: an error, nothing to show, nothing drawn."""
        found = []
        for title, chart in self.charts().items():
            if chart.locator(ERRORS).count():
                found.append(f"{title}: error: {chart.inner_text()[:200]}")
            elif chart.locator(EMPTY).count() or any(word in chart.inner_text() for word in NOTHING):
                found.append(f"{title}: nothing to show")
            elif not self._has_picture(chart):
                found.append(f"{title}: nothing drawn")
        return found

    def _has_picture(self, chart: Locator) -> bool:
        kind = str(chart.get_attribute("data-test-viz-type"))
        if kind.startswith("big_number"):
            return any(letter.isdigit() for letter in chart.locator(".header-line").inner_text())
        if kind == "table":
            return chart.locator("tbody tr").count() > 0
        # A canvas on which nothing was drawn has one colour only.
        return bool(
            chart.locator("canvas").first.evaluate(
                """canvas => {
                    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
                    const colours = new Set();
                    for (let i = 0; i < data.length; i += 4) {
                        if (data[i + 3]) colours.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
                    }
                    return colours.size > 3;
                }"""
            )
        )

    def headline(self, title: str) -> str:
        """The big number of a tile, as it is written there."""
        return self.charts()[title].locator(".header-line").inner_text().strip()

    def card(self, title: str) -> list[str]:
        """The lines of a card of the board below its title."""
        named = self.page.locator("td", has_text=re.compile(f"^{re.escape(title)}$"))
        return [line.strip() for line in self.page.locator("tr", has=named).locator("td").all_inner_texts()[1:]]

    def cut_off(self) -> list[str]:
        """Headlines and filter names that do not fit into their place, and lines that run out of their card."""
        cut: list[str] = self.page.evaluate(
            """() => {
                const isWide = e => e.scrollWidth > e.clientWidth + 1;
                const texts = document.querySelectorAll(
                    '.header-line, .subheader-line, .header-title, [data-test=filter-control-name], .editable-title'
                );
                const cells = document.querySelectorAll('[data-test-viz-type=table] td');
                return [
                    ...[...texts].filter(e => isWide(e) && getComputedStyle(e).overflow !== 'visible'),
                    ...[...cells].filter(e => isWide(e) && getComputedStyle(e).display === 'block'),
                ].map(e => e.innerText);
            }"""
        )
        return cut

    def scrolled(self) -> list[str]:
        """Tables that must be scrolled to be read, be it sideways, and texts that do not fit into their box."""
        found: list[str] = self.page.evaluate(
            """() => {
                const clips = ['auto', 'scroll', 'hidden'];
                const scrolls = (e, axis) => clips.includes(getComputedStyle(e)['overflow' + axis]);
                const wide = e => scrolls(e, 'X') && e.scrollWidth > e.clientWidth + 1;
                const long = e => scrolls(e, 'Y') && e.scrollHeight > e.clientHeight + 1;
                // A table with a line of totals is two pixels taller than its box; a row is some thirty.
                const cut = e => scrolls(e, 'Y') && e.scrollHeight > e.clientHeight + 8;
                const within = (box, test) => [...box.querySelectorAll('div')].some(test);
                const tables = [...document.querySelectorAll('[data-test-chart-name][data-test-viz-type=table]')]
                    .filter(box => within(box, e => wide(e) || cut(e)))
                    .map(box => box.getAttribute('data-test-chart-name'));
                const texts = [...document.querySelectorAll('.dashboard-markdown')];
                return [
                    ...tables,
                    ...texts.filter(box => long(box) || within(box, long)).map(box => box.innerText.slice(0, 60)),
                    ...(texts.length ? [] : ['no text on the page']),
                ];
            }"""
        )
        return found

    def choose(self, filter_name: str, value: str) -> None:
        """Pick a value in one of the filters above the charts, apply it, and wait for the charts."""
        item = self.page.locator(".filter-item-wrapper", has=self.page.get_by_text(filter_name, exact=True)).first
        item.locator(".ant-select-selector, .ant-select").first.click()
        self.page.keyboard.type(value)
        self.page.locator(".ant-select-item-option", has_text=value).first.click()
        self.page.keyboard.press("Escape")
        self._apply()

    def _apply(self) -> None:
        button = self.page.locator("[data-test='filter-bar__apply-button']")
        with self.page.expect_response(lambda response: "/api/v1/chart/data" in response.url):
            button.click()
        self.wait_until_drawn()

    def use_theme(self, scheme: str) -> None:
        """Show the page as a person whose system is set to `light` or `dark` sees it."""
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.page.wait_for_timeout(500)
        self.wait_until_drawn()

    def picture(self, path: Path) -> None:
        """Save what is on the screen as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(800)  # the charts' opening animation
        self.page.screenshot(path=path)
