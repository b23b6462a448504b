"""The loader's connection: binary COPY of whole columns, and plain statements, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any

import adbc_driver_manager as adbc
import adbc_driver_postgresql
import polars as pl
import pyarrow as pa

from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.outages import of_server
from tenure.settings import Settings

LOCK_SECONDS = 600
_LOCK_TIMEOUT = "55P03"
_APPEND = "adbc.ingest.mode.append"
_SLICE_ROWS = 4096


class Loader:
    """A session as the loader role. Statements take `$1`, `$2`... parameters; outside `transaction` each commits."""

    def __init__(self, settings: Settings) -> None:
        # Not through the driver's DB-API module: it loads pandas, which costs every command a quarter of a second.
        self._handles = ExitStack()
        try:
            database = self._handles.enter_context(adbc_driver_postgresql.connect(settings.url("loader")))
            # It commits each statement: the driver's own transactions cannot return to a savepoint, so begin and commit
            # are ours.
            self._connection = self._handles.enter_context(adbc.AdbcConnection(database))
            self._statement = self._handles.enter_context(adbc.AdbcStatement(self._connection))
        except adbc.Error as error:
            self._handles.close()
            reason = str(error).strip().splitlines()[0]
            raise TenureError(
                f"cannot connect to the warehouse as loader: {reason}",
                hint="start it with `tenure db start`, or check TENURE_DATABASE_URL",
            ) from None
        self._fences: dict[str, int] = {}

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handles.close()

    def execute(self, statement: str, *parameters: Any) -> None:
        """Run a statement without a result. Raises TenureError without any value of the data."""
        for _batch in self.batches(statement, *parameters):
            pass

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        return [
            row
            for batch in self.batches(query, *parameters)
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]

    def batches(self, query: str, *parameters: Any) -> Iterator[pa.RecordBatch]:
        """The rows of a query, some at a time; it must be read to its end before the next statement."""
        try:
            self._statement.set_sql_query(query)
            if parameters:
                # Not by Arrow's own constructors, which load pandas.
                row = pl.DataFrame({str(place): [value] for place, value in enumerate(parameters)})
                self._statement.bind_stream(row.to_arrow(compat_level=pl.CompatLevel.oldest()))
            stream, _count = self._statement.execute_query()
            yield from pa.RecordBatchReader._import_from_c(stream.address)
        except adbc.Error as error:
            raise _failure(error) from None

    def copy(self, schema: str | None, table: str, frame: pl.DataFrame) -> None:
        """Append a frame to a table (of no schema: a temporary one) by binary COPY, columns matched by name."""
        option = adbc.StatementOptions
        target = {option.INGEST_TEMPORARY: "true"} if schema is None else {option.INGEST_TARGET_DB_SCHEMA: schema}
        try:
            # A statement remembers the options of the last time, so each table has one of its own.
            with adbc.AdbcStatement(self._connection) as statement:
                statement.set_options(
                    **{option.INGEST_TARGET_TABLE.value: table, option.INGEST_MODE.value: _APPEND},
                    **{name.value: value for name, value in target.items()},
                )
                statement.bind_stream(arrow_table(frame))
                statement.execute_update()
        except adbc.Error as error:
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
            self.execute("rollback")
        except TenureError:
            # The session is gone, and its transaction with it; the first error says why.
            return

    @contextmanager
    def entity_lock(self, name: str) -> Iterator[None]:
        """Only one landing of `<source>.<entity>` at a time. Raises TenureError after 10 minutes of waiting."""
        lock = f"tenure landing {name}"
        self.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        try:
            self.rows("select pg_advisory_lock(hashtextextended($1::text, 0))::text", lock)
        except TenureError as error:
            if _LOCK_TIMEOUT in error.message:
                raise TenureError(f"another landing of {name} is running", hint="wait until it has ended") from None
            raise
        try:
            reach("before_fence")
            self._fences[name] = self.rows(_TAKE_FENCE, name)[0][0]
            reach("after_fence")
            yield
        finally:
            self._fences.pop(name, None)
            # A lost session has let go of its locks already.
            with suppress(TenureError):
                self.execute("select pg_advisory_unlock(hashtextextended($1::text, 0))", lock)

    def check_fence(self, name: str) -> None:
        """Inside a transaction: nobody has taken the entity over since `entity_lock`, nor will before the commit.

        A pooler between us and the server may give a lock away with the session; the number taken with it may not be
        stale when rows are published. Raises TenureError.
        """
        found = self.rows("select fence from ops.landing_fence where entity_name = $1::text for share", name)
        if found != [(self._fences[name],)]:
            raise TenureError(
                f"another landing has taken over {name}", hint="nothing of this file was landed: run again"
            )


_TAKE_FENCE = """
    insert into ops.landing_fence as known (entity_name, fence) values ($1::text, 1)
    on conflict (entity_name) do update set fence = known.fence + 1 returning fence
"""


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """The frame as Arrow, with the types that the binary COPY of the driver knows, in slices.

    The driver encodes a slice and sends it: while the server works on it, the next one is encoded.
    """
    table = frame.to_arrow()
    fields = [pa.field(item.name, pa.string() if pa.types.is_null(item.type) else item.type) for item in table.schema]
    schema = pa.schema(fields)
    return pa.Table.from_batches(table.cast(schema).to_batches(max_chunksize=_SLICE_ROWS), schema)


def _failure(error: adbc.Error) -> TenureError:
    # The server's text may quote a row: only its code and the first words before any value are shown.
    text = str(error)
    start = text.find("ERROR:")
    first = text[start:].splitlines()[0] if start >= 0 else text.splitlines()[0]
    code = error.sqlstate or ""
    outage = of_server(code.strip("\0"), text)
    if outage is not None:
        return outage
    if code[:2] in ("22", "23"):
        return TenureError(f"the warehouse refused the rows (SQLSTATE {code})")
    return TenureError(
        f"the warehouse failed: {first.removeprefix('ERROR:').strip()[:200]} (SQLSTATE {code or 'none'})"
    )
