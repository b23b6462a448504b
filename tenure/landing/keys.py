"""Which rows carry a key that another row carries too: found by hashes of keys, kept for every load.

A unique index would have to be kept up row by row while a file is copied, which costs several times the copy itself.
Here each load leaves its keys' hashes in `ops.key_chunk`, sorted, with the line of each. A new load compares its own
with those of the loads before: the cost is one pass over sorted numbers, and nothing at all in the table of the rows.
Equal hashes only say where to look; whether keys are equal is then seen in the rows themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from psycopg import sql

from tenure.contracts import Contract
from tenure.failpoints import reach
from tenure.landing.batches import LINE
from tenure.landing.loader import Loader
from tenure.landing.schema import raw_identifier

# The hash function of polars may change from version to version: hashes of another one are made anew.
HASH_NAME = f"polars {pl.__version__}"

# Beyond this many keys they wait on disk, and are looked at one range of hashes after the other.
KEYS_IN_MEMORY = 250_000
_RANGES = 256
_PLACE = np.dtype([("hash", "<u8"), ("line", "<i8")])

Places = npt.NDArray[np.void]
Hashes = npt.NDArray[np.uint64]


def key_hashes(contract: Contract, rows: pl.DataFrame) -> Hashes:
    """The hash of each row's key (columns by their landed names)."""
    keys = [rows[name] for name in contract.landed_key]
    if len(keys) == 1:
        return keys[0].hash().to_numpy()
    return pl.DataFrame(keys).to_struct().hash().to_numpy()


@dataclass(frozen=True)
class KeyPlaces:
    """Rows whose key hash occurs more than once: hash, load and line of each."""

    hashes: Hashes
    load_ids: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]


class LoadKeys:
    """The keys of one load while it lands."""

    def __init__(self, contract: Contract, spool: Path) -> None:
        self._contract = contract
        self._spool = spool
        self._file: IO[bytes] | None = None
        self._waiting: list[Places] = []
        self._waiting_count = 0
        self._runs: list[tuple[int, npt.NDArray[np.int64]]] = []
        self._written = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Note the keys of rows that may land."""
        if rows.is_empty():
            return
        places = np.empty(rows.height, dtype=_PLACE)
        places["hash"] = key_hashes(self._contract, rows)
        places["line"] = rows[LINE].to_numpy()
        self._waiting.append(places)
        self._waiting_count += len(places)
        if self._waiting_count > KEYS_IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
            # It has no name: whatever happens to the process, the disk is free again.
            self._file = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115 (closed by `close`)
        run = _sorted(self._waiting)
        edges = np.searchsorted(run["hash"], _edges()).astype(np.int64)
        self._runs.append((self._written, np.append(edges, len(run))))
        reach("before_spill")
        # Not by `tofile`, which does not say that the disk is full.
        self._file.write(run.tobytes())
        reach("after_spill")
        self._written += len(run)
        self._waiting, self._waiting_count = [], 0

    def ranges(self) -> Iterator[tuple[int, int, Places]]:
        """All keys in ranges of hashes (first and last hash that the range may hold), each sorted by hash and line."""
        if not self._runs:
            yield 0, 2**64 - 1, _sorted(self._waiting)
            return
        if self._waiting:
            self._spill()
        step = max(1, _RANGES * KEYS_IN_MEMORY // self._written)
        edges = [int(edge) for edge in _edges()] + [2**64]
        for first in range(0, _RANGES, step):
            last = min(first + step, _RANGES)
            parts = [self._read(start + at[first], at[last] - at[first]) for start, at in self._runs]
            yield edges[first], edges[last] - 1, _sorted(parts)

    def _read(self, start: int, count: int) -> Places:
        assert self._file is not None  # noqa: S101 (there are runs)
        self._file.flush()
        self._file.seek(int(start) * _PLACE.itemsize)
        return np.frombuffer(self._file.read(int(count) * _PLACE.itemsize), dtype=_PLACE)

    def close(self) -> None:
        """Free the disk."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _edges() -> Hashes:
    return np.arange(_RANGES, dtype=np.uint64) << np.uint64(56)


def _sorted(parts: list[Places]) -> Places:
    joined = np.concatenate(parts) if parts else np.empty(0, dtype=_PLACE)
    return joined[np.argsort(joined["hash"], kind="stable")]


class KeyStore:
    """`ops.key_chunk` of one entity: the keys of the loads whose rows are there."""

    def __init__(self, loader: Loader, contract: Contract) -> None:
        self._loader = loader
        self._contract = contract

    def renew(self) -> None:
        """Make the hashes of another version of the hash function anew, from the rows themselves."""
        old = self._loader.rows(
            "select distinct load_id from ops.key_chunk"
            " where source_name = $1::text and entity_name = $2::text and hash_name <> $3::text",
            self._contract.source, self._contract.entity, HASH_NAME,
        )  # fmt: skip
        for (load_id,) in old:
            with self._loader.transaction():
                self._renew(int(load_id))
                reach("before_renewal_commit")
            reach("after_renewal_commit")

    def _renew(self, load_id: int) -> None:
        names = {
            "raw": raw_identifier(self._contract),
            "key": sql.SQL(", ").join(map(sql.Identifier, self._contract.landed_key)),
        }
        landed = "select ''::text as place, _line_number, {key} from {raw} where _load_id = $1::bigint"
        held = (
            "select held.ctid::text as place, held.line_number as _line_number, {key} from ops.held_row as held"
            " cross join lateral jsonb_populate_record(null::{raw}, raw_row) as rebuilt where held.load_id = $1::bigint"
        )
        query = sql.SQL(f"{landed} union all {held}").format(**names).as_string()
        places = [np.empty(0, dtype=_PLACE)]
        held_hashes: list[tuple[str, int]] = []
        for batch in self._loader.batches(query, load_id):
            rows = pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch])))
            part = np.empty(rows.height, dtype=_PLACE)
            part["hash"], part["line"] = key_hashes(self._contract, rows), rows[LINE].to_numpy()
            places.append(part)
            held_hashes += [
                (place, int(signed))
                for place, signed in zip(rows["place"], part["hash"].view(np.int64), strict=True)
                if place
            ]
        self.remove(load_id)
        self._keep(load_id, 0, 2**64 - 1, _sorted(places))
        for place, signed in held_hashes:
            self._loader.execute(
                "update ops.held_row set key_hashes = array[$2::bigint] where ctid = $1::text::tid", place, signed
            )

    def shared(self, load_id: int, keys: LoadKeys) -> Iterator[KeyPlaces]:
        """Keep the keys of a load and find those it shares, with itself or with loads before, range by range."""
        for low, high, places in keys.ranges():
            hashes = places["hash"]
            if not len(places):
                continue
            others = self._among(hashes, low, high)
            wanted = np.union1d(hashes[1:][hashes[1:] == hashes[:-1]], others.hashes)
            self._keep(load_id, low, high, places)
            if wanted.size:
                mine = places[np.isin(hashes, wanted)]
                yield KeyPlaces(
                    np.concatenate([mine["hash"], others.hashes]),
                    np.concatenate([np.full(len(mine), load_id, dtype=np.int64), others.load_ids]),
                    np.concatenate([mine["line"], others.lines]),
                )

    def of_load(self, load_id: int) -> Iterator[Hashes]:
        """The hashes that a load left."""
        query = "select hashes from ops.key_chunk where load_id = $1::bigint"
        for (hashes,) in self._loader.rows(query, load_id):
            yield np.frombuffer(hashes, dtype=np.uint64)

    def claims(self, wanted: Hashes) -> KeyPlaces:
        """Where these hashes (sorted) occur."""
        return self._among(wanted, 0, 2**64 - 1)

    def remove(self, load_id: int) -> None:
        """Forget the keys of a load."""
        self._loader.execute("delete from ops.key_chunk where load_id = $1::bigint", load_id)

    def _keep(self, load_id: int, low: int, high: int, places: Places) -> None:
        chunk = {
            "load_id": load_id,
            "source_name": self._contract.source,
            "entity_name": self._contract.entity,
            "hash_name": HASH_NAME,
            "low_hash": _signed(low),
            "high_hash": _signed(high),
            "hashes": np.ascontiguousarray(places["hash"]).tobytes(),
            "lines": np.ascontiguousarray(places["line"]).tobytes(),
        }
        self._loader.copy("ops", "key_chunk", pl.DataFrame([chunk]))

    def _among(self, wanted: Hashes, low: int, high: int) -> KeyPlaces:
        query = (
            "select load_id, hashes, lines from ops.key_chunk where source_name = $1::text and entity_name = $2::text"
            " and low_hash <= $3::bigint and high_hash >= $4::bigint"
        )
        contract = self._contract
        found = [(np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
        for batch in self._loader.batches(query, contract.source, contract.entity, _signed(high), _signed(low)):
            for load_id, hashes, lines in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                stored = np.frombuffer(hashes, dtype=np.uint64)
                places = np.minimum(np.searchsorted(wanted, stored), len(wanted) - 1)
                chosen = wanted[places] == stored
                if chosen.any():
                    owners = np.full(int(chosen.sum()), load_id, dtype=np.int64)
                    found.append((stored[chosen], owners, np.frombuffer(lines, dtype=np.int64)[chosen]))
        return KeyPlaces(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _signed(number: int) -> int:
    """The number moved into the range of a signed one, in the same order."""
    return number - 2**63
