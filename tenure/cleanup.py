"""`make clean`: remove what was made here, after asking. Plain Python of any version, for a half-made checkout too."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = (".venv", ".venv-superset", ".venv-dlt")
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache", "tenure.egg-info")


def main() -> int:
    """Ask, stop what runs, remove the data and the environments of this checkout."""
    tenure = ROOT / ".venv" / "bin" / "tenure"
    folders = [ROOT / name for name in (*ENVIRONMENTS, *CACHES)]
    if tenure.exists():
        asked = subprocess.run([str(tenure), "home", "--all"], capture_output=True, text=True, check=False)
        folders += [Path(line) for line in asked.stdout.splitlines() if line]
    else:
        folders.append(ROOT / ".tenure")
    folders = [folder for folder in folders if folder.exists()]
    if not folders:
        print("nothing to remove")
        return 0
    print("This removes, for good:", *(f"  {folder}" for folder in folders), sep="\n")
    try:
        answer = input("Type yes to go on: ")
    except (EOFError, KeyboardInterrupt):
        answer = ""
    if answer.strip().lower() != "yes":
        print("nothing was removed")
        return 1
    if tenure.exists() and subprocess.run([str(tenure), "down"], check=False).returncode != 0:
        print("tenure: not everything could be stopped, so nothing was removed", file=sys.stderr)
        return 1
    for folder in folders:
        shutil.rmtree(folder)
    print("removed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
