"""`land`: everything in a folder that has not landed yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

from tenure.contracts import Contract, load_contracts
from tenure.db import connect
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.landing.archive import Archive
from tenure.landing.delivery import Delivery, Manifest, find_deliveries, period_of, read_manifest
from tenure.landing.entity_load import as_they_are
from tenure.landing.file_landing import FileLanding, FilePlan, Target
from tenure.landing.keys import KeyStore
from tenure.landing.ledger import Ledger
from tenure.landing.loader import Loader
from tenure.landing.mapped_rows import apply, business_date_of, mapped_files
from tenure.landing.mapping import FileMapping, load_mapping
from tenure.landing.masking import safe_name
from tenure.landing.opening import open_delivery, open_mapped
from tenure.landing.references import settle_references
from tenure.landing.replay import replay_due
from tenure.landing.results import FileRefused, FileResult, LandSummary
from tenure.landing.schema import raw_identifier
from tenure.landing.stores import Place, open_place, release, remove_left_folders
from tenure.outages import told_in_one_line
from tenure.settings import Settings

Item = TypeVar("Item")


@told_in_one_line()
def land(
    settings: Settings,
    location: Path | str,
    mapping: Path | None = None,
    source: str | None = None,
    up_to_date: dt.date | None = None,
) -> LandSummary:
    """Land every file of a folder, or of a bucket (`s3://bucket/prefix`), that has not landed yet.

    Without a mapping it holds `<source>.<entity>/<entity>_<YYYYMMDD>[_<seq>].<ext>`; with one, files of any
    layout whose names fit the mapping's pattern (or `location` is such a file). `source` and `up_to_date` limit what
    is landed to one source and to business dates up to that day. A file that was refused does not keep others from
    landing; `is_refused` of the summary tells. Raises TenureError when place, mapping or warehouse cannot be
    used.
    """
    contracts = load_contracts(settings.root)
    summary = LandSummary()
    with ExitStack() as stack:
        place = stack.enter_context(open_place(settings, location))
        if mapping is not None:
            _land_mapped(settings, place, load_mapping(mapping, contracts, settings.zone), source, up_to_date, summary)
            return summary
        deliveries = find_deliveries(place, contracts, source, up_to_date)
        by_entity: dict[str, list[Delivery]] = {}
        for delivery in deliveries:
            by_entity.setdefault(f"{delivery.source}.{delivery.entity}", []).append(delivery)
        tasks = [partial(_land_entity, settings, contracts, name, files) for name, files in by_entity.items()]
        landed = _in_parallel(settings.landing_workers, tasks)
        if deliveries:
            _look_after(settings, contracts)
    results = {id(delivery): result for part in landed for delivery, result in part}
    summary.files += [result for delivery in deliveries for result in results[id(delivery)]]
    return summary


def _in_parallel(workers: int, tasks: Sequence[Callable[[], Item]]) -> list[Item]:
    """What the tasks return, in their order. After the first failure no further one is begun."""
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _land_entity(
    settings: Settings, contracts: Mapping[str, Contract], name: str, deliveries: Sequence[Delivery]
) -> list[tuple[Delivery, list[FileResult]]]:
    """Land the files of one entity, which nobody else lands meanwhile."""
    contract = contracts.get(name)
    if contract is None:
        # There is no ledger for an entity that nobody agreed on.
        return [(it, [FileResult(it.source, it.entity, it.file_name, "refused", it.refusal)]) for it in deliveries]
    with Loader(settings) as loader, loader.entity_lock(name):
        landing = FileLanding(settings, loader, {name: Ledger(loader, contract.source, contract.entity)})
        KeyStore(loader, contract).renew()
        results = [(delivery, _land_delivery(landing, delivery, contract)) for delivery in deliveries]
        if any(result.balance.landed for _, found in results for result in found):
            _analyze(loader, contract)
    return results


def _analyze(loader: Loader, contract: Contract) -> None:
    # The models run right after, before the server would look at its new rows by itself.
    reach("before_analyze")
    loader.execute(f"analyze {raw_identifier(contract).as_string()}")
    reach("after_analyze")


def _look_after(settings: Settings, contracts: Mapping[str, Contract]) -> None:
    """What follows from all that has landed by now: refused rows whose time has come, references, retention.

    Then what killed landings have left on the disk is removed.
    """
    # Retention builds on the archive and the tables of this package.
    from tenure.protection.retention import remove_old

    replay_due(settings, contracts)
    with connect("loader", settings=settings) as connection:
        settle_references(connection, contracts)
    remove_old(settings)
    reach("before_sweep")
    Archive(settings).remove_unfinished()
    remove_left_folders(settings.spool_dir)
    reach("after_sweep")


def _land_delivery(landing: FileLanding, delivery: Delivery, contract: Contract) -> list[FileResult]:
    started = dt.datetime.now(dt.UTC)
    if delivery.refusal or delivery.business_date is None:
        return [landing.refuse(None, contract, delivery.refusal, started, file_name=delivery.file_name)]
    try:
        manifest = read_manifest(delivery.path)
    except FileRefused as refusal:
        return [landing.refuse(None, contract, str(refusal), started, file_name=delivery.file_name)]
    target = Target(contract, period_of(contract, delivery.business_date, manifest))
    plan = FilePlan(
        delivery.path, delivery.file_name, delivery.business_date, [target],
        open_rows=partial(open_delivery, contract, delivery.format),
        split=partial(as_they_are, contract),
        manifest=manifest, sequence=delivery.sequence,
    )  # fmt: skip
    try:
        return landing.land(plan)
    finally:
        release(delivery.path)


def _land_mapped(
    settings: Settings,
    location: Place,
    mapping: FileMapping,
    source: str | None,
    up_to_date: dt.date | None,
    summary: LandSummary,
) -> None:
    if not location.exists():
        raise TenureError(f"{location} does not exist", hint="name the folder or the file to land")
    paths = mapped_files(location, mapping)
    if not paths:
        raise TenureError(
            f"no file in {location} is called {' or '.join(mapping.patterns)}", hint=f"mapping {mapping.name} needs one"
        )
    chosen = [entity for entity in mapping.entities if source is None or entity.contract.source == source]
    if not chosen:
        raise TenureError(f"mapping {mapping.name} fills nothing of source {source!r}", exit_code=2)
    # Always in the same order, so that two landings never wait for each other.
    names = {entity.contract.name: entity.contract for entity in sorted(chosen, key=lambda it: it.contract.name)}
    with ExitStack() as stack:
        loader = stack.enter_context(Loader(settings))
        for name in names:
            stack.enter_context(loader.entity_lock(name))
        ledgers = {name: Ledger(loader, contract.source, contract.entity) for name, contract in names.items()}
        landing = FileLanding(settings, loader, ledgers)
        for contract in names.values():
            KeyStore(loader, contract).renew()
        for path in paths:
            summary.files += _land_mapped_file(landing, path, mapping, source, up_to_date)
        for name in {f"{item.source}.{item.entity}" for item in summary.files if item.balance.landed}:
            _analyze(loader, names[name])
    _look_after(settings, load_contracts(settings.root))


def _land_mapped_file(
    landing: FileLanding, path: Place, mapping: FileMapping, source: str | None, up_to_date: dt.date | None
) -> Iterator[FileResult]:
    started = dt.datetime.now(dt.UTC)
    chosen = [entity for entity in mapping.entities if source is None or entity.contract.source == source]
    name = safe_name(path.name)
    try:
        day = business_date_of(mapping, path)
    except FileRefused as refusal:
        yield landing.refuse(None, chosen[0].contract, str(refusal), started, file_name=name)
        return
    if up_to_date is not None and day > up_to_date:
        return
    targets = [
        Target(entity.contract, entity.period or period_of(entity.contract, day, Manifest())) for entity in chosen
    ]
    plan = FilePlan(
        path, name, day, targets,
        open_rows=partial(open_mapped, mapping),
        split=partial(apply, mapping),
        mapping_name=mapping.ledger_name,
    )  # fmt: skip
    try:
        yield from landing.land(plan)
    finally:
        release(path)
