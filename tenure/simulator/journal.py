"""What happened in a month, collected by entity until the extracts are written."""

from collections import defaultdict

import numpy as np

from tenure.simulator.timeline import Integers

Columns = dict[str, Integers]


class Journal:
    """Rows of extracts in the making: raw integers by entity and column (see `entities` for their meaning)."""

    def __init__(self) -> None:
        self._parts: dict[str, list[Columns]] = defaultdict(list)

    def add(self, entity: str, count: int, **columns: Integers | int) -> None:
        """Add `count` rows; a single number stands for a whole column."""
        if count:
            full = {
                name: np.broadcast_to(np.asarray(value, dtype=np.int64), (count,)) for name, value in columns.items()
            }
            self._parts[entity].append(full)

    def column(self, entity: str, name: str) -> Integers:
        """One column of the rows collected so far; they stay."""
        parts = self._parts.get(entity, [])
        return np.concatenate([part[name] for part in parts]) if parts else np.empty(0, dtype=np.int64)

    def take(self, entity: str) -> Columns | None:
        """All rows of an entity, or None when there are none; they are forgotten here."""
        parts = self._parts.pop(entity, [])
        if not parts:
            return None
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
