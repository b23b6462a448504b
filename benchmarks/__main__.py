"""`make bench` runs every benchmark; `make bench ONLY=demo` one, `ONLY=landing` all of landing."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.ratios import RunDoesNotCount

# Of each its module and function.
BENCHMARKS = {
    "demo": ("demo", "measure"),
    "simulate": ("simulate", "measure"),
    "landing_clean": ("landing", "landing_clean"),
    "landing_dirty": ("landing", "landing_dirty"),
    "landing_peer": ("landing_peer", "landing_peer"),
    "landing_memory": ("landing_memory", "landing_memory"),
    "refresh_flat": ("refresh", "refresh_flat"),
    "refresh_full": ("refresh", "refresh_full"),
    "refresh_peer": ("refresh_peer", "refresh_peer"),
    "trust": ("refresh", "trust"),
    "scoring": ("scoring", "scoring"),
    "training_memory": ("training_memory", "training_memory"),
    "churn_quality": ("churn_quality", "churn_quality"),
    "cookbook": ("cookbook", "cookbook"),
    "dashboard": ("dashboard", "dashboard"),
    "dashboard_pages": ("dashboard_pages", "dashboard_pages"),
}
SMALLER = {"TENURE_BENCH_ROWS", "TENURE_BENCH_RUNS"}
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Run the named benchmarks (all without a name); print one line of JSON each and append it to the results."""
    wanted = []
    for word in sys.argv[1:] or list(BENCHMARKS):
        # `landing` is all of landing's.
        named = [name for name in BENCHMARKS if name == word or name.startswith(f"{word}_")]
        if not named:
            print(f"tenure: no benchmark named {word}: there is {', '.join(BENCHMARKS)}", file=sys.stderr)
            return 2
        wanted += named
    RESULTS.mkdir(exist_ok=True)
    missed = False
    for name in wanted:
        module, function = BENCHMARKS[name]
        try:
            found = getattr(importlib.import_module(f"benchmarks.{module}"), function)()
        except RunDoesNotCount as problem:
            print(f"tenure: {name} has no result: {problem}", file=sys.stderr)
            missed = True
            continue
        for result in found if isinstance(found, list) else [found]:
            missed |= not _tell(name, result)
    return 1 if missed else 0


def _tell(name: str, result: dict[str, Any]) -> bool:
    """Print a result and keep it; returns whether it meets its target."""
    line = json.dumps(result)
    print(line, flush=True)
    # A run that was made small for looking is no result to keep.
    if not SMALLER & set(os.environ):
        with (RESULTS / f"{name}.jsonl").open("a") as stream:
            stream.write(line + "\n")
    better_is_lower = result["better"] == "lower"
    return bool(result["ratio"] <= result["target"] if better_is_lower else result["ratio"] >= result["target"])


if __name__ == "__main__":
    raise SystemExit(main())
