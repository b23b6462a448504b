"""Finding delivered files: their names, manifests and periods, before anything in them is read."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tenure.contracts import Contract
from tenure.errors import TenureError
from tenure.landing.masking import safe_name
from tenure.landing.results import FileRefused
from tenure.landing.trailer import trailer_totals

MANIFEST_SUFFIX = ".manifest.json"
# Names that transfer programs give to files they are still writing.
UNFINISHED = (".part", ".tmp", ".partial", ".filepart", ".crdownload")
MAX_MANIFEST_BYTES = 1_000_000

FILE_NAME = re.compile(
    r"(?P<entity>[a-z][a-z_]*)_(?P<day>\d{8})(?:_(?P<sequence>\d{1,6}))?"
    r"\.(?P<format>csv|csv\.gz|csv\.zst|parquet|jsonl|jsonl\.gz|jsonl\.zst)"
)


@dataclass(frozen=True)
class Manifest:
    """What the sender says about a file: number of rows, control totals, the days that it covers, its encoding."""

    rows: int | None = None
    control_totals: Mapping[str, Decimal] = field(default_factory=dict)
    period_from: dt.date | None = None
    period_to: dt.date | None = None
    encoding: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One delivered file under its contract, or the reason why it cannot be one (`refusal`)."""

    path: Path
    source: str
    entity: str
    business_date: dt.date | None = None
    sequence: int = 0
    format: str = ""
    refusal: str = ""

    @property
    def file_name(self) -> str:
        """The name in the ledger; a name that was never agreed on is masked."""
        return self.path.name if self.format else safe_name(self.path.name)


def find_deliveries(
    directory: Path, contracts: Mapping[str, Contract], source: str | None, up_to_date: dt.date | None
) -> list[Delivery]:
    """The files of `DIR/<source>.<entity>/`, oldest business date first.

    Folders whose name is not `<source>.<entity>` are none of our business; a folder of an entity without a contract,
    and a file with another name than agreed, come back with their `refusal`. Raises TenureError when there is no such
    directory or no folder of extracts in it.
    """
    sources = {contract.source for contract in contracts.values()}
    if source is not None and source not in sources:
        raise TenureError(f"there is no source {source!r}", hint=f"known: {', '.join(sorted(sources))}", exit_code=2)
    if not directory.is_dir():
        raise TenureError(f"{directory} is not a folder", hint="name the folder that holds the extracts")
    folders = [
        folder
        for folder in sorted(directory.iterdir())
        if folder.is_dir() and re.fullmatch(r"[a-z_]+\.[a-z_]+", folder.name)
    ]
    if not folders:
        raise TenureError(
            f"there are no extracts in {directory}", hint="files are expected in <source>.<entity>/, e.g. crm.customer/"
        )
    found: list[Delivery] = []
    for folder in folders:
        folder_source = folder.name.partition(".")[0]
        if source is None or source == folder_source:
            found += _in_folder(folder, contracts.get(folder.name))
    order = {name: position for position, name in enumerate(contracts)}
    wanted = [d for d in found if up_to_date is None or d.business_date is None or d.business_date <= up_to_date]
    return sorted(
        wanted,
        key=lambda d: (d.business_date or dt.date.min, order.get(f"{d.source}.{d.entity}", 0), d.sequence, d.path.name),
    )


def is_candidate(path: Path) -> bool:
    """Whether this directory entry is meant to be a delivered file: not hidden, not unfinished, not a manifest."""
    return not (path.name.startswith(".") or path.name.endswith(MANIFEST_SUFFIX) or path.name.endswith(UNFINISHED))


def _in_folder(folder: Path, contract: Contract | None) -> Iterator[Delivery]:
    source, _, entity = folder.name.partition(".")
    if contract is None:
        yield Delivery(folder, source, entity, refusal=f"there is no contract for {folder.name}")
        return
    entries = sorted(folder.iterdir())
    names = {path.name for path in entries}
    for path in entries:
        if is_candidate(path):
            yield _delivery(path, contract)
        elif path.name.endswith(MANIFEST_SUFFIX) and path.name.removesuffix(MANIFEST_SUFFIX) not in names:
            missing = path.with_name(path.name.removesuffix(MANIFEST_SUFFIX))
            delivery = _delivery(missing, contract, must_exist=False)
            yield Delivery(
                missing, source, entity, delivery.business_date, delivery.sequence, delivery.format,
                refusal="its manifest is here but the file is not",
            )  # fmt: skip


def _delivery(path: Path, contract: Contract, must_exist: bool = True) -> Delivery:
    match = FILE_NAME.fullmatch(path.name)
    if not match or match["entity"] != contract.entity:
        return Delivery(
            path, contract.source, contract.entity,
            refusal=f"its name is not {contract.entity}_<YYYYMMDD>[_<seq>].csv, .jsonl (also .gz, .zst) or .parquet",
        )  # fmt: skip
    try:
        day = dt.datetime.strptime(match["day"], "%Y%m%d").date()
    except ValueError:
        return Delivery(
            path, contract.source, contract.entity, refusal=f"{match['day']} in its name is not a date YYYYMMDD"
        )
    refusal = ""
    if must_exist and (path.is_symlink() or not path.is_file()):
        refusal = "it is not a regular file"
    return Delivery(
        path, contract.source, contract.entity, day, int(match["sequence"] or 0), match["format"], refusal=refusal
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest beside a delivered file; one without any claim when there is none. Raises FileRefused."""
    beside = path.with_name(path.name + MANIFEST_SUFFIX)
    if not beside.is_file():
        return Manifest()
    try:
        if beside.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError("it is too large")
        content = json.loads(beside.read_text(encoding="utf-8-sig"), parse_float=str, parse_int=str)
        return _parse_manifest(content)
    except (OSError, ValueError, TypeError, AttributeError, InvalidOperation) as error:
        raise FileRefused(f"its manifest cannot be used: {str(error).splitlines()[0][:80]}") from None


def _parse_manifest(content: Mapping[str, Any]) -> Manifest:
    totals = {str(name): Decimal(str(value)) for name, value in content.get("control_totals", {}).items()}
    if not all(total.is_finite() for total in totals.values()):
        raise ValueError("a control total is not a finite number")
    rows = content.get("rows")
    manifest = Manifest(
        rows=None if rows is None else int(rows),
        control_totals=totals,
        period_from=_date(content.get("period_from")),
        period_to=_date(content.get("period_to")),
        encoding=content.get("encoding"),
    )
    if (manifest.period_from is None) != (manifest.period_to is None):
        raise ValueError("period_from and period_to go together")
    if manifest.period_from and manifest.period_to and manifest.period_from > manifest.period_to:
        raise ValueError("period_from is after period_to")
    return manifest


def _date(text: str | None) -> dt.date | None:
    return None if text is None else dt.date.fromisoformat(text)


def period_of(contract: Contract, business_date: dt.date, manifest: Manifest) -> tuple[dt.date, dt.date]:
    """First and last day that a file covers: its manifest's word, else what its cadence and name say.

    A monthly file dated the last day of a month covers that month, any other the month before.
    """
    if manifest.period_from and manifest.period_to:
        return manifest.period_from, manifest.period_to
    if contract.cadence == "daily":
        return business_date, business_date
    last_day = calendar.monthrange(business_date.year, business_date.month)[1]
    end = business_date if business_date.day == last_day else business_date.replace(day=1) - dt.timedelta(days=1)
    return end.replace(day=1), end


def summed_columns(contract: Contract, manifest: Manifest) -> list[str]:
    """The control totals of a contract, and further number columns of its trailer and of the manifest.

    Raises FileRefused.
    """
    names = list(dict.fromkeys([*contract.control_totals, *trailer_totals(contract.trailer)]))
    for name in manifest.control_totals:
        if name not in contract.column_names or contract.column(name).type not in ("integer", "numeric"):
            raise FileRefused("its manifest has a control total for something that is no number column of the contract")
        if name not in names:
            names.append(name)
    return names
