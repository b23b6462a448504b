"""Peak memory of the landing process: on a file and on one sixteen times as long, and against a fixed limit."""

from __future__ import annotations

from typing import Any

from benchmarks.landing import PACKAGES
from benchmarks.landing_warehouse import LandingWarehouse, Run, landing_warehouse
from benchmarks.ratios import result, rows_asked, runs_asked
from benchmarks.usage_file import UsageFile, write_usage_file

ROWS = 1_000_000
FOLD = 16
LIMIT_BYTES = 400e6


def landing_memory() -> list[dict[str, Any]]:
    """Two results: peak on the long file / on the short one; the higher of both / 400 MB."""
    rows, runs = rows_asked(ROWS), runs_asked()
    with landing_warehouse() as (warehouse, folder):
        short = write_usage_file(folder / "short", rows)
        long = write_usage_file(folder / "long", rows * FOLD)
        pairs = [(_land(warehouse, short), _land(warehouse, long)) for _ in range(runs)]
        server = warehouse.server_version()
    growth = [more.peak_bytes / less.peak_bytes for less, more in pairs]
    share = [max(less.peak_bytes, more.peak_bytes) / LIMIT_BYTES for less, more in pairs]
    detail = (
        f"peak memory in MB of `tenure land` and all it starts: {_megabytes([less for less, _ in pairs])} on "
        f"{short.rows} rows of usage.usage_event ({short.bytes / 1e6:.0f} MB of CSV), "
        f"{_megabytes([more for _, more in pairs])} on {long.rows} rows ({long.bytes / 1e6:.0f} MB); the ledger "
        "accounts for every row in every run"
    )
    return [
        result("landing_memory", growth, 1.05, "lower", detail, PACKAGES, postgresql=server),
        result("landing_memory_limit", share, 1.0, "lower", detail, PACKAGES, postgresql=server),
    ]


def _land(warehouse: LandingWarehouse, file: UsageFile) -> Run:
    run = warehouse.land(file)
    warehouse.check_ledger(file, warehouse.content(warehouse.contract.raw_table))
    return run


def _megabytes(runs: list[Run]) -> str:
    return " ".join(f"{run.peak_bytes / 1e6:.0f}" for run in runs)
