"""Dirt on purpose: bad copies of good rows and rows delivered twice.

A bad row stands beside the good one it was copied from, so that a landing which refuses it loses nothing and the marts
of a dirty world equal those of the clean one. What is bad about a row follows from the contract of its entity: nothing
is planted that landing has no verdict on.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tenure.contracts import Column, contract_of
from tenure.settings import get_settings
from tenure.simulator.entities import Entity

# Smaller files stay clean: one bad row in them would pass the share at which a whole file is refused.
SMALLEST_FILE = 40
LARGEST_SHARE = 0.05


@dataclass(frozen=True)
class Defect:
    """One row out of the ordinary, and the verdict that landing should reach: rejected, duplicate or landed.

    `line` is the 1-based line of the file (a CSV header is line 1). A late row names the file that it belonged to.
    """

    file: str
    line: int
    kind: str
    column: str
    verdict: str
    belongs_to: str = ""


class DefectList:
    """truth/defects.jsonl: one JSON object a line, written as the defects are made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("w", encoding="utf-8")
        self.count = 0

    def add(self, defects: Iterable[Defect]) -> None:
        """List more."""
        for defect in defects:
            self._stream.write(json.dumps(asdict(defect)) + "\n")
            self.count += 1

    def close(self) -> None:
        """No more."""
        self._stream.close()


@dataclass(frozen=True)
class _Kind:
    """A way to be bad: what the column (none for a repeated row) holds instead; None is an empty value."""

    name: str
    column: str = ""
    value: str | int | Decimal | None = None

    @property
    def verdict(self) -> str:
        return "rejected" if self.column else "duplicate"


@cache
def _kinds(entity: Entity) -> tuple[_Kind, ...]:
    """Every way a row of the entity can be bad."""
    contract = contract_of(get_settings().root, entity.full_name)
    dated = contract.column(contract.date_column)
    kinds = [_Kind("duplicate"), _Kind("wrong_type", dated.name, "last Tuesday")]
    kinds += [_Kind("in_future", dated.name, "2098-12-01" if dated.type == "date" else "2098-12-01T09:00:00+08:00")]
    kinds += [_Kind("missing_value", column) for column in entity.required[:1]]
    kinds += [_Kind("bad_code", column, "??") for column in entity.coded[:1]]
    written = {name for name, _ in entity.columns}
    for column in contract.columns:
        if column.name in written:
            kinds += _broken_limits(column)
    return tuple(kinds)


def _broken_limits(column: Column) -> Iterator[_Kind]:
    if column.type in ("integer", "numeric"):
        beyond = [limit + step for limit, step in ((column.minimum, -1), (column.maximum, 1)) if limit is not None]
        if beyond:
            yield _Kind("out_of_range", column.name, beyond[0] if column.type == "integer" else Decimal(beyond[0]))
    if column.type == "date":
        yield _Kind("bad_date", column.name, "2025-02-30")
        if column.is_first_of_month:
            yield _Kind("bad_date", column.name, "2025-03-05")


def open_to_spoiling(table: pa.Table) -> pa.Table:
    """The table with texts in place of dictionaries, which know the good codes only."""
    kinds = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in table.schema.types]
    return table.cast(pa.schema(list(zip(table.column_names, kinds, strict=True))))


def spoil(
    table: pa.Table, entity: Entity, share: float, seed: int, part: str
) -> tuple[pa.Table, list[tuple[int, str, str, str]]]:
    """The table with about `share` of its rows added as defects: position, kind, column and verdict of each.

    `part` names this piece of a file, so that its draw is its own.
    """
    rows = table.num_rows
    if share <= 0 or rows < SMALLEST_FILE:
        return table, []
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(f"defects {part}".encode())]))
    count = min(int(rng.poisson(share * rows)), int(LARGEST_SHARE * rows))
    kinds = _kinds(entity)
    sources = np.sort(rng.choice(rows, count, replace=False))
    chosen = rng.integers(0, len(kinds), count)
    # A bad copy comes right after its original.
    order = np.insert(np.arange(rows), sources + 1, sources)
    places = sources + 1 + np.arange(count)
    spoiled = table.take(pa.array(order))
    for index, kind in enumerate(kinds):
        if kind.column:
            mask = np.zeros(len(order), dtype=bool)
            mask[places[chosen == index]] = True
            spoiled = _overwrite(spoiled, kind, mask)
    made = [(int(place), kinds[index]) for place, index in zip(places, chosen, strict=True)]
    return spoiled, [(place, kind.name, kind.column, kind.verdict) for place, kind in made]


def _overwrite(table: pa.Table, kind: _Kind, mask: np.ndarray) -> pa.Table:
    old = table.column(kind.column)
    new = pc.if_else(pa.array(mask), pa.scalar(kind.value, old.type), old)
    return table.set_column(table.column_names.index(kind.column), kind.column, new)
