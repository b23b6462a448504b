"""The loader's connection: binary COPY of whole columns, and plain statements, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import adbc_driver_manager
import polars as pl
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from tenure.errors import TenureError
from tenure.settings import Settings

LOCK_SECONDS = 600
_UNIQUE_VIOLATION = "23505"
_LOCK_TIMEOUT = "55P03"


class KeyTaken(Exception):
    """A row's primary key is in the table already."""


class Loader:
    """A session as the loader role. Statements take `$1`, `$2`... parameters; outside `transaction` each commits."""

    def __init__(self, settings: Settings) -> None:
        try:
            # The driver's own transaction handling cannot return to a savepoint, so begin and commit are ours.
            self._connection = dbapi.connect(settings.url("loader"), autocommit=True)
        except adbc_driver_manager.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise TenureError(
                f"cannot connect to the warehouse as loader: {reason}",
                hint="start it with `tenure db start`, or check TENURE_DATABASE_URL",
            ) from None
        self._cursor = self._connection.cursor()

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor.close()
        self._connection.close()

    def execute(self, statement: str, *parameters: Any) -> None:
        """Run a statement without a result. Raises TenureError without any value of the data."""
        try:
            self._cursor.execute(statement, parameters or None)
        except adbc_driver_manager.Error as error:
            raise _failure(error) from None

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self.execute(query, *parameters)
        return list(self._cursor.fetchall())

    def copy(self, schema: str | None, table: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table (of no schema: a temporary one) by binary COPY, columns matched by name.

        Raises KeyTaken when a unique index refuses a row; the transaction must then return to a savepoint.
        """
        try:
            if schema is None:
                self._cursor.adbc_ingest(table, arrow_table(frame), mode="append", temporary=True)
            else:
                self._cursor.adbc_ingest(table, arrow_table(frame), mode="append", db_schema_name=schema)
        except adbc_driver_manager.Error as error:
            if error.sqlstate == _UNIQUE_VIOLATION:
                raise KeyTaken from None
            raise _failure(error) from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the body, or nothing of it."""
        self.execute("begin")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        self.execute("commit")

    def _roll_back(self) -> None:
        try:
            self._cursor.execute("rollback")
        except adbc_driver_manager.Error:
            # The session is gone, and its transaction with it; the first error says why.
            return

    @contextmanager
    def source_lock(self, source: str) -> Iterator[None]:
        """Only one landing of a source at a time. Raises TenureError when another one holds on for 10 minutes."""
        name = f"tenure landing {source}"
        self.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            self.rows("select pg_advisory_lock(hashtextextended($1::text, 0))::text", name)
        except TenureError as error:
            if _LOCK_TIMEOUT in error.message:
                raise TenureError(f"another landing of {source} is running", hint="wait until it has ended") from None
            raise
        try:
            yield
        finally:
            try:
                self._cursor.execute("select pg_advisory_unlock(hashtextextended($1::text, 0))", (name,))
                self._cursor.fetchall()
            except adbc_driver_manager.Error:
                # A lost session has let go of its locks already.
                pass


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """The frame as Arrow, with the types that the binary COPY of the driver knows."""
    table = frame.to_arrow()
    fields = [pa.field(item.name, pa.string() if not _is_plain(item.type) else item.type) for item in table.schema]
    return table.cast(pa.schema(fields))


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind))


def _failure(error: adbc_driver_manager.Error) -> TenureError:
    # The server's text may quote a row: only its code and the first words before any value are shown.
    text = str(error)
    start = text.find("ERROR:")
    first = text[start:].splitlines()[0] if start >= 0 else text.splitlines()[0]
    code = error.sqlstate or ""
    if code[:2] in ("22", "23"):
        return TenureError(f"the warehouse refused the rows (SQLSTATE {code})")
    return TenureError(
        f"the warehouse failed: {first.removeprefix('ERROR:').strip()[:200]} (SQLSTATE {code or 'none'})"
    )
