"""A day's usage events as one CSV file: clean with its manifest, or with some of its rows made bad in every way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

DAY = date(2026, 1, 10)
FILE_NAME = f"usage_event_{DAY:%Y%m%d}.csv"
COLUMNS = (
    "event_id", "msisdn", "started_at", "service_type", "direction", "network_type", "roaming_type",
    "other_operator", "other_party_msisdn", "duration_seconds", "volume_bytes", "rated_amount", "currency_code",
    "sponsor_name",
)  # fmt: skip
CONTROL_TOTALS = ("duration_seconds", "volume_bytes", "rated_amount")
SEED = 4
_CHUNK_ROWS = 250_000
_DAY_SECONDS = 86_400
# A line has about twenty events a day, some hundreds; it speaks mostly to a circle of its own.
_EVENTS_PER_LINE = 20
_CIRCLE = 6
_VOICE, _SMS, _DATA, _VAS = range(4)
_SERVICES = ("voice", "sms", "data", "vas")
_SERVICE_SHARES = (0.43, 0.10, 0.44, 0.03)
_OPERATORS = ("Union Mobile", "East Telecom", "Broadnet")
_SPONSORS = ("StreamBox", "MapWay", "PayLink")


@dataclass(frozen=True)
class UsageFile:
    """A file below `folder`, with its number of rows; `damaged_ids` are the events whose row was made bad."""

    folder: Path
    path: Path
    rows: int
    bytes: int
    damaged_ids: tuple[str, ...] = ()


def write_usage_file(folder: Path, rows: int, bad_share: float = 0.0) -> UsageFile:
    """Write `folder/usage.usage_event/usage_event_<day>.csv`. The same arguments give the same bytes.

    With a `bad_share` that share of the rows is damaged, each kind of damage as often as the others, and there is no
    manifest: the sums of what cannot be read are not known to a sender either.
    """
    path = folder / "usage.usage_event" / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    totals = dict.fromkeys(CONTROL_TOTALS, 0)
    damaged: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(",".join(COLUMNS) + "\n")
        for first, frame, sums in _chunks(rows):
            for name in CONTROL_TOTALS:
                totals[name] += sums[name]
            lines = frame.select(pl.concat_str(pl.all().fill_null(""), separator=",")).to_series()
            if bad_share:
                lines, ids = _damage(frame, lines, bad_share, first)
                damaged += ids
            out.write("\n".join(lines.to_list()) + "\n")
    if not bad_share:
        # Amounts are counted in units of 0.0001.
        claims = {name: str(total) for name, total in totals.items()}
        claims["rated_amount"] = f"{totals['rated_amount'] // 10_000}.{totals['rated_amount'] % 10_000:04d}"
        manifest = {"rows": rows, "control_totals": claims}
        path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest))
    return UsageFile(folder, path, rows, path.stat().st_size, tuple(damaged))


def _chunks(rows: int) -> Iterator[tuple[int, pl.DataFrame, dict[str, int]]]:
    lines = max(rows // _EVENTS_PER_LINE, 10)
    rng = np.random.default_rng(SEED)
    # How busy a line is differs far more than tenfold.
    weights = rng.lognormal(0.0, 1.1, lines)
    busy = np.cumsum(weights / weights.sum())
    start = np.datetime64(DAY, "s")
    for first in range(0, rows, _CHUNK_ROWS):
        count = min(_CHUNK_ROWS, rows - first)
        line = np.minimum(np.searchsorted(busy, rng.random(count)), lines - 1)
        # A file is in order of time.
        second = (np.arange(first, first + count) * _DAY_SECONDS) // rows
        service = rng.choice(4, count, p=_SERVICE_SHARES)
        talks, moves = service <= _SMS, service == _DATA
        incoming = talks & (rng.random(count) < 0.5)
        off_net = talks & (rng.random(count) < 0.45)
        duration = np.clip(rng.lognormal(4.7, 1.05, count), 1, 14_400).astype(np.int64)
        volume = np.clip(rng.lognormal(17.2, 2.0, count), 2_000, 3e11).astype(np.int64)
        charge = np.where(rng.random(count) < 0.35, (rng.lognormal(-2.0, 1.2, count) * 10_000).astype(np.int64), 0)
        roaming = rng.choice(3, count, p=(0.95, 0.044, 0.006))
        sponsored = moves & (rng.random(count) < 0.04)
        partner = (line * _CIRCLE + np.minimum(rng.geometric(0.45, count), _CIRCLE)) * 7 % (lines * 9)
        numbers = pl.DataFrame(
            {
                "event": np.arange(first + 1, first + count + 1),
                "line": 12_300_000_000 + line * 7_919,
                "partner": 13_500_000_000 + partner * 613,
                "at": (start + second).astype("datetime64[ms]"),
                "service": service,
                "incoming": incoming,
                "off_net": off_net,
                "roaming": roaming,
                "operator": rng.integers(0, 3, count),
                "sponsor": np.where(sponsored, rng.integers(0, 3, count), -1),
                "duration": np.where(service == _VOICE, duration, -1),
                "volume": np.where(moves, volume, -1),
                "charge": charge,
            }
        )
        frame = numbers.select(*_EXPRESSIONS)
        sums = {
            "duration_seconds": int(duration[service == _VOICE].sum()),
            "volume_bytes": int(volume[moves].sum()),
            "rated_amount": int(charge.sum()),
        }
        yield first, frame, sums


def _named(column: str, names: Sequence[str]) -> pl.Expr:
    return pl.col(column).replace_strict(dict(enumerate(names)), default="", return_dtype=pl.String)


def _measured(column: str) -> pl.Expr:
    return pl.when(pl.col(column) >= 0).then(pl.col(column).cast(pl.String)).otherwise(pl.lit(""))


_TALKS = pl.col("service") <= _SMS
_EXPRESSIONS = (
    ("U202601" + pl.col("event").cast(pl.String).str.zfill(9)).alias("event_id"),
    pl.col("line").cast(pl.String).alias("msisdn"),
    pl.col("at").dt.to_string("%Y-%m-%dT%H:%M:%S+08:00").alias("started_at"),
    _named("service", _SERVICES).alias("service_type"),
    pl.when("incoming").then(pl.lit("incoming")).otherwise(pl.lit("outgoing")).alias("direction"),
    pl.when(~_TALKS)
    .then(pl.lit("none"))
    .otherwise(pl.when("off_net").then(pl.lit("off_net")).otherwise(pl.lit("on_net")))
    .alias("network_type"),
    _named("roaming", ("home", "national", "international")).alias("roaming_type"),
    pl.when("off_net").then(_named("operator", _OPERATORS)).otherwise(pl.lit("")).alias("other_operator"),
    pl.when(_TALKS).then(pl.col("partner").cast(pl.String)).otherwise(pl.lit("")).alias("other_party_msisdn"),
    _measured("duration").alias("duration_seconds"),
    _measured("volume").alias("volume_bytes"),
    pl.concat_str(
        (pl.col("charge") // 10_000).cast(pl.String),
        pl.lit("."),
        (pl.col("charge") % 10_000).cast(pl.String).str.zfill(4),
    ).alias("rated_amount"),
    pl.lit("CNY").alias("currency_code"),
    _named("sponsor", _SPONSORS).alias("sponsor_name"),
)


def _damage(frame: pl.DataFrame, lines: pl.Series, share: float, first: int) -> tuple[pl.Series, list[str]]:
    """The lines with some of them made bad, and the ids of the events that they were."""
    rng = np.random.default_rng((SEED, first))
    count = frame.height
    kinds = _DAMAGED_CELLS | dict.fromkeys(_DAMAGED_LINES, "")
    kind = np.where(rng.random(count) < share, rng.integers(0, len(kinds), count), -1)
    frame = frame.with_columns(pl.Series("_kind", kind), lines.alias("_line"))
    names = list(kinds)
    columns = {name.partition(" ")[0] for name in _DAMAGED_CELLS}
    damaged = frame.with_columns(
        _first_true(
            [
                (position, pl.lit(_DAMAGED_CELLS[name]))
                for position, name in enumerate(names)
                if _column(name) == column
            ],
            pl.col(column),
        ).alias(column)
        for column in columns
    )
    cells = damaged.select(
        pl.concat_str(pl.col(*COLUMNS).fill_null(""), separator=",").alias("_cells"), "_kind", "_line"
    )
    made = cells.select(
        _first_true(
            [(names.index(name), expression) for name, expression in _DAMAGED_LINES.items()],
            pl.when(pl.col("_kind") >= 0).then(pl.col("_cells")).otherwise(pl.col("_line")),
        )
    ).to_series()
    return made, frame.filter(pl.col("_kind") >= 0)["event_id"].to_list()


def _column(kind: str) -> str:
    return kind.partition(" ")[0] if kind in _DAMAGED_CELLS else ""


def _first_true(cases: list[tuple[int, pl.Expr]], otherwise: pl.Expr) -> pl.Expr:
    for position, expression in cases:
        otherwise = pl.when(pl.col("_kind") == position).then(expression).otherwise(otherwise)
    return otherwise


# What is written instead of the value: the column, then the kind of damage.
_DAMAGED_CELLS = {
    "event_id missing": "",
    "event_id too long": "U" * 70,
    "msisdn missing": "",
    "msisdn too long": "123456789012345678901234",
    "started_at no date": "yesterday",
    "started_at no zone": "2026-01-10T10:00:00",
    "started_at impossible": "2026-02-30T10:00:00+08:00",
    "started_at in the future": "2031-01-10T10:00:00+08:00",
    "service_type unknown": "fax",
    "direction unknown": "sideways",
    "network_type wrong case": "On_Net",
    "roaming_type missing": "",
    "duration_seconds text": "12s",
    "duration_seconds negative": "-4",
    "duration_seconds too large": "604801",
    "volume_bytes fraction": "12.5",
    "volume_bytes overflow": "99999999999999999999",
    "rated_amount decimal comma": '"1,50"',
    "rated_amount too precise": "0.123456",
    "rated_amount not a number": "NaN",
    "currency_code lower case": "cny",
    "sponsor_name control character": "Stream\x07Box",
}
# What is done to the whole line.
_DAMAGED_LINES = {
    "a field too few": pl.col("_cells").str.replace(",CNY", ""),
    "a field too many": pl.col("_cells") + ",extra",
}
