"""Superset on the session's built warehouse: installed from the files, served, open in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tenure import services
from tenure.dashboards import Provisioned, login, provision, refresh, superset_services
from tenure.dashboards.web import ADMIN
from tenure.settings import Settings
from tests.superset.mails import READERS
from tests.superset.page import DashboardPage
from tests.superset.people import create_user

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

    from tests.conftest import BuiltWarehouse

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_BROWSER = "apt-get update && apt-get install --yes chromium"
# No sandbox, because the tests also run as root; the rest keeps the browser from talking to anyone but the server.
BROWSER_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@dataclass(frozen=True)
class SupersetServer:
    """A running Superset: its settings, address and first installation; `api` is logged in as the administrator."""

    settings: Settings
    base: str
    installed: Provisioned
    api: requests.Session

    def chart_data(self, chart_id: int) -> list[dict[str, object]]:
        """The query results of a saved chart, as Superset's own data API answers them."""
        answer = self.api.get(f"{self.base}/api/v1/chart/{chart_id}/data/", timeout=60)
        assert answer.status_code == 200, answer.text[:500]
        results: list[dict[str, object]] = answer.json()["result"]
        return results


@pytest.fixture(scope="session")
def superset_server(built_warehouse: BuiltWarehouse) -> Iterator[SupersetServer]:
    settings = built_warehouse.settings
    # Nobody listens there before a test of mails does.
    mail = {"mail_host": "127.0.0.1", "mail_port": settings.port("mail_catcher"), "mail_security": "none"}
    readers = {"mail_to": READERS["en"], "mail_to_zh": READERS["zh"]}
    settings = settings.model_copy(update=mail | readers)
    installed = provision(settings, lambda line: None)
    refresh(settings)
    service = superset_services(settings)[0]
    services.start(settings, service)
    url, user, password = login(settings)
    base = url.split("/superset/")[0]
    api = requests.Session()
    token = api.post(
        f"{base}/api/v1/security/login",
        json={"username": user, "password": password, "provider": "db"},
        timeout=60,
    )
    assert token.status_code == 200, token.text[:500]
    api.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
    yield SupersetServer(settings, base, installed, api)
    services.stop(settings, service.name)


def browser_program() -> str:
    """The installed browser. Without one the test fails and says what to type."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"no browser on this machine; install one with: {INSTALL_BROWSER}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def logged_in(
    driver: Playwright, settings: Settings, profile: Path, locale: str = "en-GB", user: str = ADMIN
) -> Iterator[DashboardPage]:
    """The page a person lands on, logged in by hand and complete, in a browser of this locale and profile.

    user: the administrator, or somebody that `people.create_user` made, who has the same password.
    """
    url, _, password = login(settings)
    context = driver.chromium.launch_persistent_context(
        profile,
        executable_path=browser_program(),
        args=list(BROWSER_FLAGS),
        color_scheme="light",
        locale=locale,
        viewport={"width": 1600, "height": 1000},
    )
    page = DashboardPage(context.pages[0] if context.pages else context.new_page())
    page.log_in(url, user, password)
    page.wait_until_drawn()
    yield page
    context.close()


@pytest.fixture(scope="session")
def overview(superset_server: SupersetServer, test_base: Path, driver: Playwright) -> Iterator[DashboardPage]:
    """The executive overview in English, as an executive has it."""
    create_user(superset_server, "reader-executive", ["Executive"])
    with logged_in(driver, superset_server.settings, test_base / "browser", user="reader-executive") as page:
        yield page
