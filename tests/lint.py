"""`make lint`: every static check, all of them even when one fails, with one line for each at the end.

`python -m tests.lint` runs all, `python -m tests.lint ruff mypy` those named. dbt-bouncer reads the manifest, and
sqlfluff's dbt templater asks the database which relations exist: an embedded server in a temporary home answers it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenure.database import prepare_roles, start_database, stop_database
from tenure.database.unprivileged import shared_folder
from tenure.errors import TenureError
from tenure.settings import Settings
from tenure.transform import dbt_environment, run_dbt

ROOT = Path(__file__).resolve().parent.parent
# What the caller has set for other purposes must not change what a check finds.
FOREIGN = ("TENURE_", "DBT_", "RUFF_", "MYPY", "SQLFLUFF", "YAMLLINT_")


@dataclass(frozen=True)
class Check:
    """One tool: its name, its command line, and whether it needs dbt's manifest and a database to ask."""

    name: str
    argv: tuple[str, ...]
    needs_dbt: bool = False


CHECKS = (
    Check("ruff", ("ruff", "check", "--quiet", ".")),
    Check("ruff-format", ("ruff", "format", "--check", "--quiet", ".")),
    Check("mypy", ("mypy",)),
    Check("yamllint", ("yamllint", "--strict", ".")),
    Check("import-linter", ("lint-imports", "--no-cache")),
    Check("deptry", ("deptry", ".")),
    Check("dbt-bouncer", ("dbt-bouncer", "run", "--show-all-failures"), needs_dbt=True),
    Check("sqlfluff", ("sqlfluff", "lint", "--disable-progress-bar", "dbt_project"), needs_dbt=True),
)


def main() -> int:
    """Run the checks asked for. Returns 0 when all passed, 1 when one failed, 2 for a name that is none."""
    parser = argparse.ArgumentParser(description="Static checks of the whole repository.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(check.name for check in CHECKS))
    names = parser.parse_args().names
    unknown = sorted(set(names) - {check.name for check in CHECKS})
    if unknown:
        parser.error(f"no such check: {', '.join(unknown)}")
    wanted = [check for check in CHECKS if not names or check.name in names]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    clean["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', os.defpath)}"
    outcomes = {check.name: run(check, clean) for check in wanted if not check.needs_dbt}
    if any(check.needs_dbt for check in wanted):
        with dbt_at_hand() as (dbt, failure):
            for check in wanted:
                if check.needs_dbt:
                    outcomes[check.name] = run(check, clean | dbt) if failure is None else f"FAILED: {failure}"
    print()
    for check in wanted:
        print(f"{check.name:<14} {outcomes[check.name]}")
    return int(any(outcome.startswith("FAILED") for outcome in outcomes.values()))


def run(check: Check, environment: Mapping[str, str]) -> str:
    """Run one tool, which prints what it finds. Returns its line of the summary."""
    print(f"--- {' '.join(check.argv)}", flush=True)
    started = time.monotonic()
    try:
        code = subprocess.run(check.argv, cwd=ROOT, env=dict(environment), check=False).returncode
    except FileNotFoundError:
        return f"FAILED: {check.argv[0]} is not installed: run `make lint`, which installs it"
    seconds = f"({time.monotonic() - started:.0f} s)"
    return f"ok {seconds}" if code == 0 else f"FAILED with exit status {code} {seconds}"


@contextmanager
def dbt_at_hand() -> Iterator[tuple[dict[str, str], TenureError | None]]:
    """A fresh manifest and an empty database in a home that is removed afterwards.

    Yields the variables that dbt and dbt-bouncer read, and the error when the project cannot be parsed.
    """
    base = Path(tempfile.mkdtemp(prefix="tenure-lint-"))
    # The database may have to run as another user, who must be able to enter.
    base.chmod(0o755)
    for name in [name for name in os.environ if name.startswith("TENURE_")]:
        del os.environ[name]
    settings = Settings(_env_file=None, home=base / "home")
    failure = None
    try:
        try:
            start_database(settings)
            prepare_roles(settings)
            run_dbt(settings, ["parse"])
        except TenureError as error:
            failure = error
        # dbt-bouncer looks for the manifest in the `target` folder of what it takes for the project.
        variables = dbt_environment(settings) | {"DBT_PROJECT_DIR": str(settings.home / "dbt")}
        yield variables, failure
    finally:
        stop_database(settings)
        shutil.rmtree(shared_folder(settings.home), ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
