"""What goes wrong outside Tenure, in one line: a full disk, a server that has gone away; and what is a defect."""

from __future__ import annotations

import datetime as dt
import errno
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from tenure.errors import TenureError
from tenure.settings import get_settings

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
AGAIN = "run the same command again: it goes on where this one ended"


def disk_full(where: str) -> TenureError:
    """The line for a disk without room; what was being written is gone."""
    return TenureError(f"there is no room left {where}", hint=f"make room, then {AGAIN}")


def server_lost() -> TenureError:
    """The line for a server that ended our session, or itself."""
    return TenureError("the warehouse ended the connection", hint=f"see that it runs (`tenure db start`), then {AGAIN}")


def of_server(sqlstate: str | None, text: str) -> TenureError | None:
    """The line for what a server or its driver says, None when it is no outage. Nothing of the text is repeated."""
    state = sqlstate or ""
    words = text.lower()
    # A limit on the size of files comes without a code of its own.
    if state == "53100" or "file too large" in words or "no space left" in words:
        return disk_full("for the warehouse")
    if state[:2] == "08" or state in ("57P01", "57P02", "57P03"):
        return server_lost()
    if not state and any(sign in words for sign in _LOST):
        return server_lost()
    return None


_LOST = ("closed the connection", "terminating connection", "no connection to the server", "connection is bad",
         "connection refused", "connection reset", "broken pipe", "ssl syscall", "could not receive data",
         "could not send data", "consuming input failed", "connection is lost", "server is shutting down")  # fmt: skip


def of_exception(error: BaseException) -> TenureError | None:
    """The line for an exception of the system or of psycopg, None when it is no outage."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return disk_full("under TENURE_HOME")
    # Known by its name, because most commands end without having loaded it.
    if type(error).__module__.startswith("psycopg"):
        return of_server(getattr(error, "sqlstate", None), str(error))
    return None


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Outages of the body become TenureError."""
    try:
        yield
    except Exception as error:
        outage = of_exception(error)
        if outage is None:
            raise
        raise outage from None


def noted_defect(error: Exception) -> TenureError:
    """The line for an unforeseen error; the places where it arose, never the values, are written to the log."""
    log = get_settings().logs_dir / "tenure.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as stream:
        stream.write(f"{dt.datetime.now(dt.UTC).isoformat()} {type(error).__name__}\n")
        stream.writelines(traceback.format_tb(error.__traceback__))
    return TenureError(f"unforeseen {type(error).__name__}: this is a defect", hint=f"details in {log}")
