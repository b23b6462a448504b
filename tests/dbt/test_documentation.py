"""The page that documents the tables, for those who know SQL and not us."""

from __future__ import annotations

import json
from typing import Any

from tenure.settings import Settings
from tenure.transform import write_documentation


def test_page__describes_every_mart_and_column_and_keeps_secrets(settings: Settings, manifest: dict[str, Any]) -> None:
    page = write_documentation(settings)
    text = page.read_text(encoding="utf-8")
    marts = [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["schema"] == "build"
    ]
    assert len(marts) > 50
    for mart in marts:
        assert json.dumps(mart["description"]) in text, mart["name"]
        for column in mart["columns"].values():
            assert json.dumps(column["description"]) in text, (mart["name"], column["name"])
    for role in ("transformer", "owner", "analyst"):
        assert settings.secret(f"postgres_{role}") not in text
