"""`make bench` runs every benchmark; `make bench ONLY=demo` one."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

NAMES = ("demo", "simulate")
RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Run the named benchmarks (all without a name); print one line of JSON each and append it to the results."""
    wanted = sys.argv[1:] or list(NAMES)
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        print(f"tenure: no benchmark named {unknown[0]}: there is {', '.join(NAMES)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(exist_ok=True)
    missed = False
    for name in wanted:
        result = importlib.import_module(f"benchmarks.{name}").measure()
        line = json.dumps(result)
        print(line)
        with (RESULTS / f"{name}.jsonl").open("a") as stream:
            stream.write(line + "\n")
        better_is_lower = result["better"] == "lower"
        missed |= (result["ratio"] > result["target"]) if better_is_lower else (result["ratio"] < result["target"])
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
