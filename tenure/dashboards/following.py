"""What is made of the definitions in dbt follows them: the glossary, the dashboards' files, and what Superset shows."""

from __future__ import annotations

from pathlib import Path

from tenure.dashboards.datasets import generate
from tenure.dashboards.provisioning import Progress, provision
from tenure.dashboards.publication import is_installed, refresh
from tenure.dashboards.warming import start_warming
from tenure.glossary import write_page
from tenure.settings import Settings


def follow(settings: Settings, progress: Progress) -> list[Path]:
    """Write anew what no longer says the same as the definitions of this checkout. Returns the files that changed.

    Where Superset is installed it is brought to the state of the files, and what it has cached of an older publication
    is forgotten; its pages are answered anew beside whatever comes next. An image has no documents, and its files are
    those of one release: there only the latter is done.
    Raises TenureError on a definition that cannot be used.
    """
    changed = [*write_page(settings.root), *generate(settings)] if (settings.root / "docs").is_dir() else []
    for path in changed:
        progress(f"changed {path.relative_to(settings.root)}")
    if changed and is_installed(settings):
        provision(settings, progress)
    refresh(settings)
    start_warming(settings, progress)
    return changed
