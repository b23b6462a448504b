"""Refused rows checked again, from the archived file, and landed with their load when they pass by now.

That is so after a rule was mended, and for rows that came before their time: their day has come once files of later
days have landed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tenure.contracts import Contract, load_contracts
from tenure.db import connect
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.landing.archive import Archive
from tenure.landing.batches import LINE
from tenure.landing.checks import end_of_day, window
from tenure.landing.claims import Move
from tenure.landing.delivery import FILE_NAME, Manifest
from tenure.landing.entity_load import EntityLoad, EntityRows, as_they_are, prepare
from tenure.landing.ledger import Ledger
from tenure.landing.loader import Loader
from tenure.landing.mapped_rows import apply
from tenure.landing.mapping import FileMapping, load_mapping
from tenure.landing.opening import open_delivery, open_mapped
from tenure.landing.results import FileRefused
from tenure.landing.screening import Screen
from tenure.landing.snapshot import take_snapshot
from tenure.landing.stores import private_folder
from tenure.landing.tokens import Tokeniser
from tenure.settings import Settings

# The loads with refused rows. What conflicts with another row is settled between the rows, not by any rule.
_WAITING = """
    select load.load_id, load.source_name || '.' || load.entity_name as name, load.file_name, load.business_date,
        load.period_from, load.period_to, load.archive_path, load.mapping_name, load.control_totals,
        array_agg(distinct reject.line_number) as lines,
        exists (select 1 from ops.redaction where redaction.archive_path = load.archive_path) as is_redacted,
        (
            select max(greatest(newer.business_date, newer.period_to)) from ops.load as newer
            where newer.source_name = load.source_name and newer.entity_name = load.entity_name
                and newer.status = 'landed'
        ) as newest_date
    from ops.reject as reject join ops.load as load using (load_id)
    where load.status = 'landed' and reject.rule_name <> 'key_conflict' and {condition}
    group by load.load_id order by load.load_id
"""


@dataclass
class ReplaySummary:
    """What became of the rows that were checked again, and the files that could not be (with the reason)."""

    landed: int = 0
    duplicate: int = 0
    refused: int = 0
    skipped: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        text = (
            f"{self.landed + self.duplicate + self.refused} refused rows checked again: {self.landed} landed, "
            f"{self.duplicate} duplicates, {self.refused} refused as before"
        )
        return "\n".join([text, *(f"skipped {name}: {why}" for name, why in self.skipped.items())])


def replay_rejects(
    settings: Settings, source: str | None = None, entity: str | None = None, rule: str | None = None
) -> ReplaySummary:
    """Check refused rows again under the contracts as they are now: all, or those of a source, entity or rule."""
    condition = (
        "(%(source)s::text is null or load.source_name = %(source)s)"
        " and (%(entity)s::text is null or load.entity_name = %(entity)s)"
        " and (%(rule)s::text is null or reject.rule_name = %(rule)s)"
    )
    return _replay(
        settings, load_contracts(settings.root), condition, {"source": source, "entity": entity, "rule": rule}
    )


def replay_due(settings: Settings, contracts: Mapping[str, Contract]) -> ReplaySummary:
    """Check the rows again that were refused as too early and whose time files know by now."""
    with connect("loader", settings=settings) as connection:
        # The end of the newest landed day of each entity, by the operator's calendar.
        newest = connection.execute(
            "select source_name || '.' || entity_name, max(greatest(business_date, period_to)) from ops.load"
            " where status = 'landed' and exists (select 1 from ops.reject where due_at is not null) group by 1"
        ).fetchall()
    limits = {
        name: end_of_day(day + dt.timedelta(days=contracts[name].max_days_ahead), settings.zone)
        for name, day in newest
        if name in contracts and day is not None
    }
    summary = ReplaySummary()
    for name, limit in limits.items():
        condition = "load.source_name || '.' || load.entity_name = %(name)s and reject.due_at <= %(limit)s"
        found = _replay(settings, contracts, condition, {"name": name, "limit": limit})
        summary.landed += found.landed
        summary.skipped |= found.skipped
    return summary


def _replay(
    settings: Settings, contracts: Mapping[str, Contract], condition: str, parameters: Mapping[str, Any]
) -> ReplaySummary:
    summary = ReplaySummary()
    with connect("loader", settings=settings) as connection:
        rows = connection.execute(_WAITING.format(condition=condition), parameters).fetchall()
    loads = [_Load(*row) for row in rows]
    for name in dict.fromkeys(load.name for load in loads):
        if name not in contracts:
            continue
        with Loader(settings) as loader, loader.entity_lock(name):
            tokeniser = Tokeniser(settings, loader)
            for load in loads:
                if load.name == name:
                    _replay_load(settings, loader, tokeniser, contracts, load, summary)
    return summary


@dataclass(frozen=True)
class _Load:
    load_id: int
    name: str
    file_name: str
    business_date: dt.date
    period_from: dt.date
    period_to: dt.date
    archive_path: str
    mapping_name: str | None
    control_totals: Mapping[str, Any]
    lines: list[int]
    is_redacted: bool
    newest_date: dt.date


def _replay_load(
    settings: Settings, loader: Loader, tokeniser: Tokeniser, contracts: Mapping[str, Contract], load: _Load,
    summary: ReplaySummary,
) -> None:  # fmt: skip
    try:
        if load.is_redacted:
            raise TenureError("lines were taken out of its archived copy, so its lines are not what they were")
        mapping = _mapping_of(settings, contracts, load.mapping_name)
        with private_folder(settings.spool_dir) as folder:
            path = folder / load.file_name
            with path.open("wb") as out:
                out.writelines(Archive(settings).read(load.archive_path))
            reach("after_spool")
            counts = _land_again(settings, loader, tokeniser, contracts[load.name], load, mapping, path)
    except (TenureError, FileRefused) as error:
        summary.skipped[load.file_name] = error.message if isinstance(error, TenureError) else str(error)
        return
    summary.landed += counts["landed"]
    summary.duplicate += counts["duplicate"]
    summary.refused += counts["rejected"]


def _mapping_of(settings: Settings, contracts: Mapping[str, Contract], name: str | None) -> FileMapping | None:
    if name is None:
        return None
    for path in sorted((settings.root / "mappings").glob("*.yml")):
        mapping = load_mapping(path, contracts, settings.zone)
        if mapping.name == name.partition("@")[0]:
            return mapping
    raise TenureError("its mapping is not in mappings/")


def _land_again(
    settings: Settings, loader: Loader, tokeniser: Tokeniser, contract: Contract, load: _Load,
    mapping: FileMapping | None, path: Path,
) -> dict[str, int]:  # fmt: skip
    snapshot = take_snapshot(path)
    if mapping is None:
        match = FILE_NAME.fullmatch(load.file_name)
        rows, _ = open_delivery(contract, match["format"] if match else "", snapshot, Manifest())
    else:
        rows, _ = open_mapped(mapping, snapshot, Manifest())
    period = (load.period_from, load.period_to)
    known = window(contract, period, max(load.business_date, load.newest_date), settings.zone)
    screen = Screen(contract, known)
    wanted = frozenset(load.lines)
    with ExitStack() as stack:
        again = EntityLoad(loader, contract, load.load_id, list(load.control_totals), settings.spool_dir)
        stack.callback(again.close)
        with loader.transaction():
            loader.check_fence(contract.name)
            ledger = Ledger(loader, contract.source, contract.entity)
            _forget_rejects(loader, load)
            reach("after_forget_rejects")
            is_first = True
            for batch in rows.batches:
                parts = apply(mapping, batch, is_first) if mapping else as_they_are(contract, batch, is_first)
                is_first = False
                chosen = _only(parts[contract.name], wanted)
                if not chosen.row_count:
                    continue
                prepared = prepare(contract, chosen, screen, tokeniser, settings.zone)
                again.add(prepared)
                if prepared.rejects.height:
                    ledger.write_rejects(load.load_id, load.file_name, prepared.rejects)
            _book(ledger, load, again, period)
            reach("before_replay_commit")
        reach("after_replay_commit")
    return {"landed": again.balance.landed, "duplicate": again.balance.duplicate, "rejected": again.balance.rejected}


def _only(rows: EntityRows, lines: Iterable[int]) -> EntityRows:
    """The rows of these lines."""
    wanted = set(lines)
    malformed = [item for item in rows.malformed if item.line in wanted]
    chosen = rows.rows.filter(pl.col(LINE).is_in(list(wanted)))
    rejects = rows.rejects.filter(pl.col("line_number").is_in(list(wanted)))
    count = chosen.height + len(malformed) + rejects["line_number"].n_unique()
    return replace(rows, rows=chosen, row_count=count, malformed=malformed, rejects=rejects, totals=None)


def _forget_rejects(loader: Loader, load: _Load) -> None:
    numbers = "{" + ",".join(str(int(line)) for line in load.lines) + "}"
    loader.execute(
        "delete from ops.reject where load_id = $1::bigint and line_number = any($2::text::bigint[])"
        " and rule_name <> 'key_conflict'",
        load.load_id, numbers,
    )  # fmt: skip


def _book(ledger: Ledger, load: _Load, again: EntityLoad, period: tuple[dt.date, dt.date]) -> None:
    for move in again.settle():
        ledger.moved(move)
    again.identities.store()
    balance = again.balance
    for kind in ("landed", "duplicate"):
        totals: dict[str, Decimal] = {name: getattr(total, kind) for name, total in balance.totals.items()}
        count = getattr(balance, kind)
        if count:
            ledger.moved(Move(load.load_id, "rejected", kind, count, totals))
    ledger.write_days(load.load_id, again.days, period)
