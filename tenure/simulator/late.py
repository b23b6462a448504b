"""Events that arrive late: held back from the file of their day and delivered in a later one."""

import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

# Of the late rows, those that are later than the next file.
_SHARE_LATER_STILL = 0.2


@dataclass
class _Held:
    """Rows under way: how many files they still wait, and the file they belonged to (known when it is complete)."""

    waits: int
    table: pa.Table
    file: str = ""


class LateRows:
    """Rows held back by entity, `share` of all events."""

    def __init__(self, seed: int, share: float) -> None:
        self._seed = seed
        self._share = share
        self._held: dict[str, list[_Held]] = defaultdict(list)

    def hold_back(self, entity: str, table: pa.Table, part: str) -> pa.Table:
        """The rows of `table` that are in time; `part` names the piece, so that its draw is its own."""
        if self._share <= 0:
            return table
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, zlib.crc32(f"late {part}".encode())]))
        draw = rng.random(table.num_rows)
        for waits, least, most in ((2, 0, _SHARE_LATER_STILL), (1, _SHARE_LATER_STILL, 1)):
            chosen = (draw >= least * self._share) & (draw < most * self._share)
            if chosen.any():
                self._held[entity].append(_Held(waits, table.filter(pa.array(chosen))))
        return table.filter(pa.array(draw >= self._share))

    def belongs_to(self, entity: str, file: str) -> None:
        """The file just completed is the one that the rows held back last belonged to."""
        for held in self._held[entity]:
            held.file = held.file or file

    def due(self, entity: str, *, is_last: bool) -> Iterator[tuple[pa.Table, str]]:
        """Rows to deliver in a file that begins now, with the file they belonged to; all there are in the last one."""
        kept = []
        for held in self._held.pop(entity, []):
            held.waits -= 1
            if held.waits <= 0 or is_last:
                yield held.table, held.file
            else:
                kept.append(held)
        self._held[entity] = kept
