"""The complete landing of a day's usage file, against `\\copy` of it into a bare table; clean, and with bad rows."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.landing_warehouse import BARE, LandingWarehouse, Run, landing_warehouse, psql
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from benchmarks.usage_file import UsageFile, write_usage_file

ROWS = 5_000_000
BAD_SHARE = 0.05
DAMAGED = "bench.damaged"
GOOD = "not exists (select from bench.damaged where damaged.event_id = usage_event.event_id)"
PACKAGES = ("polars", "pyarrow", "adbc-driver-postgresql", "psycopg")


def landing_clean() -> dict[str, Any]:
    """Rows a second of `tenure land` / those of `\\copy` of the same file."""
    return _measure("landing_clean", 1.25, 0.0)


def landing_dirty() -> dict[str, Any]:
    """The same with 5 % bad rows, all kept in ops.reject, against `\\copy` of the clean file."""
    return _measure("landing_dirty", 1.0, BAD_SHARE)


def _measure(name: str, target: float, bad_share: float) -> dict[str, Any]:
    rows, runs = rows_asked(ROWS), runs_asked()
    with landing_warehouse() as (warehouse, folder):
        clean = write_usage_file(folder / "clean", rows)
        file = write_usage_file(folder / "dirty", rows, bad_share) if bad_share else clean
        pairs = [_pair(warehouse, file, clean) for _ in range(runs)]
        detail = _describe(warehouse, file, pairs)
        server = warehouse.server_version()
    ratios = [copied.seconds / landed.seconds for landed, copied, _ in pairs]
    return result(name, ratios, target, "higher", detail, PACKAGES, postgresql=server)


def _pair(warehouse: LandingWarehouse, file: UsageFile, clean: UsageFile) -> tuple[Run, Run, Run]:
    """One landing, the same command once more with nothing to do, one copy; they count only if they agree."""
    landed = warehouse.land(file)
    content = warehouse.content(warehouse.contract.raw_table)
    warehouse.check_ledger(file, content)
    idle = warehouse.tenure("land", str(file.folder))
    copied = warehouse.copy(clean)
    warehouse.write_rows(DAMAGED, file.damaged_ids)
    expected = warehouse.content(BARE, GOOD)
    if content != expected:
        raise RunDoesNotCount(f"landed and copied rows differ: {content}, {expected}")
    return landed, copied, idle


def _describe(warehouse: LandingWarehouse, file: UsageFile, pairs: Sequence[tuple[Run, Run, Run]]) -> str:
    landed, copied, idle = zip(*pairs, strict=True)
    refused = f", {len(file.damaged_ids)} of them bad and kept in ops.reject" if file.damaged_ids else ""
    return (
        f"{file.rows} rows of usage.usage_event, {file.bytes / 1e6:.0f} MB of CSV{refused}; seconds of `tenure land` "
        f"{_seconds(landed)} (with nothing to do {_seconds(idle)}), of `\\copy` by {psql().parent.parent.name}'s psql "
        f"{_seconds(copied)}; rows/s {_rate(file, landed)} against {_rate(file, copied)}; peak memory of the landing "
        f"{max(run.peak_bytes for run in landed) / 1e6:.0f} MB; {warehouse.durability()}; rows, control totals and "
        "digests equal in every run"
    )


def _seconds(runs: Sequence[Run]) -> str:
    return " ".join(f"{run.seconds:.2f}" for run in runs)


def _rate(file: UsageFile, runs: Sequence[Run]) -> str:
    return f"{file.rows / median(run.seconds for run in runs):.0f}"
