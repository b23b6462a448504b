"""A warehouse with a history of some months, built, whose newest days are still to be delivered one by one."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.landing_warehouse import ROOT
from benchmarks.ratios import RunDoesNotCount
from tenure.db import ROW_DIGEST
from tenure.settings import Settings

# Lines of the operator: enough that a month of usage is more than the overhead of a query, few enough that 32 months
# are landed in minutes (TENURE_BENCH_ROWS sets another number).
LINES = 300
SHORT_MONTHS = 2
LONG_MONTHS = 16 * SHORT_MONTHS
LATE_DAYS = 40
FIRST_MONTH = date(2023, 1, 1)
SEED = 7
_DAY = re.compile(r"_(\d{8})[._]")


class History:
    """An embedded server with a home of its own; all but the newest days has landed and is built and published."""

    def __init__(self, base: Path, months: int, lines: int, held_days: int) -> None:
        self.months = months
        self.home = base / f"home{months}"
        self.settings = Settings(_env_file=None, home=self.home)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        self._environment = kept | {"TENURE_HOME": str(self.home), "TENURE_ENV_FILE": os.devnull}
        self._extracts = base / f"extracts{months}"
        self._delivery = base / f"delivery{months}"
        self._end = _month_after(FIRST_MONTH, months)
        # The first day of the open month is there from the start, so that every refresh is of a day within a month.
        self.days = [self._end + timedelta(days=1 + number) for number in range(held_days)]
        self.late_days = [day - timedelta(days=LATE_DAYS + held_days) for day in self.days]
        self.run(
            "simulate", "--out", str(self._extracts), "--subscriptions", str(lines), "--months", str(months),
            "--days", str(held_days + 1), "--seed", str(SEED), "--start", f"{FIRST_MONTH:%Y-%m}",
        )  # fmt: skip
        self.run("db", "start")
        self._deliver(lambda entity, day: not self._is_held(entity, day))
        self.run("land", str(self._delivery))
        self.run("build")

    def run(self, *arguments: str, **variables: str) -> float:
        """Run a command of the product to its end; seconds. Raises RunDoesNotCount when it fails."""
        return self.timed([sys.executable, "-m", "tenure", *arguments], **variables)

    def timed(self, command: list[str], **variables: str) -> float:
        """Run a program on this warehouse to its end; seconds. Raises RunDoesNotCount when it fails."""
        status, seconds, output = self.attempt(command, **variables)
        if status:
            raise RunDoesNotCount(f"{' '.join(command[1:5])} ended with {status}: {output[-300:]}")
        return seconds

    def attempt(self, command: list[str], **variables: str) -> tuple[int, float, str]:
        """Exit status, seconds and output of a program on this warehouse."""
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment | variables, capture_output=True, text=True, check=False
        )
        return done.returncode, time.monotonic() - started, done.stdout + done.stderr

    def killed_build(self, node: int) -> float:
        """Kill `tenure build` after so many models and checks; seconds until then."""
        status, seconds, _ = self.attempt(
            [sys.executable, "-m", "tenure", "build"], TENURE_KILL_AT=f"after_node:{node}"
        )
        if status != -signal.SIGKILL:
            raise RunDoesNotCount(f"the build was to die after node {node}, and ended with {status}")
        return seconds

    def land_day(self, number: int) -> None:
        """Deliver and land one of the days that were held back, with everything of that day."""
        day = self.days[number]
        self._deliver(lambda entity, of: of == day)
        self.run("land", str(self._delivery))

    def land_late_day(self, number: int) -> None:
        """Deliver and land the usage of one day that is 40 days late."""
        day = self.late_days[number]
        self._deliver(lambda entity, of: of == day and entity == "usage.usage_event")
        self.run("land", str(self._delivery))

    def rows(self, table: str) -> int:
        """Rows of a table."""
        with psycopg.connect(self.settings.url("owner")) as connection:
            found = connection.execute(
                sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
            ).fetchone()
        return int(found[0]) if found else 0

    def marts_digest(self) -> str:
        """Rows and content of all published marts, as one text to compare."""
        with psycopg.connect(self.settings.url("owner")) as connection:
            connection.execute("set timezone = 'UTC'")
            names = connection.execute(
                "select tablename from pg_tables where schemaname = 'marts'"
                " and tablename not in ('publication', 'mart_status') order by 1"
            ).fetchall()
            found = {}
            for (name,) in names:
                row = connection.execute(
                    sql.SQL("select count(*) || ' ' || {} from {} as t").format(
                        sql.SQL(ROW_DIGEST), sql.Identifier("marts", name)
                    )
                ).fetchone()
                found[name] = row[0] if row else None
        return json.dumps(found)

    def stop(self) -> None:
        """Stop the server."""
        self.run("db", "stop")

    def _is_held(self, entity: str, day: date | None) -> bool:
        if day is None:
            return False
        return day in self.days or (entity == "usage.usage_event" and day in self.late_days)

    def _deliver(self, wanted: Callable[[str, date | None], bool]) -> None:
        for path in sorted(self._extracts.glob("*.*/*")):
            found = _DAY.search(path.name)
            day = date.fromisoformat(f"{found[1][:4]}-{found[1][4:6]}-{found[1][6:]}") if found else None
            target = self._delivery / path.parent.name / path.name
            if wanted(path.parent.name, day) and not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, target)


def _month_after(first: date, months: int) -> date:
    place = first.year * 12 + first.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


@contextmanager
def histories(*months: int, lines: int, held_days: int) -> Iterator[list[History]]:
    """Built warehouses with histories of so many months each; they are gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="tenure-bench-"))
    base.chmod(0o755)
    made: list[History] = []
    try:
        for count in months:
            made.append(History(base, count, lines, held_days))
        yield made
    finally:
        for history in made:
            history.stop()
        shutil.rmtree(base, ignore_errors=True)
