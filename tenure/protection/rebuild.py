"""All marts anew from what is landed, and published: what a person was in them goes with the old tables."""

from __future__ import annotations

import subprocess
import sys

from tenure.errors import TenureError
from tenure.orchestration.steps import build_models
from tenure.settings import Settings
from tenure.warehouse import publish


def rebuild_marts(settings: Settings) -> None:
    """`tenure build --full-refresh`, by the same steps. Raises TenureError when a step fails."""
    build_models(["tag:base"], full_refresh=True)
    # The models build on this package, never the other way, so they run as a program of their own.
    if subprocess.run([sys.executable, "-m", "ml", "score"], check=False).returncode != 0:
        raise TenureError("scoring failed, so nothing was published", hint="see its message above")
    build_models(["tag:scored"], full_refresh=True)
    publish(settings)
