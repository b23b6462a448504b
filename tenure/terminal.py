"""What commands print: lines and tables, as they are."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.table import Table

# Piped output is for programs and logs: nothing is folded at 80 columns there.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)


def say(line: str) -> None:
    """Print a line."""
    out.print(line, markup=False)


def print_rows(rows: list[dict[str, Any]], columns: list[str] | None = None) -> None:
    """Print a table, or that there is nothing to print."""
    if not rows:
        say("no rows")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns or list(rows[0]):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table, markup=False)
