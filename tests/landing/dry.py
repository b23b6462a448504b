"""Landing up to the door of the database: a file's bytes read and checked, with nothing written anywhere."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from tenure.contracts import Contract
from tenure.landing.batches import LINE
from tenure.landing.checks import ROW, check, window
from tenure.landing.delivery import Manifest, period_of
from tenure.landing.opening import open_delivery
from tenure.landing.snapshot import Snapshot

DAY = dt.date(2026, 1, 10)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass
class Dry:
    """What a file would land: its good rows, and line, column, rule and message of each mistake in the others."""

    good: list[dict[str, object]] = field(default_factory=list)
    rejects: list[tuple[int, str, str, str]] = field(default_factory=list)
    row_count: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def rules(self) -> list[tuple[int, str, str]]:
        """Line, column and rule of each mistake."""
        return [reject[:3] for reject in self.rejects]


def dry_land(
    contract: Contract,
    content: bytes,
    file_format: str = "csv",
    manifest: Manifest | None = None,
    day: dt.date = DAY,
    zone: ZoneInfo = SHANGHAI,
) -> Dry:
    """Read and check the bytes of a file, each line accounted for. Raises FileRefused."""
    manifest = manifest or Manifest()
    snapshot = Snapshot(Path("nowhere"), len(content), "", "", content)
    rows, warnings = open_delivery(contract, file_format, snapshot, manifest)
    known = window(contract, period_of(contract, day, manifest), day, zone)
    found = Dry(warnings=warnings)
    for batch in rows.batches:
        missing = [name for name in contract.column_names if name not in batch.rows.columns]
        frame = batch.rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in missing)
        checked = check(contract, frame.with_row_index(ROW), known)
        found.good += checked.good.select(LINE, *contract.column_names).to_dicts()
        found.rejects += [(bad.line, "", bad.rule, bad.message) for bad in batch.malformed]
        found.rejects += checked.rejects.select("line_number", "column_name", "rule_name", "message").rows()
        found.row_count += batch.row_count
        refused = checked.rejects[ROW].n_unique() + len(batch.malformed)
        assert batch.row_count == checked.good.height + refused, "a line is unaccounted for"
    found.rejects.sort()
    return found
