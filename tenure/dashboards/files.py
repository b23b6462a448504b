"""YAML as the dashboards keep it: some thousand files, so read and written by libyaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Block style for SQL, so that a diff shows the line that changed; every line says what it says by itself."""

    def ignore_aliases(self, data: Any) -> bool:
        """No anchors, also for what stands twice."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def read_yaml(path: Path) -> Any:
    """The document of a file; an empty mapping for an empty one."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}  # noqa: S506 (a safe loader)


def yaml_text(document: Any) -> str:
    """The document as text, in the order of its keys."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118))
