"""A delivered file opened by its format: rows in batches under the names of its header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from tenure.contracts import Contract
from tenure.landing.batches import Rows
from tenure.landing.decoding import Block, compression_of, text_blocks
from tenure.landing.delimited import Dialect, read_csv
from tenure.landing.delivery import Manifest, summed_columns
from tenure.landing.mapping import FileMapping
from tenure.landing.masking import safe_name
from tenure.landing.results import FileRefused
from tenure.landing.snapshot import Snapshot
from tenure.landing.structured import read_jsonl, read_parquet, refuse_unknown
from tenure.landing.trailer import Trailer


def open_delivery(
    contract: Contract, file_format: str, snapshot: Snapshot, manifest: Manifest
) -> tuple[Rows, list[str]]:
    """Rows and warnings of a file of the contract's own layout. Raises FileRefused."""
    wanted = contract.column_names
    sums = summed_columns(contract, manifest)
    is_unknown_refused = contract.unknown_columns == "refuse"
    trailer = Trailer(contract.trailer) if contract.trailer and file_format != "parquet" else None
    if file_format == "parquet":
        rows = read_parquet(snapshot.path, snapshot.content, wanted, sums)
    else:
        blocks = text_blocks(
            snapshot.path, snapshot.content, compression_of(file_format), manifest.encoding or contract.encoding,
            # A cut inside the trailer shows in its numbers.
            is_last_line_end_needed=trailer is None, delimiter=contract.delimiter,
        )  # fmt: skip
        blocks = trailer.taken_off(blocks) if trailer else blocks
        if file_format.startswith("csv"):
            dialect = Dialect(contract.delimiter, contract.quote, contract.null_values)
            rows = read_csv(blocks, dialect, wanted, sums)
        else:
            rows = read_jsonl(blocks, wanted, is_unknown_refused)
    rows = trailer.compared(rows) if trailer else rows
    # A member of a JSON object may be left out; a column of a table may not, unless the contract says so.
    is_jsonl = file_format.startswith("jsonl")
    needed = [it.name for it in contract.columns if it.is_required or not (is_jsonl or it.may_be_absent)]
    _check_header(rows.columns, needed)
    if is_unknown_refused:
        refuse_unknown(rows.columns, wanted)
    extra = [safe_name(name) for name in rows.columns if name not in wanted]
    return rows, [f"ignored columns that are not in the contract: {', '.join(extra[:20])}"] if extra else []


def open_mapped(mapping: FileMapping, snapshot: Snapshot, manifest: Manifest) -> tuple[Rows, list[str]]:
    """Rows of a file of the operator's own layout. Raises FileRefused."""
    wanted = mapping.source_contract.column_names
    name = snapshot.path.name.lower()
    if name.endswith(".parquet"):
        rows = read_parquet(snapshot.path, snapshot.content, wanted, [])
    else:
        trailer = Trailer(mapping.trailer) if mapping.trailer else None
        blocks: Iterator[Block] = text_blocks(
            snapshot.path, snapshot.content, compression_of(name), mapping.encoding,
            mapping.is_last_line_end_needed and trailer is None, mapping.dialect.delimiter,
        )  # fmt: skip
        blocks = trailer.taken_off(blocks) if trailer else blocks
        is_jsonl = PurePath(name.removesuffix(".gz").removesuffix(".zst")).suffix == ".jsonl"
        rows = read_jsonl(blocks, wanted) if is_jsonl else read_csv(blocks, mapping.dialect, wanted, [])
        rows = trailer.compared(rows) if trailer else rows
    _check_header(rows.columns, list(wanted))
    return rows, []


def _check_header(columns: list[str], needed: list[str]) -> None:
    missing = [name for name in needed if name not in columns]
    if not missing:
        return
    if len(missing) == len(needed):
        raise FileRefused(f"its header is unknown: none of its {len(columns)} columns is one of {', '.join(needed)}")
    near = {name.strip().casefold() for name in columns}
    advice = " (names must match exactly, without spaces)" if any(name in near for name in missing) else ""
    raise FileRefused(f"column {', '.join(missing)} is missing{advice}")
