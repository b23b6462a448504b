"""`make demo` in a fresh clone on a warm package cache, against 300 seconds."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 300.0


def measure() -> dict[str, Any]:
    """Clone, run `make demo`, stop it, remove the clone. Raises CalledProcessError when the demo fails.

    One run, as the demo is long: `low` and `high` equal the ratio. The package cache is the user's, warmed by the
    checkout's own environments.
    """
    base = Path(tempfile.mkdtemp(prefix="tenure-bench-"))
    base.chmod(0o755)
    clone = base / "tenure"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
    try:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        started = time.monotonic()
        done = subprocess.run(["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=True)
        seconds = time.monotonic() - started
        subprocess.run(["make", "down"], cwd=clone, env=environment, capture_output=True, check=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    ratio = round(seconds / LIMIT_SECONDS, 3)
    steps = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return {
        "name": "demo",
        "ratio": ratio,
        "low": ratio,
        "high": ratio,
        "target": 1.0,
        "better": "lower",
        "runs": 1,
        "versions": {"python": platform.python_version()},
        "detail": {"seconds": round(seconds, 1), "steps": steps},
    }
