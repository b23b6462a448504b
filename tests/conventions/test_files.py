"""What every file of the repository keeps to: its size, its name, and what must never be in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tenure.settings import ROOT
from tests.conftest import ON_THE_BUILT_WAREHOUSE

MAXIMUM_LINES = 400
# Written by a program, or one document by nature: compiled pins, the licence, the layout of a Superset dashboard.
LONG_BY_NATURE = re.compile(
    r"(^|/)requirements[\w.-]*\.txt$|^LICENSE$|^superset/assets/|^docs/(glossary|contracts)\.md$"
)

# Loaded by Airflow only; each says so.
IMPORTING_AIRFLOW = (
    "__main__", "dag_parts", "asset_manager", "airflow_local_settings", "tenure_plugin", "timetable",
)  # fmt: skip

VAGUE_NAMES = {"util", "utils", "utilities", "helper", "helpers", "common", "misc", "shared", "stuff", "lib", "tools"}

# Parts are joined here so that this file does not name what it looks for.
FORBIDDEN = {
    "a path of one machine": re.compile(r"/(?:home|Users)/(?!\$|\{|<|\.\.\.)[a-z][\w.-]*/|[A-Z]:\\\\Users|/tmp/w/"),
    "a package registry": re.compile(
        "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + "js", "extra-" + "index-url"])
    ),
    "a private key": re.compile("-----BEGIN [A-Z ]*" + "PRIVATE KEY-----"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b"),
    "a password in a URL": re.compile(r"://\w+:(?=[A-Za-z_-]*\d)[\w-]{16,}@"),
}
SECRET_FILES = re.compile(r"(^|/)(\.env|secrets\.json|passwords\.json|id_(rsa|ed25519)|.*\.(pem|key|p12))$")


def test_no_hand_written_file_is_longer_than_400_lines(texts: dict[Path, str]) -> None:
    long = {
        str(path): lines
        for path, text in texts.items()
        if not LONG_BY_NATURE.search(path.as_posix()) and (lines := text.count("\n")) > MAXIMUM_LINES
    }
    assert long == {}


def test_no_name_says_nothing(files: list[Path]) -> None:
    vague = [str(path) for path in files if VAGUE_NAMES & {part.lower() for part in (*path.parent.parts, path.stem)}]
    assert vague == []


def test_dags_and_superset_are_no_packages(files: list[Path]) -> None:
    # A package of that name in the checkout would hide the installed Superset, and the DAG folder is Airflow's.
    shadowing = {Path("dags/__init__.py"), Path("superset/__init__.py")}
    assert not shadowing & set(files)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, texts: dict[Path, str]) -> None:
    own = Path(__file__).relative_to(ROOT)
    found = [
        f"{path}:{number}: {match.group()}"
        for path, text in texts.items()
        if path != own
        for number, line in enumerate(text.splitlines(), start=1)
        if (match := FORBIDDEN[what].search(line))
    ]
    assert found == []


def test_no_file_is_a_secret(files: list[Path]) -> None:
    assert [str(path) for path in files if SECRET_FILES.search(path.as_posix())] == []


@pytest.mark.parametrize(
    "name", [".env", ".tenure/secrets.json", ".venv/bin/python", "dbt_project/target/manifest.json"]
)
def test_what_is_made_here_is_kept_out_of_the_repository(name: str) -> None:
    command = ["git", "-c", "safe.directory=*", "check-ignore", "--quiet", "--no-index", name]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_importing_the_package_does_nothing(tmp_path: Path) -> None:
    script = f"""
import importlib, pkgutil, tenure
for module in pkgutil.walk_packages(tenure.__path__, "tenure."):
    if module.name.rpartition(".")[2] not in {IMPORTING_AIRFLOW}:
        importlib.import_module(module.name)
        print(module.name)
"""
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "TENURE_HOME": str(home),
            "TENURE_ENV_FILE": os.devnull,
            # Reading this setting would fail: at import nothing is read.
            "TENURE_TIME_ZONE": "Mars/Olympus",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "tenure.landing" in done.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_what_looks_at_the_built_warehouse_is_together_on_one_worker() -> None:
    """Elsewhere the other worker would build it again."""
    looking = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"\(.*\bbuilt_warehouse:", path.read_text(encoding="utf-8"))
    ]
    assert len(looking) > 5
    assert [path for path in looking if not path.startswith(ON_THE_BUILT_WAREHOUSE)] == []
