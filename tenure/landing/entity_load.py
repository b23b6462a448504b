"""One load of one entity: its batches are checked, landed and counted, until the balance is drawn."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.batches import LINE, Batch, Malformed, exact_sum, unreadable_count
from tenure.landing.checks import REJECT_SCHEMA, ROW
from tenure.landing.claims import Claims, Move
from tenure.landing.keys import Hashes, LoadKeys
from tenure.landing.loader import Loader
from tenure.landing.masking import mask
from tenure.landing.references import note_unknown_references
from tenure.landing.results import Balance, ControlTotal, FileRefused, plain
from tenure.landing.schema import raw_columns, raw_identifier
from tenure.landing.screening import Screen
from tenure.landing.tokens import Tokeniser
from tenure.landing.touched import touch_load
from tenure.protection.identity_writer import IdentityWriter

MAX_REJECTS_OF_REFUSED_FILE = 1000
# So many rows of other days may come in any file: they may be the late ones of a quiet day.
WRONG_DAY_ALLOWANCE = 100


@dataclass(frozen=True)
class EntityRows:
    """Rows of one entity from one batch, before any check: the contract's columns and `_line_number`.

    `row_count` and `totals` are counted independently of the parser; `rejects` are rows that were refused before.
    """

    rows: pl.DataFrame
    row_count: int
    malformed: Sequence[Malformed] = ()
    totals: Mapping[str, Decimal] | None = None
    rejects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECT_SCHEMA))
    odd_lines: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Prepared:
    """A batch ready to land: checked, tokens instead of personal values, and counted.

    `identities` go to the vault; `erased_lines` concern somebody erased; `refused` are the raw rows that are refused;
    `days` the number of good rows by the local date of their date column.
    """

    source: EntityRows
    good: pl.DataFrame
    identities: pl.DataFrame
    erased_lines: frozenset[int]
    refused: pl.DataFrame
    rejects: pl.DataFrame
    days: Mapping[dt.date, int]


def as_they_are(contract: Contract, batch: Batch, is_first: bool) -> dict[str, EntityRows]:
    """The rows of a file of the contract's own layout; a column that it leaves out is empty."""
    missing = [name for name in contract.column_names if name not in batch.rows.columns]
    rows = batch.rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    return {contract.name: EntityRows(rows, batch.row_count, batch.malformed, batch.totals, odd_lines=batch.odd_lines)}


def prepare(contract: Contract, source: EntityRows, screen: Screen, tokeniser: Tokeniser, zone: ZoneInfo) -> Prepared:
    """Everything about a batch that needs no database; safe to run beside the landing of the batch before."""
    raw = source.rows.drop(ROW, strict=False).with_row_index(ROW)
    checked = screen.check(raw, source.odd_lines)
    rejects = pl.concat([source.rejects, _malformed_rejects(source.malformed), checked.rejects])
    bad = checked.rejects[ROW].unique()
    refused = raw.filter(pl.col(ROW).is_in(bad.to_list())) if bad.len() else raw.head(0)
    tokenised = tokeniser.tokenise(contract, checked.good)
    erased = tokenised.erased_lines | tokeniser.tombstones.traces(raw, checked.good, source.malformed)
    days = _days(contract, checked.good, zone)
    return Prepared(source, tokenised.rows, tokenised.identities, erased, refused, rejects, days)


def _malformed_rejects(malformed: Sequence[Malformed]) -> pl.DataFrame:
    return pl.DataFrame(
        [(-1, item.line, "", item.rule, item.message, mask(item.text), None) for item in malformed],
        schema=REJECT_SCHEMA,
        orient="row",
    )


def _days(contract: Contract, good: pl.DataFrame, zone: ZoneInfo) -> dict[dt.date, int]:
    dates = good[contract.date_column]
    if contract.column(contract.date_column).type == "timestamp":
        # Hours are few, so the calendar of the zone is asked for a few values only.
        hours = dates.dt.truncate("15m").value_counts()
        counted: Counter[dt.date] = Counter()
        for instant, count in hours.drop_nulls().iter_rows():
            counted[instant.astimezone(zone).date()] += count
        return dict(counted)
    return dict(dates.value_counts().drop_nulls().iter_rows())


def _span(period: tuple[dt.date, dt.date]) -> str:
    return str(period[0]) if period[0] == period[1] else f"{period[0]} to {period[1]}"


class EntityLoad:
    """The load of one entity from one file, inside one transaction."""

    def __init__(self, loader: Loader, contract: Contract, load_id: int, sums: Sequence[str], spool: Path) -> None:
        self.contract = contract
        self.load_id = load_id
        self.balance = Balance(totals={name: ControlTotal() for name in sums})
        self.is_complete = False
        self.shown_rejects = pl.DataFrame(schema=REJECT_SCHEMA)
        self.days: Counter[dt.date] = Counter()
        self._loader = loader
        self._unreadable = dict.fromkeys(sums, 0)
        self.identities = IdentityWriter(loader, load_id)
        self.erased_lines: set[int] = set()
        self._keys = LoadKeys(contract, spool)
        self._claims = Claims(loader, contract, sums)
        self._freed: Hashes = np.empty(0, dtype=np.uint64)

    def close(self) -> None:
        """Free what the load took outside the database."""
        self._keys.close()

    def replace(self, load_id: int) -> None:
        """Take out the rows of the load that this one corrects."""
        self._freed = self._claims.held_beside(load_id)
        self._claims.store.remove(load_id)
        table = raw_identifier(self.contract).as_string()
        self._loader.execute(f"delete from {table} where _load_id = {load_id:d}")  # noqa: S608 (quoted name, integer)
        touch_load(self._loader, self.contract.source, self.contract.entity, load_id)
        for name in ("held_row", "unknown_reference", "load_day"):
            self._loader.execute(f"delete from ops.{name} where load_id = $1::bigint", load_id)  # noqa: S608 (constants)

    def add(self, batch: Prepared) -> None:
        """Land the good rows of a prepared batch and count them all."""
        good = batch.good
        self.identities.stage(batch.identities)
        self.erased_lines |= batch.erased_lines
        landed = good.with_columns(pl.lit(self.load_id, dtype=pl.Int64).alias("_load_id"), pl.col(LINE).cast(pl.Int64))
        reach("before_copy")
        if landed.height:
            columns = landed.select(*raw_columns(self.contract))
            self._loader.copy(f"raw_{self.contract.source}", self.contract.entity, columns)
        reach("after_copy")
        self._keys.add(good)
        self.days.update(batch.days)
        self._count(batch, good)

    def _count(self, batch: Prepared, good: pl.DataFrame) -> None:
        balance, source = self.balance, batch.source
        refused_before = source.rejects[ROW].n_unique() + len(source.malformed)
        balance.rows += source.row_count
        balance.landed += good.height
        balance.rejected += batch.refused.height + refused_before
        for name, total in balance.totals.items():
            landed, refused = exact_sum(good[name]), exact_sum(batch.refused[name])
            counted = source.totals.get(name) if source.totals else None
            total.file += landed + refused if counted is None else counted
            total.landed += landed
            total.rejected += refused
            self._unreadable[name] += unreadable_count(batch.refused[name]) + refused_before

    def settle(self) -> list[Move]:
        """Settle which rows stand for keys that several have. Returns the moves in other loads; its own are counted."""
        others = []
        for move in self._claims.settle(self.load_id, self._keys, self._freed):
            if move.load_id == self.load_id:
                self.balance.move(move.before, move.after, move.count, move.totals)
            else:
                others.append(move)
        note_unknown_references(self._loader, self.contract, self.load_id)
        return others

    def check_days(self, period: tuple[dt.date, dt.date]) -> None:
        """Raises FileRefused when most rows are of one day that is not the file's: it is that of another day.

        Late rows are of many days, so they are not mistaken for it.
        """
        limit, total = self.contract.wrong_day_share, sum(self.days.values())
        others = Counter({day: count for day, count in self.days.items() if not period[0] <= day <= period[1]})
        # Where rows may be as old as they like, a file may bring history.
        if limit is None or self.contract.late_days is None or not others:
            return
        ((day, count),) = others.most_common(1)
        if count > max(limit * total, WRONG_DAY_ALLOWANCE):
            raise FileRefused(
                f"{count} of its {total} good rows are of {day}, not of {_span(period)}: is it the file of another day?"
            )

    def compare(self, rows: int | None, totals: Mapping[str, Decimal]) -> None:
        """Compare with the manifest's count and totals, and draw the balance.

        The manifest knows what refused values were that cannot be read as numbers: the difference is theirs.
        Raises FileRefused when anything does not add up.
        """
        balance = self.balance
        self.is_complete = True
        if rows is not None and rows != balance.rows:
            raise FileRefused(f"its manifest says {rows} rows, the file has {balance.rows}")
        for name, stated in totals.items():
            total = balance.totals[name]
            difference = stated - total.file
            if difference and not self._unreadable[name]:
                raise FileRefused(f"its manifest says {name} adds up to {stated}, the file to {plain(total.file)}")
            total.file += difference
            total.rejected += difference
        balance.check()

    def check_reject_share(self) -> None:
        """Raises FileRefused when too many rows were refused for the rest to be trusted."""
        balance, contract = self.balance, self.contract
        if not balance.rejected or balance.rejected / balance.rows <= contract.reject_threshold:
            return
        if balance.rejected <= contract.reject_allowance and balance.landed + balance.duplicate > 0:
            return
        self.shown_rejects = self._first_rejects()
        first = self.shown_rejects.row(0, named=True)
        where = f", column {first['column_name']}" if first["column_name"] else ""
        raise FileRefused(
            f"{balance.rejected} of {balance.rows} rows are refused, more than {contract.reject_threshold:.0%}; "
            f"the first: line {first['line_number']}{where}: {first['message']}"
        )

    def _first_rejects(self) -> pl.DataFrame:
        found = self._loader.rows(
            "select 0::bigint, line_number, column_name, rule_name, message, masked_text, due_at from ops.reject"
            " where load_id = $1::bigint order by line_number, column_name limit $2::bigint",
            self.load_id, MAX_REJECTS_OF_REFUSED_FILE,
        )  # fmt: skip
        return pl.DataFrame(found, schema=REJECT_SCHEMA, orient="row")
