"""Rows into their raw table: new keys land, keys that are there already are duplicates or conflicts."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from psycopg import sql

from tenure.contracts import Contract
from tenure.landing.batches import LINE
from tenure.landing.checks import ROW
from tenure.landing.loader import KeyTaken, Loader
from tenure.landing.schema import raw_columns, raw_identifier


@dataclass(frozen=True)
class Repeats:
    """Positions (`_row`) of rows whose key is taken: by the same content, or by another."""

    duplicates: pl.Series
    conflicts: pl.Series


def repeats_within(contract: Contract, good: pl.DataFrame) -> Repeats:
    """Rows that repeat the key of an earlier row of the same batch."""
    key = list(contract.primary_key)
    if good.height < 2 or good.select(pl.struct(key).hash().n_unique()).item() == good.height:
        return Repeats(pl.Series(dtype=pl.Int64), pl.Series(dtype=pl.Int64))
    content = list(contract.column_names)
    firsts = good.unique(key, keep="first", maintain_order=True).with_columns(pl.col(ROW).alias("_first"))
    later = good.join(firsts, on=key, how="inner", suffix=":first").filter(pl.col(ROW) != pl.col("_first"))
    others = [name for name in content if name not in key]
    same = pl.all_horizontal(pl.lit(True), *(pl.col(name).eq_missing(pl.col(f"{name}:first")) for name in others))
    marked = later.select(pl.col(ROW).cast(pl.Int64), same.alias("same"))
    return Repeats(marked.filter(pl.col("same"))[ROW], marked.filter(~pl.col("same"))[ROW])


class RawTable:
    """The raw table of one contract during one load."""

    def __init__(self, loader: Loader, contract: Contract, load_id: int) -> None:
        self._loader = loader
        self._contract = contract
        self._load_id = load_id
        self._has_incoming = False

    def remove(self, load_id: int) -> None:
        """Take out the rows of an earlier load, which a correction replaces."""
        table = raw_identifier(self._contract).as_string()
        self._loader.execute(f"delete from {table} where _load_id = {load_id:d}")  # noqa: S608 (quoted name, integer)

    def append(self, rows: pl.DataFrame) -> Repeats:
        """Land tokenised rows (`_row`, `_line_number`, landed and technical columns).

        Returns which of them have a key that was in the table; all others are landed.
        """
        landed = rows.select(*raw_columns(self._contract))
        if landed.is_empty():
            return Repeats(pl.Series(dtype=pl.Int64), pl.Series(dtype=pl.Int64))
        if not self._has_incoming:
            self._loader.execute("savepoint before_copy")
            try:
                self._loader.copy(f"raw_{self._contract.source}", self._contract.entity, landed)
                self._loader.execute("release savepoint before_copy")
                return Repeats(pl.Series(dtype=pl.Int64), pl.Series(dtype=pl.Int64))
            except KeyTaken:
                self._loader.execute("rollback to savepoint before_copy")
        return self._append_new(rows)

    def _append_new(self, rows: pl.DataFrame) -> Repeats:
        columns = list(raw_columns(self._contract))
        names = {
            "raw": raw_identifier(self._contract),
            "incoming": sql.Identifier(f"incoming_{self._contract.source}_{self._contract.entity}"),
            "key": sql.SQL(", ").join(map(sql.Identifier, self._contract.landed_key)),
            "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
            "same_key": _comparison(self._contract.landed_key, "=", " and "),
            "same": _comparison([column.landed_name for column in self._contract.columns], "is not distinct from"),
        }
        if not self._has_incoming:
            self._run("create temporary table {incoming} (like {raw}, _row bigint) on commit drop", names)
            self._has_incoming = True
        else:
            self._run("truncate {incoming}", names)
        incoming = f"incoming_{self._contract.source}_{self._contract.entity}"
        self._loader.copy(None, incoming, rows.select(*columns, pl.col(ROW).cast(pl.Int64)))
        # Without statistics the joins below would be planned for a table of a few rows.
        self._run("analyze {incoming}", names)
        self._run(
            "insert into {raw} ({columns}) select {columns} from {incoming} order by _row"
            " on conflict ({key}) do nothing",
            names,
        )
        found = self._loader.rows(
            sql.SQL(
                "select new._row, {same} from {incoming} as new join {raw} as old on {same_key}"
                " where (old._load_id, old._line_number) <> (new._load_id, new._line_number)"
            )
            .format(**names)
            .as_string()
        )
        return Repeats(
            pl.Series([row for row, same in found if same], dtype=pl.Int64),
            pl.Series([row for row, same in found if not same], dtype=pl.Int64),
        )

    def _run(self, statement: str, names: dict[str, sql.Composable]) -> None:
        self._loader.execute(sql.SQL(statement).format(**names).as_string())


def _comparison(columns: tuple[str, ...] | list[str], operator: str, joiner: str = " and ") -> sql.Composed:
    return sql.SQL(joiner).join(
        sql.SQL("new.{name} {operator} old.{name}").format(name=sql.Identifier(name), operator=sql.SQL(operator))
        for name in columns
    )


def with_technical(
    rows: pl.DataFrame, load_id: int, business_date: object, file_name: str, loaded_at: object
) -> pl.DataFrame:
    """The rows with the technical columns that every raw table has."""
    return rows.with_columns(
        pl.lit(load_id, dtype=pl.Int64).alias("_load_id"),
        pl.col(LINE).cast(pl.Int64),
        pl.lit(business_date, dtype=pl.Date).alias("_business_date"),
        pl.lit(file_name).alias("_source_file"),
        pl.lit(loaded_at, dtype=pl.Datetime("us", "UTC")).alias("_loaded_at"),
    )
