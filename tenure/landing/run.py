"""`land`: everything in a folder that has not landed yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import polars as pl

from tenure.contracts import Contract, load_contracts
from tenure.errors import TenureError
from tenure.landing.archive import Archive
from tenure.landing.batches import Batch, Rows
from tenure.landing.decoding import text_blocks
from tenure.landing.delimited import read_csv
from tenure.landing.delivery import Delivery, Manifest, find_deliveries, period_of, read_manifest, summed_columns
from tenure.landing.entity_load import EntityRows
from tenure.landing.file_landing import FileLanding, FilePlan, Target
from tenure.landing.ledger import Ledger
from tenure.landing.loader import Loader
from tenure.landing.mapped_rows import apply, business_date_of, mapped_files
from tenure.landing.mapping import FileMapping, load_mapping
from tenure.landing.masking import safe_name
from tenure.landing.results import FileRefused, FileResult, LandSummary
from tenure.landing.schema import raw_identifier
from tenure.landing.snapshot import Snapshot
from tenure.landing.stores import Place, open_place, release
from tenure.landing.structured import read_jsonl, read_parquet
from tenure.settings import Settings


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
        sources = list(dict.fromkeys(delivery.source for delivery in deliveries))
        if not deliveries:
            return summary
        loader = stack.enter_context(Loader(settings))
        for name in sources:
            mine = [delivery for delivery in deliveries if delivery.source == name]
            with loader.source_lock(name):
                landing = FileLanding(settings, loader, {name: Ledger(loader, name)})
                results = [result for delivery in mine for result in _land_delivery(landing, delivery, contracts)]
                summary.files += results
                _look_after(settings, loader, contracts, results)
    return summary


def _look_after(
    settings: Settings, loader: Loader, contracts: Mapping[str, Contract], results: list[FileResult]
) -> None:
    # The models run right after, before the server would look at its new rows by itself.
    for name in dict.fromkeys(f"{item.source}.{item.entity}" for item in results if item.balance.landed):
        loader.execute(f"analyze {raw_identifier(contracts[name]).as_string()}")
    Archive(settings).purge()


def _land_delivery(landing: FileLanding, delivery: Delivery, contracts: Mapping[str, Contract]) -> list[FileResult]:
    started = dt.datetime.now(dt.UTC)
    contract = contracts.get(f"{delivery.source}.{delivery.entity}")
    if contract is None:
        # There is no ledger for an entity that nobody agreed on.
        return [FileResult(delivery.source, delivery.entity, delivery.file_name, "refused", delivery.refusal)]
    if delivery.refusal or delivery.business_date is None:
        return [landing.refuse(None, contract, delivery.refusal, started, file_name=delivery.file_name)]
    try:
        manifest = read_manifest(delivery.path)
    except FileRefused as refusal:
        return [landing.refuse(None, contract, str(refusal), started, file_name=delivery.file_name)]
    target = Target(contract, period_of(contract, delivery.business_date, manifest))
    plan = FilePlan(
        delivery.path, delivery.file_name, delivery.business_date, [target],
        open_rows=partial(_open_delivery, contract, delivery.format),
        split=partial(_as_they_are, contract),
        manifest=manifest,
    )  # fmt: skip
    try:
        return landing.land(plan)
    finally:
        release(delivery.path)


def _as_they_are(contract: Contract, batch: Batch, is_first: bool) -> dict[str, EntityRows]:
    missing = [name for name in contract.column_names if name not in batch.rows.columns]
    rows = batch.rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
    return {contract.name: EntityRows(rows, batch.row_count, batch.malformed, batch.totals)}


def _open_delivery(
    contract: Contract, file_format: str, snapshot: Snapshot, manifest: Manifest
) -> tuple[Rows, list[str]]:
    wanted = contract.column_names
    sums = summed_columns(contract, manifest)
    if file_format == "parquet":
        rows = read_parquet(snapshot.path, snapshot.content, wanted, sums)
    else:
        encoding = manifest.encoding or contract.encoding
        blocks = text_blocks(snapshot.path, snapshot.content, file_format.endswith(".gz"), encoding)
        is_csv = file_format.startswith("csv")
        rows = read_csv(blocks, ",", wanted, sums) if is_csv else read_jsonl(blocks, wanted)
    # A member of a JSON object may be left out; a column of a table may not.
    needed = [column.name for column in contract.columns if column.is_required or not file_format.startswith("jsonl")]
    _check_header(rows.columns, needed)
    extra = [safe_name(name) for name in rows.columns if name not in wanted]
    return rows, [f"ignored columns that are not in the contract: {', '.join(extra[:20])}"] if extra else []


def _check_header(columns: list[str], needed: list[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if not missing:
        return
    if len(missing) == len(needed):
        raise FileRefused(f"its header is unknown: none of its {len(columns)} columns is one of {', '.join(needed)}")
    near = {name.strip().casefold() for name in columns}
    advice = " (names must match exactly, without spaces)" if any(name in near for name in missing) else ""
    raise FileRefused(f"column {', '.join(missing)} is missing{advice}")


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
            f"no file in {location} is called {mapping.pattern}", hint=f"mapping {mapping.name} needs one"
        )
    chosen = [entity for entity in mapping.entities if source is None or entity.contract.source == source]
    if not chosen:
        raise TenureError(f"mapping {mapping.name} fills nothing of source {source!r}", exit_code=2)
    sources = sorted({entity.contract.source for entity in chosen})
    with ExitStack() as stack:
        loader = stack.enter_context(Loader(settings))
        for name in sources:
            stack.enter_context(loader.source_lock(name))
        landing = FileLanding(settings, loader, {name: Ledger(loader, name) for name in sources})
        for path in paths:
            summary.files += _land_mapped_file(landing, path, mapping, source, up_to_date)
        _look_after(settings, loader, load_contracts(settings.root), summary.files)


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
        open_rows=partial(_open_mapped, mapping),
        split=partial(apply, mapping),
        mapping_name=mapping.ledger_name,
    )  # fmt: skip
    try:
        yield from landing.land(plan)
    finally:
        release(path)


def _open_mapped(mapping: FileMapping, snapshot: Snapshot, manifest: Manifest) -> tuple[Rows, list[str]]:
    wanted = mapping.source_contract.column_names
    name = snapshot.path.name.lower()
    if name.endswith(".parquet"):
        rows = read_parquet(snapshot.path, snapshot.content, wanted, [])
    else:
        blocks = text_blocks(
            snapshot.path, snapshot.content, name.endswith(".gz"), mapping.encoding, mapping.is_last_line_end_needed
        )
        is_jsonl = name.removesuffix(".gz").endswith(".jsonl")
        rows = read_jsonl(blocks, wanted) if is_jsonl else read_csv(blocks, mapping.delimiter, wanted, [])
    _check_header(rows.columns, list(wanted))
    return rows, []
