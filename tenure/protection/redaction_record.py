"""Which lines the archive's copy of a file lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure.landing.loader import Loader


def note_redaction(loader: Loader, relative: str, lines: set[int]) -> None:
    """Put on record that a file was archived without these lines, in the transaction that lands it."""
    known = loader.rows("select 1::bigint from ops.redaction where archive_path = $1::text", relative)
    if lines and not known:
        numbers = ",".join(str(int(line)) for line in sorted(lines))
        loader.execute(
            "insert into ops.redaction (archive_path, line_numbers, is_done)"
            " values ($1::text, string_to_array($2::text, ',')::bigint[], true)",
            relative, numbers,
        )  # fmt: skip
