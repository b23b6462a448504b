"""Alerts and reports by mail: from superset/reports.yaml to what the installer puts into Superset."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tenure.dashboards.bundle import read_assets
from tenure.dashboards.files import read_yaml
from tenure.dashboards.language import Language, read_languages
from tenure.database.logins import read_roles
from tenure.errors import TenureError

FILE = "superset/reports.yaml"
KEYS = {"name", "title", "about", "chart", "page", "every", "remind_days", "limits", "sql"}
# One that Superset cannot read would stop all of them.
CRON = re.compile(r"[\d*/,-]+( [\d*/,-]+){4}")
LIMIT = re.compile(r"\{(\w+)\}")
# Columns by which somebody is known: a chart with one of them is a list of customers.
PERSONAL = re.compile(
    r"\b(subscription|customer|account|payer|owner|member|group|lead|contact)_(id|sk|name|token)\b|msisdn"
)
DAY_SECONDS = 86_400
# A picture takes a quarter of a minute on a quiet machine; what takes longer than this hangs.
WORKING_SECONDS = 600
LOG_DAYS = 30


def read_reports(root: Path) -> list[dict[str, Any]]:
    """The entries of the file. Raises TenureError that names the entry and what is wrong with it."""
    entries: list[dict[str, Any]] = read_yaml(root / FILE) or []
    for entry in entries:
        if unknown := sorted(set(entry) - KEYS):
            raise _wrong(entry, f"unknown {', '.join(unknown)}")
        if missing := sorted({"name", "title", "about", "every"} - set(entry)):
            raise _wrong(entry, f"no {', '.join(missing)}")
        if ("chart" in entry) == ("page" in entry):
            raise _wrong(entry, "it needs a chart or a page for its picture, and not both")
        if not CRON.fullmatch(entry["every"]):
            raise _wrong(entry, f"{entry['every']} is not minute, hour, day, month and weekday")
        if "sql" in entry and "remind_days" not in entry:
            raise _wrong(entry, "an alert needs remind_days")
    return entries


def report_requests(root: Path, time_zone: str, receivers: Callable[[str], str]) -> dict[str, Any]:
    """What the installer needs: `role` of the user who asks and draws (or None), and `schedules`, one set a language.

    A schedule: key, language, name, type (Alert or Report), description, crontab, timezone, sql, grace_period and
    working_timeout in seconds, log_retention in days, uuid of its chart or dashboard, recipients (a text of addresses
    with commas, empty where it is not active). receivers: those of a language, as such a text.
    Raises TenureError that names the entry and what is wrong with it.
    """
    entries, assets = read_reports(root), read_assets(root)
    schedules = [
        {
            **_schedule(entry, language, assets, time_zone),
            "timezone": time_zone,
            "recipients": receivers(language.code),
        }
        for language in read_languages(root)
        for entry in entries
    ]
    is_sent = any(schedule["recipients"] for schedule in schedules)
    return {"role": _role(root, is_sent), "schedules": schedules}


def alarm_sql(entry: dict[str, Any], language: Language, time_zone: str) -> str:
    """The SQL of an alert in this language, with its limits. Raises TenureError on a limit that the entry lacks."""
    known = {**entry.get("limits", {}), "time_zone": time_zone}

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise _wrong(entry, f"its SQL names the limit {found[1]}, which it does not have")
        return str(known[found[1]])

    return language.sql(LIMIT.sub(value, entry["sql"]))


def _schedule(
    entry: dict[str, Any], language: Language, assets: dict[str, dict[str, Any]], time_zone: str
) -> dict[str, Any]:
    kind, path = ("charts", entry["chart"]) if "chart" in entry else ("dashboards", entry["page"])
    shown = assets.get(f"{kind}/{language.folder}{path}.yaml")
    if shown is None:
        raise _wrong(entry, f"{path} is not in superset/pages")
    if kind == "charts" and (column := PERSONAL.search(str([shown["params"], shown["query_context"]]))):
        raise _wrong(entry, f"{path} shows {column[0]}, and a mail says nothing of one customer")
    is_alert = "sql" in entry
    return {
        "key": language.named(entry["name"], "_"),
        "language": language.code,
        "name": language.text(entry["title"]),
        "type": "Alert" if is_alert else "Report",
        "description": language.text(entry["about"]),
        "crontab": entry["every"],
        "sql": alarm_sql(entry, language, time_zone) if is_alert else None,
        "grace_period": entry.get("remind_days", 0) * DAY_SECONDS,
        "working_timeout": WORKING_SECONDS,
        "log_retention": LOG_DAYS,
        "chart": shown["uuid"] if kind == "charts" else None,
        "dashboard": shown["uuid"] if kind == "dashboards" else None,
    }


def _role(root: Path, is_sent: bool) -> str | None:
    """A role that reads every page as `tenure_dashboard`: what a mail shows, an executive could see."""
    for role in read_roles(root):
        if role.login == "dashboard" and role.pages is None:
            return role.name
    if not is_sent:
        return None
    raise TenureError(
        "no role of superset/roles.yaml reads all pages as dashboard, and so nothing can be sent by mail",
        hint="give one `login: dashboard` and `pages: all`",
    )


def _wrong(entry: dict[str, Any], what: str) -> TenureError:
    return TenureError(f"{FILE}, {entry.get('name', 'an entry without a name')}: {what}", hint="correct the file")
