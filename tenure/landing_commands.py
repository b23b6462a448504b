"""The commands about refused rows, for the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tenure.settings import get_settings
from tenure.terminal import print_rows, say


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(rejects)
    app.command("replay-rejects")(replay_rejects)


def rejects(
    limit: Annotated[int | None, typer.Option(help="how many rows; 50, or all as CSV", min=1)] = None,
    file: Annotated[str | None, typer.Option(help="only those of the file of this name")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="comma-separated output")] = False,
) -> None:
    """The refused rows: file, line, column, rule, what to do."""
    from tenure.analyst import to_csv
    from tenure.landing import reject_report

    report = reject_report(get_settings(), limit if limit or csv else 50, file)
    columns, rows = list(report[0]) if report else [], [tuple(row.values()) for row in report]
    if csv:
        sys.stdout.write(to_csv(columns, rows) if rows else "")
    else:
        print_rows(columns, rows)


def replay_rejects(
    source: Annotated[str | None, typer.Option(help="only of this source")] = None,
    entity: Annotated[str | None, typer.Option(help="only of this entity")] = None,
    rule: Annotated[str | None, typer.Option(help="only rows refused by this rule")] = None,
) -> None:
    """Check refused rows again, from the archive, under the contracts as they are now; land those that pass."""
    from tenure.landing import replay_rejects as replay

    say(str(replay(get_settings(), source, entity, rule)))
