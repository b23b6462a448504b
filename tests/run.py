"""`make test`: run pytest apart from whatever else runs or is configured on this machine.

A home of its own in a fresh temporary folder gives the tests their own database, ports and secrets; no variable of
the caller and no `.env` reaches them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOREIGN = ("TENURE_", "AIRFLOW_", "AIRFLOW__", "DBT_", "SUPERSET_", "PG")
# How many examples the property tests look at, where somebody asks for more or fewer.
SETTINGS = ("TENURE_TEST_EXAMPLES",)


def main() -> int:
    """Run the suite; arguments that are not ours go to pytest."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="the exhaustive matrices as well")
    options, rest = parser.parse_known_args()
    base = Path(tempfile.mkdtemp(prefix="tenure-test-"))
    # The database may have to run as another user, who must be able to enter.
    base.chmod(0o755)
    environment = {
        name: value for name, value in os.environ.items() if name in SETTINGS or not name.startswith(FOREIGN)
    }
    environment |= {
        "TENURE_ENV_FILE": os.devnull,
        "TENURE_TEST_BASE": str(base),
        "DO_NOT_TRACK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", f"--basetemp={base / 'pytest'}"]
    if options.long:
        environment["TENURE_TEST_LONG"] = "1"
    else:
        command += ["-m", "not long"]
    if not rest:
        # Most of the time goes into waiting for servers, so two workers pay even on two cores.
        command += ["--numprocesses=2", "--dist=loadfile", "--no-loadscope-reorder"]
    try:
        return subprocess.run([*command, *rest], cwd=ROOT, env=environment, check=False).returncode
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
