"""Usage events made, rated, encoded and written in a second of one core, against 500,000."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parent.parent
LIMIT_PER_SECOND = 500_000
LINES = 100_000
RUNS = 5
_ONE_THREAD = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_IO_THREADS", "OPENBLAS_NUM_THREADS")


def measure() -> dict[str, Any]:
    """The first month of an operator of 100,000 lines, several times over; the ratio is the median's.

    Seconds are those that the processor spent in all threads of the process, so that whatever else runs on the machine
    does not count.
    """
    environment = os.environ | dict.fromkeys(_ONE_THREAD, "1")
    command = [sys.executable, "-m", "benchmarks.simulate"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    events, *seconds = (float(word) for word in done.stdout.split())
    rates = sorted(events / second / LIMIT_PER_SECOND for second in seconds)
    return {
        "name": "simulate",
        "ratio": round(median(rates), 3),
        "low": round(rates[0], 3),
        "high": round(rates[-1], 3),
        "target": 1.0,
        "better": "higher",
        "runs": RUNS,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "pyarrow": pa.__version__},
        "detail": {
            "events": int(events),
            "events_per_second": round(median(rates) * LIMIT_PER_SECOND),
            "cpu_seconds": [round(second, 2) for second in seconds],
        },
    }


def _run() -> None:
    """Print the number of events and the seconds of each run."""
    from tenure.simulator.behaviour import Behaviour
    from tenure.simulator.circles import settle_circles
    from tenure.simulator.delivery import MonthDelivery
    from tenure.simulator.extracts import ExtractWriter
    from tenure.simulator.journal import Journal
    from tenure.simulator.opening import open_operator
    from tenure.simulator.timeline import month_at
    from tenure.simulator.usage import make_usage

    month, journal = month_at(date(2025, 8, 1), 0), Journal()
    world = open_operator(1, Behaviour(), journal, month, LINES)
    settle_circles(world, 1, month)
    events, seconds = 0, []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="tenure-bench-") as folder:
            writer = ExtractWriter(Path(folder), 1, dirty=0, late=0)
            started = time.process_time()
            delivery = MonthDelivery(writer, month, 0, is_end=True, is_closing=True)
            make_usage(world, 1, Journal(), month, delivery.usage)
            delivery.end_usage()
            seconds.append(time.process_time() - started)
            writer.close()
            events = writer.rows["usage.usage_event"]
    print(events, *seconds)


if __name__ == "__main__":
    _run()
