"""One read-only query as the analyst role, for `tenure sql`."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import psycopg

from tenure.errors import TenureError
from tenure.settings import Settings

# A spreadsheet takes a cell that begins so for a formula (full-width forms included).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def query(settings: Settings, statement: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one statement, run as the analyst. Raises TenureError with the server's reason."""
    try:
        with psycopg.connect(settings.url("analyst")) as connection:
            cursor = connection.execute(statement)
            if cursor.description is None:
                return [], []
            return [column.name for column in cursor.description], cursor.fetchall()
    except psycopg.Error as error:
        reason = error.diag.message_primary or str(error).strip().splitlines()[-1]
        raise TenureError(f"the query was refused: {reason}", hint=error.diag.message_hint or "") from None


def to_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """The result as CSV; text that a spreadsheet would run as a formula is preceded by an apostrophe."""
    return "".join(
        [_line(columns), *(_line(["" if value is None else harmless(value) for value in row]) for row in rows)]
    )


def _line(values: Sequence[Any]) -> str:
    out = io.StringIO()
    # The writer quotes a carriage return only when line ends have one too; unquoted it would end the row.
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue().removesuffix("\r\n") + "\n"


def harmless(value: Any) -> Any:
    """The value, a text that a spreadsheet would run as a formula preceded by an apostrophe."""
    if isinstance(value, str) and value.lstrip(' "').startswith(FORMULA_STARTS):
        return "'" + value
    return value
