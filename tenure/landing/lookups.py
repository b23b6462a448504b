"""Tables of a mapping that turn the operator's codes into ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

MAX_TABLE_BYTES = 16 << 20


@dataclass(frozen=True)
class Lookup:
    """A value found in a table: what was looked up, what stands there, and whether nothing does."""

    text: pl.Expr
    value: pl.Expr
    is_missing: pl.Expr


def looked_up(of: pl.Expr, table: Mapping[str, str], default: str | None) -> Lookup:
    """What an expression's texts become by a table; a text that is not in it becomes the default."""
    text = of.cast(pl.String)
    keys = list(table)
    value = text.replace_strict(keys, list(table.values()), default=pl.lit(default, pl.String), return_dtype=pl.String)
    # No text is no value, not a text that is not found.
    return Lookup(text, pl.when(text.is_not_null()).then(value), (text.is_not_null() & ~text.is_in(keys)))


class LookupTables:
    """The tables that a mapping names, each file read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, bytes] = {}

    def table(self, content: Mapping[str, Any]) -> dict[str, str]:
        """The table of one lookup. Raises ValueError when it has none or it cannot be used."""
        unknown = sorted(set(content) - {"of", "table", "file", "from", "to", "default"})
        if unknown:
            raise ValueError(f"unknown field {', '.join(unknown)}")
        if ("table" in content) == ("file" in content):
            raise ValueError("give either table or file")
        if "table" in content:
            found = {str(key): str(value) for key, value in content["table"].items()}
        else:
            found = self._from_file(str(content["file"]), str(content["from"]), str(content["to"]))
        if not found:
            raise ValueError("its table is empty")
        return found

    def contents(self) -> list[bytes]:
        """The files read, in the order of their names: another content is another mapping."""
        return [self._files[name] for name in sorted(self._files)]

    def _from_file(self, name: str, key: str, value: str) -> dict[str, str]:
        if name not in self._files:
            # Beside the mapping, so that both are reviewed and copied together.
            if Path(name).name != name:
                raise ValueError(f"{name!r} is not the name of a file beside the mapping")
            try:
                content = (self._folder / name).read_bytes()
            except OSError as error:
                raise ValueError(f"cannot read {name}: {error.strerror}") from None
            if len(content) > MAX_TABLE_BYTES:
                raise ValueError(f"{name} has more than {MAX_TABLE_BYTES >> 20} MiB")
            self._files[name] = content
        try:
            rows = csv.DictReader(io.StringIO(self._files[name].decode("utf-8-sig"), newline=""), strict=True)
            return self._pairs(name, rows, key, value)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{name} is no CSV file in UTF-8: {error}") from None

    @staticmethod
    def _pairs(name: str, rows: csv.DictReader[str], key: str, value: str) -> dict[str, str]:
        for column in (key, value):
            if column not in (rows.fieldnames or ()):
                raise ValueError(f"{name} has no column {column!r}")
        found: dict[str, str] = {}
        for row in rows:
            if not row[key] or row[value] is None:
                raise ValueError(f"{name}: line {rows.line_num} is not whole")
            if found.setdefault(row[key], row[value]) != row[value]:
                raise ValueError(f"{name}: line {rows.line_num} gives a text another value than a line before")
        return found
