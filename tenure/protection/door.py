"""The lock between landing and what changes how values are landed: replacing a key, erasing a customer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from tenure.db import connect
from tenure.errors import TenureError
from tenure.settings import Settings

if TYPE_CHECKING:
    from tenure.landing.loader import Loader

LOCK_SECONDS = 600
_NAME = "hashtextextended('tenure door', 0)"


def pass_door(loader: Loader) -> None:
    """Hold the door open for landing until the loader's session ends; many may pass at once.

    Keys and tombstones are read after this, so that what is in use cannot change while rows are on their way. Raises
    TenureError when a key rotation or an erasure does not end within 10 minutes.
    """
    loader.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
    try:
        loader.rows(f"select pg_advisory_lock_shared({_NAME})::text")
    except TenureError as error:
        if "55P03" in error.message:
            raise TenureError(
                "a key is being replaced or a customer erased", hint="land again when that has ended"
            ) from None
        raise


@contextmanager
def door_closed(settings: Settings, role: str, seconds: int = LOCK_SECONDS) -> Iterator[psycopg.Connection[Any]]:
    """A connection as `role` while no landing runs and none can start. Raises TenureError when one does not end."""
    with _locked(settings, role, f"pg_advisory_lock({_NAME})", seconds) as connection:
        yield connection


@contextmanager
def door_kept_open(settings: Settings, role: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as `role` while no key is replaced and nobody erased; landing may go on."""
    with _locked(settings, role, f"pg_advisory_lock_shared({_NAME})", LOCK_SECONDS) as connection:
        yield connection


@contextmanager
def _locked(settings: Settings, role: str, lock: str, seconds: int) -> Iterator[psycopg.Connection[Any]]:
    with connect(role, autocommit=True, settings=settings) as connection:
        connection.execute(f"set lock_timeout = '{seconds}s'")
        try:
            connection.execute(f"select {lock}")
        except psycopg.errors.LockNotAvailable:
            raise TenureError(
                "a landing, an erasure or a rotation is running", hint="try again when it has ended"
            ) from None
        yield connection
