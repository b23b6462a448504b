"""Dirt on purpose: bad copies of good rows and rows delivered twice.

A bad row stands beside the good one it was copied from, so that a landing which refuses it loses nothing and the marts
of a dirty world equal those of the clean one.
"""

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tenure.simulator.entities import Entity

# Smaller files stay clean: one bad row in them would pass the share at which a whole file is refused.
SMALLEST_FILE = 40
LARGEST_SHARE = 0.05


@dataclass(frozen=True)
class Defect:
    """One bad row: where it stands (1-based line of the file; a CSV header is line 1), what is wrong with it."""

    file: str
    line: int
    kind: str
    column: str


def spoil(
    table: pa.Table, entity: Entity, share: float, seed: int, file_name: str, first_line: int
) -> tuple[pa.Table, list[Defect]]:
    """The table with about `share` of its rows added as defects, and the list of these.

    `first_line` is the line of the first row in the file.
    """
    rows = table.num_rows
    if share <= 0 or rows < SMALLEST_FILE:
        return table, []
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(f"defects {file_name}".encode())]))
    count = min(int(rng.poisson(share * rows)), int(LARGEST_SHARE * rows))
    kinds = [("duplicate", ""), ("wrong_type", entity.dated_by)]
    kinds += [("missing_value", entity.required[0])] if entity.required else []
    kinds += [("bad_code", entity.coded[0])] if entity.coded else []
    sources = np.sort(rng.choice(rows, count, replace=False))
    chosen = rng.integers(0, len(kinds), count)
    # A bad copy comes right after its original.
    order = np.insert(np.arange(rows), sources + 1, sources)
    places = sources + 1 + np.arange(count)
    spoiled = table.take(pa.array(order))
    for index, (kind, column) in enumerate(kinds):
        if column:
            mask = np.zeros(len(order), dtype=bool)
            mask[places[chosen == index]] = True
            spoiled = _overwrite(spoiled, column, mask, {"wrong_type": "last Tuesday", "bad_code": "??"}.get(kind))
    defects = [
        Defect(file_name, int(place) + first_line, *kinds[kind]) for place, kind in zip(places, chosen, strict=True)
    ]
    return spoiled, defects


def _overwrite(table: pa.Table, column: str, mask: np.ndarray, value: str | None) -> pa.Table:
    old = table.column(column)
    new = pc.if_else(pa.array(mask), pa.scalar(value, old.type), old)
    return table.set_column(table.column_names.index(column), column, new)
