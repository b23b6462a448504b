"""Which days of an entity have changed: what a refresh of the marts is driven by.

Every transaction that adds rows to a raw table, takes some out or moves some gives each day concerned another version
in `ops.partition_version`: the number of the transaction, which never comes again. A build compares the versions with
those it has used, so that nothing depends on when a load came, and a build that dies has only to look again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from tenure.landing.loader import Loader

# In order of days, so that two transactions never wait for each other crosswise.
_RAISE = """
insert into ops.partition_version as known (source_name, entity_name, record_date, version)
select $1::text, $2::text, record_date, pg_current_xact_id()::text::bigint
from ({days}) as touched (record_date) order by record_date
on conflict (source_name, entity_name, record_date) do update set version = excluded.version
"""
_OF_LOAD = _RAISE.format(days="select record_date from ops.load_day where load_id = $3::bigint")
_NAMED = _RAISE.format(days="select distinct value::date from jsonb_array_elements_text($3::text::jsonb) as day")


def touch_days(loader: Loader, source: str, entity: str, days: Iterable[dt.date]) -> None:
    """Note that the rows of these days have changed."""
    loader.execute(_NAMED, source, entity, json.dumps([day.isoformat() for day in days]))


def touch_load(loader: Loader, source: str, entity: str, load_id: int) -> None:
    """Note that rows of any day of this load have changed: before its days are forgotten."""
    loader.execute(_OF_LOAD, source, entity, load_id)
