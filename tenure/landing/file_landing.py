"""One file from disk to its rows, its rejects, its ledger row and its archived copy: all of it or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tenure.contracts import Contract
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.landing.archive import Archive
from tenure.landing.batches import Batch, Rows
from tenure.landing.checks import window
from tenure.landing.delivery import Manifest, summed_columns
from tenure.landing.entity_load import EntityLoad, EntityRows, Prepared, prepare
from tenure.landing.ledger import Entry, Ledger, Load
from tenure.landing.loader import Loader
from tenure.landing.results import Balance, FileRefused, FileResult, Status
from tenure.landing.room import Room
from tenure.landing.screening import Screen
from tenure.landing.snapshot import Snapshot, fingerprint, take_snapshot
from tenure.landing.stores import Place
from tenure.landing.tokens import Tokeniser
from tenure.protection.redaction_record import note_redaction
from tenure.settings import Settings

# From this size on, a batch is prepared while the one before is copied.
OVERLAP_BYTES = 4 << 20

Item = TypeVar("Item")
Opener = Callable[[Snapshot, Manifest], "tuple[Rows, list[str]]"]
Splitter = Callable[[Batch, bool], Mapping[str, EntityRows]]


@dataclass(frozen=True)
class Target:
    """An entity that a file fills, with the days that it covers."""

    contract: Contract
    period: tuple[dt.date, dt.date]


@dataclass(frozen=True)
class FilePlan:
    """How one file is landed.

    `open_rows` gives its rows and warnings; `split` makes of a batch (the first one or not) the rows of each entity.
    """

    path: Place
    file_name: str
    business_date: dt.date
    targets: Sequence[Target]
    open_rows: Opener
    split: Splitter
    manifest: Manifest = field(default_factory=Manifest)
    mapping_name: str | None = None
    sequence: int = 0


class FileLanding:
    """Lands files one after the other, over one connection, for one or several locked entities."""

    def __init__(self, settings: Settings, loader: Loader, ledgers: Mapping[str, Ledger]) -> None:
        self._settings = settings
        self._loader = loader
        self._ledgers = ledgers
        self._archive = Archive(settings)
        self._room = Room(settings)
        self._tokeniser = Tokeniser(settings, loader)

    def land(self, plan: FilePlan) -> list[FileResult]:
        """Land a file. One result for each entity it fills; a refused file has one result."""
        started = dt.datetime.now(dt.UTC)
        try:
            mark = fingerprint(plan.path)
            results, open_targets = self._unchanged(plan, mark)
            if not open_targets:
                return results
            self._room.check(plan.path, plan.file_name)
            snapshot = take_snapshot(plan.path)
        except FileRefused as refusal:
            return [self.refuse(plan, plan.targets[0].contract, str(refusal), started)]
        if any(self._ledgers[target.contract.name].has_size(snapshot.size) for target in open_targets):
            more, open_targets = self._redelivered(plan, open_targets, snapshot, started)
            results += more
        if open_targets:
            todo = replace(plan, targets=open_targets)
            loads: list[EntityLoad] = []
            try:
                results += self._land_rows(todo, snapshot, started, loads)
            except FileRefused as refusal:
                results.append(self.refuse(plan, open_targets[0].contract, str(refusal), started, snapshot, loads))
        return results

    def refuse(
        self,
        plan: FilePlan | None,
        contract: Contract,
        message: str,
        started: dt.datetime,
        snapshot: Snapshot | None = None,
        loads: Sequence[EntityLoad] = (),
        file_name: str = "",
    ) -> FileResult:
        """Write a refusal to the ledger, with some of the rows that caused it."""
        ledger = self._ledgers[contract.name]
        name = plan.file_name if plan else file_name
        known = ledger.of_file(contract.entity, name)
        last = known[-1] if known else None
        sha256 = snapshot.sha256 if snapshot else None
        load = next((load for load in loads if load.shown_rejects.height and load.is_complete), None)
        # The rows of a suspended file are all refused with it.
        balance = Balance(rows=load.balance.rows, rejected=load.balance.rows) if load else Balance()
        entry = Entry(
            contract.source, contract.entity, name, "refused", started, ledger.next_version(contract.entity, name),
            plan.business_date if plan else None, None, sha256, snapshot.size if snapshot else None,
            snapshot.fingerprint if snapshot else None, balance, message, plan.mapping_name if plan else None,
            sequence=plan.sequence if plan else 0,
        )  # fmt: skip
        if last and last.status == "refused" and last.sha256 == sha256 and last.message == message:
            ledger.refused_again(last)
        else:
            load_id = ledger.new_id()
            with self._loader.transaction():
                ledger.write(load_id, entry)
                if load:
                    ledger.write_rejects(load_id, name, load.shown_rejects)
                reach("before_refusal_commit")
            reach("after_refusal_commit")
            ledger.committed(load_id, entry)
        return FileResult(
            contract.source, contract.entity, name, "refused", message, entry.business_date, entry.version, balance
        )

    def _unchanged(self, plan: FilePlan, mark: str) -> tuple[list[FileResult], list[Target]]:
        done, todo = [], []
        for target in plan.targets:
            landed = self._landed(plan, target)
            if landed and landed.fingerprint == mark and landed.mapping_name == plan.mapping_name:
                done.append(self._result(plan, target, "unchanged", landed.version))
            else:
                todo.append(target)
        return done, todo

    def _redelivered(
        self, plan: FilePlan, targets: Sequence[Target], snapshot: Snapshot, started: dt.datetime
    ) -> tuple[list[FileResult], list[Target]]:
        done, todo = [], []
        for target in targets:
            message = self._why_duplicate(plan, target, snapshot)
            if message is None:
                todo.append(target)
                continue
            ledger = self._ledgers[target.contract.name]
            landed = self._landed(plan, target)
            version = landed.version if landed else ledger.next_version(target.contract.entity, plan.file_name)
            entry = Entry(
                target.contract.source, target.contract.entity, plan.file_name, "duplicate_delivery", started, version,
                plan.business_date, target.period, snapshot.sha256, snapshot.size, snapshot.fingerprint,
                message=message, mapping_name=plan.mapping_name, sequence=plan.sequence,
            )  # fmt: skip
            last = ledger.of_file(target.contract.entity, plan.file_name)[-1:]
            is_noted = bool(last) and (last[0].status, last[0].fingerprint) == (entry.status, entry.fingerprint)
            if is_noted:
                done.append(self._result(plan, target, "unchanged", version))
                continue
            load_id = ledger.new_id()
            with self._loader.transaction():
                ledger.write(load_id, entry)
                if landed and landed.sha256 == snapshot.sha256:
                    ledger.seen(landed, snapshot.fingerprint)
                reach("before_duplicate_commit")
            reach("after_duplicate_commit")
            ledger.committed(load_id, entry)
            done.append(self._result(plan, target, "duplicate_delivery", version, message))
        return done, todo

    def _why_duplicate(self, plan: FilePlan, target: Target, snapshot: Snapshot) -> str | None:
        ledger = self._ledgers[target.contract.name]
        entity = target.contract.entity
        for load in reversed(ledger.of_file(entity, plan.file_name)):
            if load.sha256 != snapshot.sha256 or load.mapping_name != plan.mapping_name:
                continue
            if load.status == "landed":
                return "delivered again with the same content: nothing to do"
            if load.status == "superseded":
                return f"this is version {load.version}, which a correction has replaced: nothing done"
        alias = ledger.with_content(entity, snapshot.sha256)
        if alias and alias.file_name != plan.file_name and alias.mapping_name == plan.mapping_name:
            return f"its content has landed as {alias.file_name}: nothing done"
        return None

    def _landed(self, plan: FilePlan, target: Target) -> Load | None:
        return self._ledgers[target.contract.name].landed(target.contract.entity, plan.file_name)

    def _result(self, plan: FilePlan, target: Target, status: Status, version: int, message: str = "") -> FileResult:
        contract = target.contract
        return FileResult(
            contract.source, contract.entity, plan.file_name, status, message, plan.business_date, version
        )

    def _land_rows(
        self, plan: FilePlan, snapshot: Snapshot, started: dt.datetime, loads: list[EntityLoad]
    ) -> list[FileResult]:
        rows, warnings = plan.open_rows(snapshot, plan.manifest)
        sums = [summed_columns(target.contract, plan.manifest) for target in plan.targets]
        entries: list[tuple[EntityLoad, Entry]] = []
        try:
            with ExitStack() as stack:
                archived = self._archived(plan, snapshot, stack)
                with self._loader.transaction():
                    for target, names in zip(plan.targets, sums, strict=True):
                        loads.append(self._start(plan, target, started, names, stack))
                    self._land_batches(plan, rows, loads, is_large=snapshot.size > OVERLAP_BYTES, stack=stack)
                    snapshot.check_unchanged()
                    erased = set().union(*(load.erased_lines for load in loads))
                    path = archived.result() if archived else self._store(plan, snapshot, erased)
                    note_redaction(self._loader, path, erased)
                    for load, target in zip(loads, plan.targets, strict=True):
                        entry = self._finish(plan, target, load, snapshot, started, warnings, path)
                        entries.append((load, entry))
                    reach("before_commit")
                reach("after_commit")
        except TenureError as error:
            # Rows that pass every check and that the server refuses all the same: the file is to blame, not the run.
            if "refused the rows" not in error.message:
                raise
            raise FileRefused(error.message) from None
        for load, entry in entries:
            self._ledgers[f"{entry.source}.{entry.entity}"].committed(load.load_id, entry)
        return [
            FileResult(
                entry.source, entry.entity, entry.file_name, "landed", entry.message, entry.business_date,
                entry.version, load.balance,
            )
            for load, entry in entries
        ]  # fmt: skip

    def _archived(self, plan: FilePlan, snapshot: Snapshot, stack: ExitStack) -> Future[str] | None:
        """The path of the archived copy, made beside the landing of the rows.

        None where somebody was erased once: only when all rows are seen is it known which lines may be kept.
        """
        if self._tokeniser.tombstones.exist:
            return None
        return stack.enter_context(ThreadPoolExecutor(1)).submit(self._store, plan, snapshot, set())

    def _store(self, plan: FilePlan, snapshot: Snapshot, erased: set[int]) -> str:
        reach("before_archive")
        name = self._archive_name(plan, plan.targets[0].contract)
        path = self._archive.store(name, snapshot.path, snapshot.content, snapshot.sha256, erased)
        reach("after_archive")
        return path

    def _start(
        self, plan: FilePlan, target: Target, started: dt.datetime, sums: Sequence[str], stack: ExitStack
    ) -> EntityLoad:
        contract = target.contract
        ledger = self._ledgers[contract.name]
        self._loader.check_fence(contract.name)
        load = EntityLoad(self._loader, contract, ledger.new_id(), sums, self._settings.spool_dir)
        stack.callback(load.close)
        previous = self._landed(plan, target)
        if previous is not None:
            reach("before_supersede")
            load.replace(previous.load_id)
            ledger.supersede(previous)
            reach("after_supersede")
        ledger.write(load.load_id, self._entry(plan, target, started, load))
        return load

    def _entry(self, plan: FilePlan, target: Target, started: dt.datetime, load: EntityLoad) -> Entry:
        contract = target.contract
        version = self._ledgers[contract.name].next_version(contract.entity, plan.file_name)
        return Entry(
            contract.source, contract.entity, plan.file_name, "landed", started, version, plan.business_date,
            target.period, balance=load.balance, mapping_name=plan.mapping_name, sequence=plan.sequence,
        )  # fmt: skip

    def _land_batches(
        self, plan: FilePlan, rows: Rows, loads: list[EntityLoad], is_large: bool, stack: ExitStack
    ) -> None:
        zone = self._settings.zone
        screens = [
            Screen(target.contract, window(target.contract, target.period, plan.business_date, zone))
            for target in plan.targets
        ]

        def prepared() -> Iterator[list[Prepared]]:
            is_first = True
            for batch in rows.batches:
                parts = plan.split(batch, is_first)
                yield [
                    prepare(target.contract, parts[target.contract.name], screen, self._tokeniser, zone)
                    for target, screen in zip(plan.targets, screens, strict=True)
                ]
                is_first = False

        batches = prepared()
        for parts in _ahead(batches, stack) if is_large else batches:
            for load, part in zip(loads, parts, strict=True):
                load.add(part)
                if part.rejects.height:
                    reach("before_rejects")
                    self._ledgers[load.contract.name].write_rejects(load.load_id, plan.file_name, part.rejects)
                    reach("after_rejects")

    def _finish(
        self, plan: FilePlan, target: Target, load: EntityLoad, snapshot: Snapshot, started: dt.datetime,
        warnings: Sequence[str], archive_path: str,
    ) -> Entry:  # fmt: skip
        contract, manifest = target.contract, plan.manifest
        ledger = self._ledgers[contract.name]
        reach("before_settle")
        for move in load.settle():
            ledger.moved(move)
        reach("after_settle")
        load.compare(manifest.rows, {name: manifest.control_totals[name] for name in manifest.control_totals})
        if load.balance.rows == 0 and not contract.is_header_only_allowed and manifest.rows != 0:
            raise FileRefused("it has a header and no rows")
        load.check_reject_share()
        load.check_days(target.period)
        reach("before_identities")
        load.identities.store()
        reach("after_identities")
        entry = self._entry(plan, target, started, load)
        notes = [*warnings, *([f"correction: version {entry.version}"] if entry.version > 1 else [])]
        entry = replace(
            entry, sha256=snapshot.sha256, file_bytes=snapshot.size, fingerprint=snapshot.fingerprint,
            message="; ".join(notes), archive_path=archive_path,
        )  # fmt: skip
        reach("before_ledger")
        ledger.complete(load.load_id, entry)
        ledger.write_days(load.load_id, load.days, target.period)
        reach("after_ledger")
        return entry

    def _archive_name(self, plan: FilePlan, contract: Contract) -> str:
        # A mapped file fills several entities and is kept once.
        folder = contract.name if plan.mapping_name is None else plan.mapping_name.partition("@")[0]
        return f"{folder}/{plan.file_name}"


def _ahead(items: Iterator[Item], stack: ExitStack) -> Iterator[Item]:
    """The same items, the next one being made in another thread while this one is used."""
    pool = stack.enter_context(ThreadPoolExecutor(1))
    end = object()
    future = pool.submit(next, items, end)
    while True:
        item = future.result()
        if item is end:
            return
        future = pool.submit(next, items, end)
        yield item  # type: ignore[misc]
