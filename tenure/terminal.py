"""What commands print: lines and tables, as they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Piped output is for programs and logs: nothing is folded at 80 columns there.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

_WIDEST = 1_000_000


def say(line: str) -> None:
    """Print a line."""
    out.print(line, markup=False)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, or that there is nothing to print."""
    if not rows:
        say("no rows")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(Text(name), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    if out.is_terminal:
        out.print(table)
        return
    # A screen folds what is too wide for it; in a pipe every row is one line.
    width = out.measure(table, options=out.options.update(max_width=_WIDEST)).maximum
    Console(highlight=False, width=width).print(table)
