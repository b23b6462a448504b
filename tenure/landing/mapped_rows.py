"""Rows of our entities out of the lines of an operator's own file."""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from polars.exceptions import PolarsError

from tenure.landing.batches import LINE, Batch, Malformed
from tenure.landing.checks import ALL_TIME, REJECT_SCHEMA, ROW, check
from tenure.landing.delivery import is_candidate
from tenure.landing.entity_load import EntityRows
from tenure.landing.lookups import Lookup
from tenure.landing.mapping import FileMapping, MappedEntity, RowsOf
from tenure.landing.masking import masked
from tenure.landing.results import FileRefused
from tenure.landing.stores import Place, by_name

# More rows than a batch of lines has.
_ROWS_OF_ONE_BLOCK = 10**9


def mapped_files(location: Place, mapping: FileMapping) -> list[Place]:
    """The files in a folder (or the one file) that a mapping is for, by name."""
    if location.is_file():
        return [location]
    everything: Iterable[Place] = location.rglob("*")
    paths = by_name(path for path in everything if path.is_file() and is_candidate(path))
    return [path for path in paths if any(fnmatch.fnmatchcase(path.name, one) for one in mapping.patterns)]


def business_date_of(mapping: FileMapping, path: Place) -> dt.date:
    """The business date of a file: fixed, or from its name. Raises FileRefused."""
    if mapping.business_date is not None:
        return mapping.business_date
    match = mapping.date_pattern.search(path.name) if mapping.date_pattern else None
    try:
        return dt.datetime.strptime(match[1] if match else "", "%Y%m%d").date()
    except ValueError:
        raise FileRefused("its name has no date YYYYMMDD where the mapping expects one") from None


def apply(mapping: FileMapping, batch: Batch, is_first: bool) -> dict[str, EntityRows]:
    """The rows of each entity of the mapping, by `<source>.<entity>`.

    Lines that break the rules of the file's own columns become rows of no entity; they are counted and refused with
    the first entity, and so are lines that cannot be split. Raises FileRefused when an expression fails.
    """
    rows = batch.rows
    if mapping.null_values:
        texts = [name for name, kind in rows.schema.items() if kind == pl.String]
        rows = rows.with_columns(
            pl.when(~pl.col(name).is_in(list(mapping.null_values))).then(pl.col(name)).alias(name) for name in texts
        )
    checked = check(mapping.source_contract, rows.with_row_index(ROW), ALL_TIME)
    good = checked.good
    refused = checked.rejects.with_columns((-2 - pl.col(ROW)).alias(ROW))
    for name, expression in mapping.derived.items():
        what = f"derived column {name}"
        if name in mapping.derived_lookups:
            good, missing = _found(mapping, what, good, {name: mapping.derived_lookups[name]}, place=0)
            refused = pl.concat([refused, missing])
        good = _evaluated(mapping, what, good, {name: expression}, keep=True)
    found: dict[str, EntityRows] = {}
    for entity in mapping.entities:
        made, rejects = _entity_rows(mapping, entity, good, is_first)
        malformed: Sequence[Malformed] = ()
        if not found:
            rejects, malformed = pl.concat([refused, rejects]), batch.malformed
        count = made.height + rejects[ROW].n_unique() + len(malformed)
        found[entity.contract.name] = EntityRows(made, count, malformed, rejects=rejects)
    return found


def _entity_rows(
    mapping: FileMapping, entity: MappedEntity, good: pl.DataFrame, is_first: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    parts = []
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA)]
    for place, block in enumerate(entity.rows, start=1):
        if block.constant:
            if is_first:
                parts.append(_constant_rows(entity, block))
            continue
        chosen = good
        if block.where is not None:
            what = f"{entity.contract.name}: where"
            chosen = good.filter(_evaluated(mapping, what, good, {"where": block.where}).to_series().fill_null(False))
        chosen, missing = _found(mapping, entity.contract.name, chosen, block.lookups, place)
        rejects.append(missing)
        made = _evaluated(mapping, entity.contract.name, chosen, block.columns)
        if made.height != chosen.height:
            # An expression without any column gives one row, whatever the file.
            made = _evaluated(mapping, entity.contract.name, chosen, block.columns, keep=True).select(made.columns)
        parts.append(made.with_columns(chosen[LINE]))
    names = entity.contract.column_names
    if not parts:
        return pl.DataFrame(schema={**dict.fromkeys(names, pl.String), LINE: pl.Int64}), pl.concat(rejects)
    rows = pl.concat([_complete(part, names) for part in parts], how="vertical_relaxed")
    return rows.sort(LINE, maintain_order=True), pl.concat(rejects)


def _found(
    mapping: FileMapping, what: str, rows: pl.DataFrame, lookups: Mapping[str, Lookup], place: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows whose texts are in their tables, and rejects of the others.

    One line may be refused as several rows of an entity: `place` tells these apart.
    """
    rejects = [pl.DataFrame(schema=REJECT_SCHEMA)]
    for name, lookup in lookups.items():
        looked = _evaluated(mapping, what, rows, {"text": lookup.text, "missing": lookup.is_missing})
        lost = rows.with_columns(looked["text"]).filter(looked["missing"])
        rejects.append(
            lost.select(
                (-2 - pl.col(ROW).cast(pl.Int64) - place * _ROWS_OF_ONE_BLOCK).alias(ROW),
                pl.col(LINE).alias("line_number"),
                pl.lit(name).alias("column_name"),
                pl.lit("lookup").alias("rule_name"),
                pl.lit(f"it is not in the lookup table of mapping {mapping.name}: add it there, or a default").alias(
                    "message"
                ),
                masked(pl.col("text")).alias("masked_text"),
                pl.lit(None, dtype=REJECT_SCHEMA["due_at"]).alias("due_at"),
            )
        )
    lost_rows = pl.concat(rejects)
    if lost_rows.is_empty():
        return rows, lost_rows
    refused = (-2 - place * _ROWS_OF_ONE_BLOCK - lost_rows[ROW]).to_list()
    return rows.filter(~pl.col(ROW).cast(pl.Int64).is_in(refused)), lost_rows


def _constant_rows(entity: MappedEntity, block: RowsOf) -> pl.DataFrame:
    frame = pl.DataFrame(list(block.constant), schema_overrides=dict.fromkeys(entity.contract.column_names, pl.String))
    return frame.with_columns(pl.lit(0, dtype=pl.Int64).alias(LINE))


def _complete(part: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    missing = [pl.lit(None, dtype=pl.String).alias(name) for name in names if name not in part.columns]
    return part.with_columns(missing).select(*names, LINE)


def _evaluated(
    mapping: FileMapping, what: str, rows: pl.DataFrame, columns: Mapping[str, pl.Expr], keep: bool = False
) -> pl.DataFrame:
    expressions = [expression.alias(name) for name, expression in columns.items()]
    try:
        return rows.with_columns(expressions) if keep else rows.select(expressions)
    except PolarsError as error:
        # The text of the error may quote values.
        raise FileRefused(f"mapping {mapping.name}: {what} cannot be computed ({type(error).__name__})") from None
