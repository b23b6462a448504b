"""Our landing against dlt's at its best documented setting: rows a second, and peak memory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.landing import PACKAGES, ROWS
from benchmarks.landing_warehouse import BARE, ROOT, Content, LandingWarehouse, Run, landing_warehouse
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from benchmarks.usage_file import UsageFile, write_usage_file
from tenure.bootstrap import SetupFailed, ensure

DATASET = "dlt_usage"
TRIAL_SHARE = 5
SETTINGS = {
    # Which load a row came with: part of the ledger.
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Setting:
    """One of dlt's documented ways to load in bulk. Several files are loaded in parallel."""

    strategy: str
    file_format: str
    rows_per_file: int | None = None

    def __str__(self) -> str:
        files = f"files of {self.rows_per_file} rows" if self.rows_per_file else "one file"
        return f"{self.file_format}, merge by {self.strategy}, {files}"


CANDIDATES = (
    Setting("upsert", "parquet"),
    Setting("delete-insert", "parquet"),
    Setting("upsert", "parquet", 250_000),
    Setting("upsert", "csv"),
)


def landing_peer() -> list[dict[str, Any]]:
    """Two results: rows a second of ours / dlt's, and our peak memory / dlt's, of the same runs."""
    try:
        environment = ensure("dlt")
    except SetupFailed as failure:
        raise RunDoesNotCount(str(failure)) from None
    rows, runs = rows_asked(ROWS), runs_asked()
    with landing_warehouse() as (warehouse, folder):
        trial = write_usage_file(folder / "trial", rows // TRIAL_SHARE)
        peer = _Peer(warehouse, environment, folder / "dlt")
        tried = {setting: peer.load(trial, setting, _truth(warehouse, trial)).seconds for setting in CANDIDATES}
        best = min(tried, key=lambda setting: tried[setting])
        file = write_usage_file(folder / "clean", rows)
        expected = _truth(warehouse, file)
        pairs = [(_ours(warehouse, file, expected), peer.load(file, best, expected)) for _ in range(runs)]
        versions = {"postgresql": warehouse.server_version(), "dlt": _pinned("dlt")}
        detail = _describe(warehouse, file, pairs, tried)
    speed = [theirs.seconds / ours.seconds for ours, theirs in pairs]
    memory = [ours.peak_bytes / theirs.peak_bytes for ours, theirs in pairs]
    return [
        result("landing_peer", speed, 10.0, "higher", detail, PACKAGES, **versions),
        result("landing_peer_memory", memory, 0.2, "lower", detail, PACKAGES, **versions),
    ]


def _truth(warehouse: LandingWarehouse, file: UsageFile) -> Content:
    """What both must make, from a third hand."""
    warehouse.copy(file)
    return warehouse.content(BARE)


def _ours(warehouse: LandingWarehouse, file: UsageFile, expected: Content) -> Run:
    run = warehouse.land(file)
    content = warehouse.content(warehouse.contract.raw_table)
    warehouse.check_ledger(file, content)
    _check("tenure land", content, expected)
    return run


class _Peer:
    """dlt in its environment, on the same server."""

    def __init__(self, warehouse: LandingWarehouse, environment: Path, work: Path) -> None:
        self._warehouse = warehouse
        self._environment = environment
        self._work = work

    def load(self, file: UsageFile, setting: Setting, expected: Content) -> Run:
        """Load the file into a data set that does not exist yet, and remove it again."""
        warehouse = self._warehouse
        warehouse.empty()
        self._drop()
        shutil.rmtree(self._work, ignore_errors=True)
        command = [
            str(self._environment / "bin" / "python"), str(ROOT / "benchmarks" / "dlt_pipeline.py"),
            "--file", str(file.path), "--dataset", DATASET, "--work", str(self._work),
            "--strategy", setting.strategy, "--format", setting.file_format,
        ]  # fmt: skip
        variables = {"TENURE_BENCH_URL": warehouse.settings.url("owner"), **SETTINGS}
        if setting.rows_per_file:
            variables["DATA_WRITER__FILE_MAX_ITEMS"] = str(setting.rows_per_file)
        run = warehouse.timed(command, **variables)
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            connection.execute(f"grant usage on schema {DATASET} to tenure_loader")
            connection.execute(f"grant select on all tables in schema {DATASET} to tenure_loader")
            loads = connection.execute(f"select count(*) from {DATASET}._dlt_loads where status = 0").fetchone()  # noqa: S608
        if loads != (1,):
            raise RunDoesNotCount("dlt has no row of its load")
        _check("dlt", warehouse.content(f"{DATASET}.usage_event"), expected)
        self._drop()
        return run

    def _drop(self) -> None:
        with psycopg.connect(self._warehouse.settings.url("owner"), autocommit=True) as connection:
            for schema in (DATASET, f"{DATASET}_staging"):
                connection.execute(f"drop schema if exists {schema} cascade")


def _check(side: str, content: Content, expected: Content) -> None:
    if content != expected:
        raise RunDoesNotCount(f"the rows of {side} differ from those of the file: {content}, {expected}")


def _describe(
    warehouse: LandingWarehouse, file: UsageFile, pairs: list[tuple[Run, Run]], tried: dict[Setting, float]
) -> str:
    def told(runs: list[Run]) -> str:
        seconds = " ".join(f"{run.seconds:.2f}" for run in runs)
        megabytes = " ".join(f"{run.peak_bytes / 1e6:.0f}" for run in runs)
        rate = file.rows / median(run.seconds for run in runs)
        return f"{seconds} s, {rate:.0f} rows/s, peak memory {megabytes} MB"

    trials = "; ".join(f"{setting}: {seconds:.1f} s" for setting, seconds in tried.items())
    return (
        f"{file.rows} rows of usage.usage_event, {file.bytes / 1e6:.0f} MB of CSV; `tenure land`: "
        f"{told([ours for ours, _ in pairs])}; dlt (Arrow batches of a typed reader, ADBC for Parquet, frozen schema, "
        f"merge on the primary key, _dlt_loads; no tokens, balance, rejects or archive) at the fastest of its settings "
        f"on a file of 1/{TRIAL_SHARE} of the rows ({trials}): {told([theirs for _, theirs in pairs])}; "
        f"{warehouse.durability()}; rows, control totals and digests equal in every run"
    )


def _pinned(package: str) -> str:
    pins = (ROOT / "benchmarks" / "requirements-dlt.txt").read_text().splitlines()
    return next(line.partition("==")[2].split()[0] for line in pins if line.startswith((f"{package}==", f"{package}[")))
