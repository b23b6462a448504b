"""Alerts and reports by mail: Superset's settings for them, and what Tenure does otherwise than Superset.

Loaded by superset_config.py. Off unless SUPERSET_SMTP_HOST names a mail server. Only the process that sends (`MAILS`)
holds the server's password and starts a browser.
"""

import html
import json
import logging
import os
import shutil
import sys
from contextvars import ContextVar
from datetime import timedelta
from typing import ClassVar

from celery.schedules import crontab
from celery.signals import task_postrun, worker_init
from superset.tasks.types import FixedExecutor

MAILS = os.environ.get("SUPERSET_SENDS_MAILS", "") == "1"
HOST = os.environ.get("SUPERSET_SMTP_HOST", "")
SECURITY = os.environ.get("SUPERSET_SMTP_SECURITY", "starttls")
# Where this machine reaches the web server, for pictures; and where people do, for links.
INNER_URL = os.environ.get("SUPERSET_INNER_URL", "http://127.0.0.1:8088")
PUBLIC_URL = os.environ.get("SUPERSET_PUBLIC_URL", "") or INNER_URL
REDIS_URL = os.environ.get("SUPERSET_REDIS_URL", "")
# Asks and draws with the rights of an executive, and cannot log in (superset/install.py).
REPORTER = "tenure_reports"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No sandbox, which a container and root do not have; the rest keeps the browser from talking to anyone but Superset.
BROWSER_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
EXPIRES = timedelta(hours=1)

logger = logging.getLogger("tenure.report_mails")
drawing_in: ContextVar[str] = ContextVar("drawing_in", default="en")


class CELERY_CONFIG:
    """The worker and beat of the containers; report_worker.py is both where there is no Redis."""

    broker_url = REDIS_URL or "memory://"
    result_backend = REDIS_URL or None
    imports = ("superset.sql_lab", "superset.tasks.scheduler", "warm_pages")
    worker_prefetch_multiplier = 1
    task_acks_late = True
    beat_schedule: ClassVar = {
        "reports.scheduler": {
            "task": "reports.scheduler",
            "schedule": crontab(),  # each minute looks at what is due
            "options": {"expires": int(EXPIRES.total_seconds())},
        },
        "reports.prune_log": {"task": "reports.prune_log", "schedule": crontab(minute="0", hour="0")},
        "tenure.warm_pages": {
            "task": "tenure.warm_pages",
            "schedule": crontab(),  # each minute looks whether there is a new publication
            "options": {"expires": 60},
        },
    }


def log_in(context, user):
    """A browser with the session of the user.

    Superset first opens the login page. What that page is still loading may answer with the session of nobody after
    the user's was set, and the picture waits for a page that has gone to the login.
    """
    from superset.utils.machine_auth import MachineAuthProvider

    cookies = MachineAuthProvider.get_auth_cookies(user)
    context.add_cookies(
        [
            {"name": name, "value": value, "url": INNER_URL, "httpOnly": True, "sameSite": "Lax"}
            for name, value in cookies.items()
        ]
    )
    return context


FLAGS = {"ALERT_REPORTS": bool(HOST), "PLAYWRIGHT_REPORTS_AND_THUMBNAILS": True}
SETTINGS = {
    "CELERY_CONFIG": CELERY_CONFIG,
    "CELERY_BEAT_SCHEDULER_EXPIRES": EXPIRES,
    "ALERT_REPORTS_EXECUTORS": [FixedExecutor(REPORTER)],
    "SMTP_HOST": HOST,
    "SMTP_PORT": int(os.environ.get("SUPERSET_SMTP_PORT") or 587),
    "SMTP_STARTTLS": SECURITY == "starttls",
    "SMTP_SSL": SECURITY == "tls",
    "SMTP_SSL_SERVER_AUTH": SECURITY != "none",
    "SMTP_USER": os.environ.get("SUPERSET_SMTP_USER", ""),
    "SMTP_PASSWORD": os.environ.get("SUPERSET_SMTP_PASSWORD", ""),
    "SMTP_MAIL_FROM": os.environ.get("SUPERSET_SMTP_FROM", "") or f"tenure@{HOST or 'localhost'}",
    "EMAIL_REPORTS_SUBJECT_PREFIX": "[Tenure]",
    "EMAIL_REPORTS_CTA": "Open in Tenure · 打开看板",
    "WEBDRIVER_BASEURL": INNER_URL.rstrip("/") + "/",
    "WEBDRIVER_BASEURL_USER_FRIENDLY": PUBLIC_URL.rstrip("/") + "/",
    "WEBDRIVER_AUTH_FUNC": log_in,
    "WEBDRIVER_OPTION_ARGS": list(BROWSER_FLAGS),
    "WEBDRIVER_WINDOW": {"dashboard": (1600, 2400), "slice": (1200, 600), "pixel_density": 1},
}

# Superset starts a browser driver at import to see whether there is one: a second or more, for nothing in a process
# that takes no picture.
if not MAILS:
    sys.modules["playwright.sync_api"] = None  # type: ignore[assignment]


@worker_init.connect
def _clean_up_once(**_) -> None:
    """Without Superset's own clean-up after each task, which fails: the task's context has ended and done it."""
    from superset.tasks.celery_app import teardown

    task_postrun.disconnect(teardown)


def browser_program() -> str | None:
    """The browser of this machine; None when there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def attach() -> None:
    """Put what Tenure does otherwise in the place of what Superset does, in the process that sends."""
    if MAILS:
        _use_own_browser()
        _send_whatever_the_picture_does()
        _stay_silent_only_while_it_lasts()
        _tell_failures_to_a_reader()


def _use_own_browser() -> None:
    """Playwright would download a browser of its own; the system's is kept up to date with the system.

    It asks for pages in the language of the mail.
    """
    from playwright.sync_api import Browser, BrowserType

    stock_launch, stock_context = BrowserType.launch, Browser.new_context

    def launch(self, **options):
        return stock_launch(self, **{"executable_path": browser_program(), **options})

    def new_context(self, **options):
        return stock_context(self, **{"locale": drawing_in.get(), **options})

    BrowserType.launch, Browser.new_context = launch, new_context


def _send_whatever_the_picture_does() -> None:
    """An alarm is not lost with its picture, and says what was found, which Superset's own mail does not."""
    from superset.commands.report import exceptions, execute
    from superset.reports.notifications.base import NotificationContent

    state = execute.BaseReportState
    stock_pictures, stock_content = state._get_screenshots, state._get_notification_content

    def pictures(self):
        drawing_in.set(self._report_schedule.extra.get("language", "en"))
        if browser_program() is None:
            logger.warning("no chromium on this machine: %s goes without its picture", self._report_schedule.name)
            return []
        try:
            return stock_pictures(self)
        except (
            exceptions.ReportScheduleScreenshotFailedError,
            exceptions.ReportScheduleScreenshotTimeout,
        ) as failure:
            logger.warning("%s goes without its picture: %s", self._report_schedule.name, failure)
            return []

    def content(self):
        schedule = self._report_schedule
        made = stock_content(self)
        if made.text:  # Superset's words for a picture that is missing
            name = schedule.email_subject or schedule.name
            made = NotificationContent(name=name, url=made.url, header_data=made.header_data)
            made.description = schedule.description
        if schedule.type == "Alert" and schedule.last_value_row_json:
            found = html.escape(schedule.last_value_row_json)
            made.description = f"<p><strong>{found}</strong></p><p>{made.description or ''}</p>"
        return made

    state._get_screenshots, state._get_notification_content = pictures, content


def _stay_silent_only_while_it_lasts() -> None:
    """After its mail an alert is silent for its grace period; Superset does not even ask in that time.

    So what is mended and breaks anew within the period would not be told. Here the period ends with the condition.
    """
    from superset.commands.report import execute

    state = execute.BaseReportState
    stock = state.is_in_grace_period

    def is_in_grace_period(self):
        if not stock(self):
            return False
        try:
            return execute.AlertCommand(self._report_schedule, self._execution_id).run()[0]
        except Exception:
            logger.exception("%s could not be asked; it counts as standing", self._report_schedule.name)
            return True

    state.is_in_grace_period = is_in_grace_period


def _tell_failures_to_a_reader() -> None:
    """That an alert could not be asked goes to the first of those who would get it; Superset tells its owners."""
    from superset.commands.report import execute
    from superset.reports.models import ReportRecipients
    from superset.reports.notifications.base import NotificationContent

    state = execute.BaseReportState
    stock = state.send_error

    def send_error(self, name, message):
        schedule = self._report_schedule
        if not schedule.extra.get("tenure"):
            stock(self, name, message)
            return
        url, header = self._get_url(user_friendly=True), self._get_log_data()
        first = [
            json.dumps({"target": json.loads(one.recipient_config_json)["target"].split(",")[0]})
            for one in schedule.recipients
        ]
        self._send(
            NotificationContent(name=name, text=html.escape(message), header_data=header, url=url),
            [ReportRecipients(type="Email", recipient_config_json=config) for config in first],
        )

    state.send_error = send_error
