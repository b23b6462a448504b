"""Rows of extracts that belong to a later month: what was set going now and takes its course."""

from collections import defaultdict

import numpy as np

from tenure.simulator.journal import Columns, Journal
from tenure.simulator.timeline import Integers, Month


class Agenda:
    """Rows known now and dated later. A month's file holds the rows of that month alone."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[Integers, Columns]]] = defaultdict(list)

    def add(
        self, journal: Journal, month: Month, entity: str, at: Integers, count: int, **columns: Integers | int
    ) -> None:
        """Add `count` rows, dated `at` (local seconds): to the journal those of this month, the others later."""
        if count:
            full = {
                name: np.broadcast_to(np.asarray(value, dtype=np.int64), (count,)) for name, value in columns.items()
            }
            self._rows[entity].append((at, full))
            self._move(journal, month, entity)

    def release(self, journal: Journal, month: Month) -> None:
        """Move the rows of the month that begins to the journal."""
        for entity in list(self._rows):
            self._move(journal, month, entity)

    def _move(self, journal: Journal, month: Month, entity: str) -> None:
        waiting = []
        for at, rows in self._rows.pop(entity):
            now = at < month.end
            journal.add(entity, int(now.sum()), **{name: values[now] for name, values in rows.items()})
            if not now.all():
                waiting.append((at[~now], {name: values[~now] for name, values in rows.items()}))
        if waiting:
            self._rows[entity] = waiting
