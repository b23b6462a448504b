"""What keeps erased customers from coming back: at the door their ids become the pseudonym that they have by now."""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from tenure.contracts import Contract
from tenure.protection.subjects import KINDS, id_columns, number_columns, subject_columns
from tenure.settings import Settings

if TYPE_CHECKING:
    from tenure.landing.batches import Malformed
    from tenure.landing.loader import Loader

_INSTANT = pl.Datetime("us", "UTC")
# The line that a row comes from.
LINE = "_line_number"

_CELL = re.compile(r'[,;|\t"{}:]+')


def lookup_of(key: str, kind: str, value: str) -> str:
    """The keyed hash under which a tombstone is found, 32 hexadecimal digits."""
    return hmac.digest(key.encode(), f"{kind}\0{value}".encode(), "sha256")[:16].hex()


@dataclass(frozen=True)
class Tombstone:
    """What stands in the place of an id or number, and from when (included) to when it was that person's."""

    pseudonym: str
    valid_from: dt.datetime | None
    valid_to: dt.datetime | None


@dataclass(frozen=True)
class Passed:
    """Rows without the erased; `pseudonyms` has, by personal column, what takes the place of the value's token.

    Values that have no pseudonym and describe somebody erased are empty. `lines` concern somebody erased.
    """

    rows: pl.DataFrame
    pseudonyms: dict[str, pl.Series] = field(default_factory=dict)
    lines: frozenset[int] = frozenset()


class Tombstones:
    """All tombstones of the warehouse, read once; without any, nothing is looked at."""

    def __init__(self, settings: Settings, loader: Loader) -> None:
        self._known: dict[str, list[Tombstone]] = {}
        for lookup, *rest in loader.rows("select lookup, pseudonym, valid_from, valid_to from ops.tombstone"):
            self._known.setdefault(lookup, []).append(Tombstone(*rest))
        self._key = settings.secret("tombstone_key") if self._known else ""

    @property
    def exist(self) -> bool:
        """Whether anybody was erased."""
        return bool(self._known)

    def _find(self, kind: str, values: pl.Series) -> dict[str, list[Tombstone]]:
        distinct = values.drop_nulls().unique().to_list()
        found = {value: self._known.get(lookup_of(self._key, kind, value)) for value in distinct}
        return {value: stones for value, stones in found.items() if stones}

    def replace(self, contract: Contract, rows: pl.DataFrame) -> Passed:
        """The rows (`_line_number` and the contract's typed columns) as they may land."""
        if not self._known or rows.is_empty():
            return Passed(rows)
        subjects = subject_columns(contract)
        none = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        about, is_hit = none, none.is_not_null()
        is_named = is_hit
        for name, kind in id_columns(contract).items():
            stones = self._find(kind, rows[name])
            is_named = is_named | rows[name].is_not_null() if name in subjects else is_named
            if not stones:
                continue
            names = {value: found[0].pseudonym for value, found in stones.items()}
            pseudonym = rows[name].replace_strict(names, default=None, return_dtype=pl.String)
            is_hit = is_hit | pseudonym.is_not_null()
            rows = rows.with_columns(_first(pseudonym, rows[name]).alias(name))
            about = _first(about, pseudonym) if name in subjects else about
        pseudonyms = {}
        numbers = {column.name for column in number_columns(contract)}
        for column in contract.columns:
            if column.is_personal:
                found = self._of_value(contract, rows, column.name, about, is_named, column.name in numbers)
                if column.is_required:
                    found = _first(found, about)
                is_hit = is_hit | found.is_not_null()
                if (gone := found.is_not_null() | about.is_not_null()).any():
                    pseudonyms[column.name] = found
                    rows = rows.with_columns(_emptied(rows[column.name], gone))
            elif column.is_describing and about.is_not_null().any():
                rows = rows.with_columns(_emptied(rows[column.name], about.is_not_null()))
        return Passed(rows, pseudonyms, frozenset(rows[LINE].filter(is_hit).to_list()))

    def _of_value(
        self, contract: Contract, rows: pl.DataFrame, name: str, about: pl.Series, is_named: pl.Series, is_number: bool
    ) -> pl.Series:
        """The pseudonym of each number: of all in rows about somebody erased; else of that time, if nobody is named."""
        found = about.clear(about.len())
        if not is_number:
            return found
        at = rows[contract.date_column].cast(_INSTANT)
        for value, stones in self._find("number", rows[name]).items():
            is_value = (rows[name] == value).fill_null(False)
            for stone in stones:
                is_then = ~is_named
                if stone.valid_from is not None:
                    is_then = is_then & (at >= stone.valid_from)
                if stone.valid_to is not None:
                    is_then = is_then & (at < stone.valid_to)
                is_his = is_value & (is_then.fill_null(False) | about.is_not_null()) & found.is_null()
                found = found.set(is_his, stone.pseudonym)
        return found

    def traces(self, raw: pl.DataFrame, kept: pl.DataFrame, malformed: Sequence[Malformed]) -> frozenset[int]:
        """Lines that do not land and hold, in whatever column, something of somebody erased."""
        if not self._known:
            return frozenset()
        left = raw.filter(~pl.col(LINE).is_in(kept[LINE].to_list()))
        lines = {item.line for item in malformed if self._has_trace(_CELL.split(item.text))}
        names = [name for name, kind in left.schema.items() if kind == pl.String]
        for line, *cells in left.select(LINE, *names).iter_rows():
            if line not in lines and self._has_trace(cell for cell in cells if cell):
                lines.add(line)
        return frozenset(lines)

    def _has_trace(self, cells: Iterable[str]) -> bool:
        kinds = (*KINDS, "number", "trace")
        return any(lookup_of(self._key, kind, cell.strip()) in self._known for cell in cells for kind in kinds)


def _first(one: pl.Series, other: pl.Series) -> pl.Series:
    return one.zip_with(one.is_not_null(), other)


def _emptied(values: pl.Series, where: pl.Series) -> pl.Series:
    return values.zip_with(~where, values.clear(values.len()))
