"""What dbt made of the project's files, kept beside the interpreter: reading them all takes seconds, each time anew.

dbt keeps it too, for one database and one folder; what it says does not depend on where the database listens.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

FOLDER = Path(sys.prefix) / "parsed_dbt_project"
KEPT = 4
PARSED, WRITTEN = "partial_parse.msgpack", "manifest.json"
_PACKAGES = ("dbt-core", "dbt-postgres", "dbt-adapters", "dbt-common", "dbt-semantic-interfaces")


def key_of(project: Path, variables: str, environment: Mapping[str, str]) -> str:
    """Digest of all that the reading depends on: files, variables, the database's name and the releases of dbt."""
    found = hashlib.sha256()
    parts = [variables, environment["TENURE_DBT_DBNAME"], *(f"{name} {version(name)}" for name in _PACKAGES)]
    found.update(json.dumps(parts).encode())
    for path in sorted(path for path in project.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found.update(json.dumps([path.relative_to(project).as_posix(), len(content)]).encode() + content)
    return found.hexdigest()


def load(key: str, target: Path) -> tuple[Manifest, dict[str, Any]] | None:
    """The manifest as dbt's object and as it writes it (also to `target`), or None where it is not known."""
    from dbt.contracts.graph.manifest import Manifest

    try:
        parsed = (FOLDER / key / PARSED).read_bytes()
        written = (FOLDER / key / WRITTEN).read_bytes()
        # So that the ones in use are not the ones that go.
        os.utime(FOLDER / key)
    except OSError:
        return None
    target.mkdir(parents=True, exist_ok=True)
    (target / WRITTEN).write_bytes(written)
    manifest = Manifest.from_msgpack(parsed)
    # What macros see as `graph`; dbt does not keep it either.
    manifest.build_flat_graph()
    return manifest, json.loads(written)


def keep(key: str, target: Path) -> None:
    """Keep what dbt has just written to `target`. Where nothing can be kept, the next command reads the files again."""
    try:
        FOLDER.mkdir(exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=FOLDER))
        for name in (PARSED, WRITTEN):
            shutil.copyfile(target / name, unfinished / name)
        unfinished.chmod(0o755)
        # Another process may have kept the same meanwhile.
        if (FOLDER / key).exists():
            shutil.rmtree(unfinished)
        else:
            unfinished.rename(FOLDER / key)
        by_age = sorted(FOLDER.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in by_age[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return
