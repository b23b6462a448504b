"""Deliveries in other orders than they were made, corrected and late, and what the models make of each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
from psycopg import sql

from tenure.db import ROW_DIGEST
from tenure.landing import land
from tenure.settings import ROOT, Settings
from tenure.transform import run_dbt
from tests.faults.processes import environment

# Everything that is built by partitions, and all that is made before it.
BUILT = (
    "+usage_monthly",
    "+usage_adjustment_monthly",
    "+revenue_monthly",
    "+base_movement_monthly",
    "+int_usage_window",
)
FIRST_MONTH = "2026-01"
LAST_DAY = date(2026, 4, 8)


def refresh(settings: Settings, *options: str) -> None:
    """Build the models, by partitions unless told otherwise."""
    run_dbt(settings, ["run", "--select", *BUILT, *options])


def refreshing(settings: Settings, **variables: str) -> subprocess.Popen[bytes]:
    """The same as a process of its own."""
    program = "from tenure.settings import get_settings; from tests.faults.histories import refresh"
    command = [sys.executable, "-c", f"{program}; refresh(get_settings())"]
    return subprocess.Popen(command, cwd=ROOT, env=environment(settings, **variables), stdout=subprocess.DEVNULL)


def left_over(settings: Settings) -> list[str]:
    """Tables that dbt names for its own use and forgets when it is killed."""
    with psycopg.connect(settings.url("transformer")) as connection:
        rows = connection.execute("select tablename from pg_tables where tablename like '%\\_\\_dbt\\_%'")
        return [row[0] for row in rows]


def contents(settings: Settings) -> dict[str, str]:
    """Rows and digest of every table that the models have made."""
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("set timezone = 'UTC'")
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('intermediate', 'build') order by 1, 2"
        ).fetchall()
        found = {}
        for schema, table in tables:
            row = connection.execute(
                sql.SQL("select count(*) || ' ' || {} from {} as t").format(
                    sql.SQL(ROW_DIGEST), sql.Identifier(schema, table)
                )
            ).fetchone()
            found[f"{schema}.{table}"] = "" if row is None else row[0]
        return found


def usage_by_month(settings: Settings) -> dict[date, tuple[int, int]]:
    """Events of each month as they are now, and how many of them came after it was closed."""
    with psycopg.connect(settings.url("transformer")) as connection:
        rows = connection.execute("""
            select month, sum(event_count)::int, sum(adjusted_count)::int from (
                select month, event_count, 0 as adjusted_count from build.usage_monthly
                union all
                select month, 0, event_count from build.usage_adjustment_monthly
            ) as lines group by month""").fetchall()
        return {month: (events, adjusted) for month, events, adjusted in rows}


def touched(settings: Settings, model: str) -> list[str]:
    """The partitions that the last build of a model has built anew."""
    with psycopg.connect(settings.url("transformer")) as connection:
        rows = connection.execute(
            "select partition_date::text from reference.partition_todo"
            " where consumer = %s and purpose = 'build' order by 1",
            (model,),
        )
        return [row[0] for row in rows]


def files_of(extracts: Path) -> list[Path]:
    """Every delivered file, without manifests."""
    found = [path for path in sorted(extracts.glob("*.*/*")) if not path.name.endswith(".manifest.json")]
    return [path for path in found if path.parent.parent == extracts]


def deliver_some(extracts: Path, folder: Path, wanted: Callable[[Path], bool]) -> None:
    """Copy the files that are wanted, each with its manifest."""
    for path in files_of(extracts):
        if wanted(path):
            target = folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
            manifest = path.with_name(path.name + ".manifest.json")
            if manifest.exists():
                shutil.copy(manifest, target.with_name(manifest.name))


def land_shuffled(settings: Settings, extracts: Path, folder: Path, wanted: Callable[[Path], bool], seed: int) -> None:
    """Land the files that are wanted in two heaps, drawn at random."""
    files = files_of(extracts)
    drawn = np.random.default_rng(seed).random(len(files)) < 0.5
    for turn in (True, False):
        heap = {path for path, is_first in zip(files, drawn, strict=True) if bool(is_first) is turn and wanted(path)}
        deliver_some(extracts, folder / f"heap_{turn}", heap.__contains__)
        assert not land(settings, folder / f"heap_{turn}").is_refused


def read(path: Path) -> pl.DataFrame:
    """A delivered file, every value as text."""
    if path.suffix == ".parquet":
        return pl.read_parquet(path).cast(pl.String)
    if path.suffix == ".jsonl":
        return pl.read_ndjson(path).cast(pl.String)
    return pl.read_csv(path, infer_schema=False)


def file_of(extracts: Path, entity: str, day: str) -> Path:
    """The file of an entity and day (YYYYMMDD)."""
    return next(path for path in files_of(extracts) if path.parent.name == entity and f"_{day}." in path.name)
