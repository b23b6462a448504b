"""Landings in processes of their own that may die, at the cost of a fork: the modules are imported once.

Run as a program it imports all that `tenure land` needs and waits; for every line on its input it forks a child, which
lands as that command does once the warehouse is prepared. Nothing is used before the fork: threads and pools of
libraries do not survive one. Blocks and memory for keys are made small there, so that tiny files come in several
batches and their keys wait on disk.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenure.settings import ROOT


@dataclass(frozen=True)
class Done:
    """How a landing ended: its exit status (negative: killed), what it said, how often it passed each fail-point."""

    status: int
    output: str
    passed: Mapping[str, int]


class Zygote:
    """The process that forks; landings run one after the other in the home of its settings."""

    def __init__(self, home: Path, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        self._output = folder / "output"
        self._counts = folder / "counts"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", str(self._output), str(self._counts)],
            cwd=ROOT,
            env={**kept, "TENURE_HOME": str(home), "TENURE_ENV_FILE": os.devnull, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, location: Path, mapping: Path | None = None, kill_at: str = "") -> Done:
        """Land a folder, or a file through a mapping, to die at a fail-point."""
        assert self._process.stdin and self._process.stdout
        self._counts.unlink(missing_ok=True)
        self._process.stdin.write(json.dumps([str(location), str(mapping or ""), kill_at]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        passed = json.loads(self._counts.read_text()) if self._counts.exists() else {}
        return Done(status, self._output.read_text(), passed)

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)


def _serve(output: Path, counts: Path) -> None:
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet  # noqa: F401

    import tenure.protection.retention  # noqa: F401
    from tenure.contracts import load_contracts
    from tenure.landing import decoding, file_landing, keys

    decoding.BLOCK_BYTES = 2000
    file_landing.OVERLAP_BYTES = 2000
    keys.KEYS_IN_MEMORY = 20
    load_contracts(ROOT)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            location, mapping, kill_at = json.loads(line)
            _run(location, mapping, kill_at, output, counts)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(location: str, mapping: str, kill_at: str, output: Path, counts: Path) -> None:
    from tenure import failpoints
    from tenure.landing import land
    from tenure.settings import get_settings

    code = 99
    try:
        said = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.environ[failpoints.VARIABLE] = kill_at
        summary = land(get_settings(), location, mapping=Path(mapping) if mapping else None)
        print(summary)
        code = int(summary.is_refused)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        counts.write_text(json.dumps(failpoints.PASSED))
        os._exit(code)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
