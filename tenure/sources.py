"""The operator's source systems: those whose contracts stand in `dbt_project/models/staging/<source>/`.

Imports nothing of its own and parses no YAML, as DAG files are read over and over.
"""

from __future__ import annotations

from pathlib import Path


def delivered_sources(root: Path) -> tuple[str, ...]:
    """Names of the sources of the checkout at `root` that deliver files, in alphabetical order."""
    files = sorted((root / "dbt_project" / "models" / "staging").glob("*/_*__sources.yml"))
    # Other folders describe tables that nobody delivers, such as the ledger.
    return tuple(dict.fromkeys(path.parent.name for path in files if _has_contract(path)))


def _has_contract(path: Path) -> bool:
    return any(line.strip() == "contract:" for line in path.read_text(encoding="utf-8").splitlines())


SOURCES = delivered_sources(Path(__file__).resolve().parent.parent)
