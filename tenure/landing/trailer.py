"""The last line of files that end with one that says how many rows stand before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from tenure.landing.batches import Batch, Rows, exact_sum, unreadable_count
from tenure.landing.decoding import Block
from tenure.landing.results import FileRefused, plain


def trailer_totals(pattern: str | None) -> list[str]:
    """The columns that a trailer of this pattern sums."""
    return [] if pattern is None else [name for name in re.compile(pattern).groupindex if name != "rows"]


class Trailer:
    """A declared trailer: taken off while the file is read, and compared once all of it was."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._rows = 0
        self._totals: dict[str, Decimal] = {}

    def taken_off(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """The blocks without the trailer. Raises FileRefused when the file does not end with one: it is cut."""
        held: Block | None = None
        for block in blocks:
            if held is not None:
                yield held
            held = block
        if held is not None:
            cut = held.text[:-1].rfind(b"\n") + 1
            self._read(held.text[cut:].decode("utf-8").rstrip("\r\n"))
            if cut:
                yield Block(held.text[:cut], held.first_line)

    def compared(self, rows: Rows) -> Rows:
        """The same rows; after the last batch FileRefused is raised when the trailer says something else."""
        return Rows(rows.columns, self._counted(rows.batches))

    def _read(self, line: str) -> None:
        match = self._pattern.fullmatch(line)
        if match is None:
            raise FileRefused("its last line is not the trailer that its contract asks for: it may be cut off")
        said = match.groupdict()
        try:
            self._rows = int(said.pop("rows"))
            self._totals = {name: Decimal(text) for name, text in said.items() if text is not None}
        except (TypeError, ValueError, InvalidOperation):
            raise FileRefused("its trailer holds something that is no number") from None
        if not all(total.is_finite() for total in self._totals.values()):
            raise FileRefused("its trailer holds something that is no number")

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        count = 0
        sums = dict.fromkeys(trailer_totals(self._pattern.pattern), Decimal(0))
        unreadable = dict.fromkeys(sums, 0)
        for batch in batches:
            count += batch.row_count
            for name in sums:
                independent = batch.totals.get(name) if batch.totals else None
                sums[name] += exact_sum(batch.rows[name]) if independent is None else independent
                unreadable[name] += unreadable_count(batch.rows[name]) + len(batch.malformed)
            yield batch
        if count != self._rows:
            raise FileRefused(f"its trailer says {self._rows} rows, the file has {count}")
        for name, stated in self._totals.items():
            # What cannot be read as a number, the trailer may well have counted.
            if stated != sums[name] and not unreadable[name]:
                raise FileRefused(
                    f"its trailer says {name} adds up to {plain(stated)}, the file to {plain(sums[name])}"
                )
