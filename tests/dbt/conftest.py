"""The dbt project as dbt itself parses and compiles it."""

from __future__ import annotations

from typing import Any

import pytest

from tenure.settings import Settings
from tenure.transform import read_manifest, run_dbt


@pytest.fixture(scope="session")
def manifest(settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the project, compiled against the session's empty warehouse."""
    run_dbt(settings, ["compile", "--select", "tag:base", "tag:scored"])
    return read_manifest(settings)
