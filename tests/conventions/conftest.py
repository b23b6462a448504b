"""The files of the repository: those that git has or would take, never what was made here."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tenure.settings import ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Paths below the checkout of every file that is, or may become, part of the repository."""
    listed = subprocess.run(
        # A checkout of another user's, as in a container, is still only listed.
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert Path("pyproject.toml") in found
    return found


@pytest.fixture(scope="session")
def texts(files: list[Path]) -> dict[Path, str]:
    """The files that are text, with their content."""
    found = {}
    for path in files:
        try:
            found[path] = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            assert path.suffix in (".png", ".ico", ".svg", ".gz", ".parquet", ".woff2", ".csv"), f"{path}: not UTF-8"
    return found
