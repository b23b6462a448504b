"""The ledger: one row of `ops.load` for every delivery, written in the transaction that lands its rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import polars as pl

from tenure.landing.claims import Move
from tenure.landing.loader import Loader
from tenure.landing.results import Balance, plain
from tenure.landing.touched import touch_days, touch_load

_FIELDS = (
    "load_id, entity_name, file_name, version, sha256, file_fingerprint, status, mapping_name, row_count, message,"
    " file_bytes"
)


@dataclass(frozen=True)
class Load:
    """A row of `ops.load` as far as later deliveries depend on it."""

    load_id: int
    entity: str
    file_name: str
    version: int
    sha256: str | None
    fingerprint: str | None
    status: str
    mapping_name: str | None
    row_count: int
    message: str = ""
    file_bytes: int | None = None


@dataclass(frozen=True)
class Entry:
    """What is written about one delivery."""

    source: str
    entity: str
    file_name: str
    status: str
    started_at: dt.datetime
    version: int
    business_date: dt.date | None = None
    period: tuple[dt.date, dt.date] | None = None
    sha256: str | None = None
    file_bytes: int | None = None
    fingerprint: str | None = None
    balance: Balance = field(default_factory=Balance)
    message: str = ""
    mapping_name: str | None = None
    archive_path: str | None = None
    sequence: int = 0


class Ledger:
    """The loads of one entity, read once under its lock and kept up to date while it lands."""

    def __init__(self, loader: Loader, source: str, entity: str) -> None:
        self._loader = loader
        self._source = source
        self._entity = entity
        self._by_file: dict[tuple[str, str], list[Load]] = {}
        self._by_content: dict[tuple[str, str], Load] = {}
        self._sizes: set[int | None] = set()
        query = (
            f"select {_FIELDS} from ops.load where source_name = $1::text and entity_name = $2::text"  # noqa: S608 (constant)
            " order by load_id"
        )
        for row in loader.rows(query, source, entity):
            self._remember(Load(*row))

    def _remember(self, load: Load) -> None:
        self._by_file.setdefault((load.entity, load.file_name), []).append(load)
        self._sizes.add(load.file_bytes)
        if load.status == "landed" and load.row_count and load.sha256:
            self._by_content[load.entity, load.sha256] = load

    def of_file(self, entity: str, file_name: str) -> list[Load]:
        """Every load of a file, oldest first."""
        return self._by_file.get((entity, file_name), [])

    def landed(self, entity: str, file_name: str) -> Load | None:
        """The load whose rows are there, if any."""
        return next((load for load in self.of_file(entity, file_name) if load.status == "landed"), None)

    def with_content(self, entity: str, sha256: str) -> Load | None:
        """A landed load of another or the same name with this content, unless it had no rows.

        Files without rows are alike whatever their day, so they do not count.
        """
        return self._by_content.get((entity, sha256))

    def has_size(self, file_bytes: int) -> bool:
        """Whether a file of this size was delivered before: another size is another content."""
        return file_bytes in self._sizes

    def next_version(self, entity: str, file_name: str) -> int:
        """The version that the next content of a file gets, from 1."""
        loads = self.of_file(entity, file_name)
        return 1 + max((load.version for load in loads if load.status in ("landed", "superseded")), default=0)

    def new_id(self) -> int:
        """A load id; ids of deliveries that fail stay unused."""
        return int(self._loader.rows("select nextval(pg_get_serial_sequence('ops.load', 'load_id'))")[0][0])

    def write(self, load_id: int, entry: Entry) -> None:
        """Write a row. It must be in the same transaction as what it tells of."""
        period = entry.period or (None, None)
        self._loader.execute(
            """
            insert into ops.load (
                load_id, source_name, entity_name, file_name, business_date, sequence_number, period_from, period_to,
                version, status, mapping_name, started_at, finished_at
            ) values (
                $1::bigint, $2::text, $3::text, $4::text, $5::text::date, $6::bigint, $7::text::date, $8::text::date,
                $9::bigint, $10::text, $11::text, $12::text::timestamptz, clock_timestamp()
            )
            """,
            load_id, entry.source, entry.entity, entry.file_name, _iso(entry.business_date), entry.sequence,
            _iso(period[0]), _iso(period[1]), entry.version, entry.status, entry.mapping_name,
            entry.started_at.isoformat(),
        )  # fmt: skip
        self.complete(load_id, entry)

    def complete(self, load_id: int, entry: Entry) -> None:
        """Write into its row what is known of a delivery when it has been read to its end."""
        balance = entry.balance
        totals = {
            name: {kind: plain(getattr(total, kind)) for kind in ("file", "landed", "rejected", "duplicate")}
            for name, total in balance.totals.items()
        }
        self._loader.execute(
            """
            update ops.load set sha256 = $2::text, file_bytes = $3::bigint, file_fingerprint = $4::text,
                row_count = $5::bigint, landed_count = $6::bigint, rejected_count = $7::bigint,
                duplicate_count = $8::bigint, control_totals = $9::text::jsonb, message = $10::text,
                archive_path = $11::text, finished_at = clock_timestamp()
            where load_id = $1::bigint
            """,
            load_id, entry.sha256, entry.file_bytes, entry.fingerprint, balance.rows, balance.landed, balance.rejected,
            balance.duplicate, json.dumps(totals), entry.message, entry.archive_path,
        )  # fmt: skip

    def write_days(self, load_id: int, days: Mapping[dt.date, int], period: tuple[dt.date, dt.date]) -> None:
        """Write which days the rows of a load are dated; late ones are before its period."""
        self._loader.execute(
            """
            insert into ops.load_day as known (load_id, record_date, row_count, is_late)
            select $1::bigint, day.key::date, day.value::bigint, day.key::date < $3::text::date
            from jsonb_each_text($2::text::jsonb) as day
            on conflict (load_id, record_date) do update set row_count = known.row_count + excluded.row_count
            """,
            load_id, json.dumps({day.isoformat(): count for day, count in days.items()}), period[0].isoformat(),
        )  # fmt: skip
        touch_days(self._loader, self._source, self._entity, days)

    def moved(self, move: Move) -> None:
        """Change the balance of a load of which rows have become something else through another load."""
        ((text,),) = self._loader.rows(
            "select control_totals::text from ops.load where load_id = $1::bigint for update", move.load_id
        )
        totals = json.loads(text)
        for name, moved in move.totals.items():
            if name in totals:
                for kind, change in ((move.before, -moved), (move.after, moved)):
                    totals[name][kind] = plain(Decimal(totals[name][kind]) + change)
        changes = ", ".join(
            f"{kind}_count = {kind}_count {sign} {move.count:d}"
            for kind, sign in ((move.before, "-"), (move.after, "+"))
        )
        self._loader.execute(
            f"update ops.load set {changes}, control_totals = $2::text::jsonb where load_id = $1::bigint",  # noqa: S608 (constants)
            move.load_id, json.dumps(totals),
        )  # fmt: skip
        touch_load(self._loader, self._source, self._entity, move.load_id)

    def write_rejects(self, load_id: int, file_name: str, rejects: pl.DataFrame) -> None:
        """Write refused rows, with what is wrong with each."""
        columns = ("line_number", "column_name", "rule_name", "message", "masked_text", "due_at")
        names = (pl.lit(load_id, dtype=pl.Int64).alias("load_id"), pl.lit(file_name).alias("file_name"))
        self._loader.copy("ops", "reject", rejects.select(*names, *columns))

    def supersede(self, load: Load) -> None:
        """Mark a load as replaced by a correction."""
        self._loader.execute("update ops.load set status = 'superseded' where load_id = $1::bigint", load.load_id)

    def seen(self, load: Load, fingerprint: str) -> None:
        """Note what the file looks like on disk now, so that the next run need not read it."""
        self._loader.execute(
            "update ops.load set file_fingerprint = $2::text where load_id = $1::bigint", load.load_id, fingerprint
        )
        self._replace(load, Load(**{**load.__dict__, "fingerprint": fingerprint}))

    def refused_again(self, load: Load) -> None:
        """Note that a refused file was tried again with the same result."""
        self._loader.execute(
            "update ops.load set finished_at = clock_timestamp() where load_id = $1::bigint", load.load_id
        )

    def _replace(self, old: Load, new: Load) -> None:
        loads = self._by_file[old.entity, old.file_name]
        loads[loads.index(old)] = new
        if self._by_content.get((old.entity, old.sha256 or "")) == old:
            self._by_content[old.entity, old.sha256 or ""] = new

    def committed(self, load_id: int, entry: Entry) -> None:
        """Remember a row after its transaction has committed."""
        previous = self.landed(entry.entity, entry.file_name) if entry.status == "landed" else None
        if previous is not None:
            self._replace(previous, Load(**{**previous.__dict__, "status": "superseded"}))
            self._by_content.pop((entry.entity, previous.sha256 or ""), None)
        self._remember(
            Load(
                load_id, entry.entity, entry.file_name, entry.version, entry.sha256, entry.fingerprint, entry.status,
                entry.mapping_name, entry.balance.rows, entry.message, entry.file_bytes,
            )
        )  # fmt: skip


def _iso(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()
