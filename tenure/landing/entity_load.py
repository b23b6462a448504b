"""One load of one entity: its batches are checked, landed and counted, until the balance is drawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from tenure.contracts import Contract
from tenure.landing.batches import Malformed, exact_sum, unreadable_count
from tenure.landing.checks import REJECT_SCHEMA, ROW, check, reject_rows
from tenure.landing.copying import RawTable, Repeats, repeats_within, with_technical
from tenure.landing.loader import Loader
from tenure.landing.masking import mask
from tenure.landing.results import Balance, ControlTotal, FileRefused, plain
from tenure.landing.tokens import Tokeniser
from tenure.protection.identity_writer import IdentityWriter

CONFLICT_MESSAGE = "another row with this key and other content is there: send a correction of that row's file"
MAX_REJECTS_OF_REFUSED_FILE = 1000


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


@dataclass(frozen=True)
class Prepared:
    """A batch ready to land: checked, without repeats of its own, tokens instead of personal values."""

    raw: pl.DataFrame
    good: pl.DataFrame
    identities: pl.DataFrame
    erased_lines: frozenset[int]
    rejects: list[pl.DataFrame]
    rejected_rows: pl.Series
    duplicate_rows: pl.Series
    source: EntityRows


def prepare(contract: Contract, source: EntityRows, last_instant: dt.datetime, tokeniser: Tokeniser) -> Prepared:
    """Everything about a batch that needs no database; safe to run beside the landing of the batch before."""
    raw = source.rows.drop(ROW, strict=False).with_row_index(ROW)
    checked = check(contract, raw, last_instant)
    repeats = repeats_within(contract, checked.good)
    rejects = [source.rejects, _malformed_rejects(source.malformed), checked.rejects, _conflicts(raw, repeats)]
    rejected = pl.concat([checked.rejects[ROW], repeats.conflicts.cast(pl.Int64)]).unique()
    good = checked.good
    if repeats.duplicates.len() or repeats.conflicts.len():
        good = good.filter(~pl.col(ROW).is_in([*repeats.duplicates, *repeats.conflicts]))
    tokenised = tokeniser.tokenise(contract, good)
    erased = tokenised.erased_lines | tokeniser.tombstones.traces(raw, good, source.malformed)
    return Prepared(raw, tokenised.rows, tokenised.identities, erased, rejects, rejected, repeats.duplicates, source)


def _malformed_rejects(malformed: Sequence[Malformed]) -> pl.DataFrame:
    return pl.DataFrame(
        [(-1, item.line, "", item.rule, item.message, mask(item.text)) for item in malformed],
        schema=REJECT_SCHEMA,
        orient="row",
    )


def _conflicts(raw: pl.DataFrame, repeats: Repeats) -> pl.DataFrame:
    if not repeats.conflicts.len():
        return pl.DataFrame(schema=REJECT_SCHEMA)
    rows = raw.filter(pl.col(ROW).is_in(repeats.conflicts.to_list()))
    return reject_rows(rows, "", "key_conflict", CONFLICT_MESSAGE)


class EntityLoad:
    """The load of one entity from one file, inside one transaction."""

    def __init__(
        self,
        loader: Loader,
        contract: Contract,
        load_id: int,
        file_name: str,
        business_date: dt.date,
        started_at: dt.datetime,
        sums: Sequence[str],
    ) -> None:
        self.contract = contract
        self.load_id = load_id
        self.balance = Balance(totals={name: ControlTotal() for name in sums})
        self.rejects: list[pl.DataFrame] = []
        self.is_complete = False
        self._unreadable = dict.fromkeys(sums, 0)
        self._table = RawTable(loader, contract, load_id)
        self.identities = IdentityWriter(loader, load_id)
        self.erased_lines: set[int] = set()
        self._stamp = (load_id, business_date, file_name, started_at)

    def replace(self, load_id: int) -> None:
        """Take out the rows of the load that this one corrects."""
        self._table.remove(load_id)

    def add(self, batch: Prepared) -> None:
        """Land a prepared batch and count it."""
        self.identities.stage(batch.identities)
        self.erased_lines |= batch.erased_lines
        repeats = self._table.append(with_technical(batch.good, *self._stamp))
        rejected, duplicate = batch.rejected_rows, batch.duplicate_rows
        landed = batch.good
        if repeats.duplicates.len() or repeats.conflicts.len():
            landed = landed.filter(~pl.col(ROW).is_in([*repeats.duplicates, *repeats.conflicts]))
            rejected = pl.concat([rejected, repeats.conflicts])
            duplicate = pl.concat([duplicate, repeats.duplicates])
        self.rejects += [frame for frame in (*batch.rejects, _conflicts(batch.raw, repeats)) if not frame.is_empty()]
        balance, source = self.balance, batch.source
        refused_before = source.rejects[ROW].n_unique() + len(source.malformed)
        balance.rows += source.row_count
        balance.landed += landed.height
        balance.rejected += rejected.len() + refused_before
        balance.duplicate += duplicate.len()
        for name, total in balance.totals.items():
            refused = _at(batch.raw, rejected, name)
            counted = source.totals.get(name) if source.totals else None
            total.file += exact_sum(batch.raw[name]) if counted is None else counted
            total.landed += exact_sum(landed[name])
            total.rejected += exact_sum(refused)
            total.duplicate += exact_sum(_at(batch.raw, duplicate, name))
            self._unreadable[name] += unreadable_count(refused) + refused_before

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

    def first_rejects(self, count: int) -> pl.DataFrame:
        """The refused rows that come first in the file."""
        return pl.concat(self.rejects).sort("line_number", maintain_order=True).head(count)

    def check_reject_share(self) -> None:
        """Raises FileRefused when too many rows were refused for the rest to be trusted."""
        balance, contract = self.balance, self.contract
        if not balance.rejected or balance.rejected / balance.rows <= contract.reject_threshold:
            return
        if balance.rejected <= contract.reject_allowance and balance.landed + balance.duplicate > 0:
            return
        first = self.first_rejects(1).row(0, named=True)
        where = f", column {first['column_name']}" if first["column_name"] else ""
        raise FileRefused(
            f"{balance.rejected} of {balance.rows} rows are refused, more than {contract.reject_threshold:.0%}; "
            f"the first: line {first['line_number']}{where}: {first['message']}"
        )


def _at(raw: pl.DataFrame, positions: pl.Series, name: str) -> pl.Series:
    return raw[name].gather(positions.to_list()) if positions.len() else raw[name].head(0)
