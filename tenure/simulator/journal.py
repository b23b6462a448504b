"""What happened in a month, collected by entity until the extracts are written."""

from collections import defaultdict

import numpy as np

from tenure.simulator.timeline import Integers

Columns = dict[str, Integers]


class Journal:
    """Rows of extracts in the making: raw integers by entity and column (see `entities` for their meaning)."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[int, dict[str, Integers | int]]]] = defaultdict(list)

    def add(self, entity: str, count: int, **columns: Integers | int) -> None:
        """Add `count` rows; a single number stands for a whole column."""
        if count:
            self._parts[entity].append((count, columns))

    def column(self, entity: str, name: str) -> Integers:
        """One column of the rows collected so far; they stay."""
        parts = self._parts.get(entity, [])
        return _joined([(count, columns[name]) for count, columns in parts]) if parts else np.empty(0, dtype=np.int64)

    def take(self, entity: str) -> Columns | None:
        """All rows of an entity, or None when there are none; they are forgotten here."""
        parts = self._parts.pop(entity, [])
        if not parts:
            return None
        return {name: _joined([(count, columns[name]) for count, columns in parts]) for name in parts[0][1]}


def _joined(pieces: list[tuple[int, Integers | int]]) -> Integers:
    """One column of its pieces: so many rows each, an array or the same number in all of them."""
    ends = np.cumsum([count for count, _ in pieces])
    column = np.empty(int(ends[-1]), dtype=np.int64)
    for (count, values), end in zip(pieces, ends.tolist(), strict=True):
        column[end - count : end] = values
    return column
