"""Connections to the warehouse, one login role each, and how the content of a table is told."""

from __future__ import annotations

from typing import Any

import psycopg

from tenure.errors import TenureError
from tenure.settings import Settings, get_settings

# Two seeds of a 64-bit hash of the row's values, each summed exactly: the sum does not depend on order and keeps
# multiplicity. Hashing the record itself is several times quicker than hashing its text.
ROW_DIGEST = (
    "coalesce(sum(hash_record_extended(t, 0)::numeric), 0) || '/' ||"
    " coalesce(sum(hash_record_extended(t, 1)::numeric), 0)"
)


def connect(role: str, autocommit: bool = False, settings: Settings | None = None) -> psycopg.Connection[Any]:
    """A psycopg connection as this warehouse role. Raises TenureError when the server does not answer."""
    settings = settings or get_settings()
    try:
        return psycopg.connect(settings.url(role), autocommit=autocommit, connect_timeout=10)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise TenureError(
            f"cannot connect to the warehouse as {role}: {reason}",
            hint="start it with `tenure db start`, or check TENURE_DATABASE_URL",
        ) from None
