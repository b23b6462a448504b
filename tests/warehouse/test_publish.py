"""Readers see one published version of all marts, and publishing the same again changes nothing."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tenure.errors import TenureError
from tenure.transform import marts
from tenure.warehouse import mart_digests, publish


def test_publishing_the_same_build_writes_nothing(built_warehouse) -> None:
    before = mart_digests(built_warehouse.settings)
    again = publish(built_warehouse.settings)
    assert again.changed_marts == ()
    assert again.rows_written == 0
    assert mart_digests(built_warehouse.settings) == before
    assert len(before) > 20


def test_every_mart_says_its_grain_and_how_far_it_is_complete(built_warehouse) -> None:
    with psycopg.connect(built_warehouse.settings.url("analyst")) as connection:
        rows = connection.execute("select mart_name, grain, complete_to_date from mart_status").fetchall()
        as_of = connection.execute("select as_of_date from publication where is_current").fetchone()[0]
    assert {name for name, _, _ in rows} == {mart.name for mart in marts(built_warehouse.settings)}
    for name, grain, complete_to in rows:
        assert grain, name
        assert complete_to is None or complete_to <= as_of, name
    revenue = next(row for row in rows if row[0] == "revenue_monthly")
    assert revenue[2] is not None
    assert revenue[2] < as_of, "the open month is not billed yet"


def _published_sum(connection: psycopg.Connection[Any]) -> Any:
    return connection.execute(
        """
        select (select publication_id from marts.publication where is_current),
               (select sum(closing_count) from marts.base_movement_monthly),
               (select sum(population) from marts.dim_region)
        """
    ).fetchone()


def test_a_reader_sees_the_old_version_or_the_new_one_and_never_a_mixture(built_warehouse) -> None:
    """Both marts change in one publication; readers poll throughout, with one statement and with a long snapshot."""
    settings = built_warehouse.settings
    with psycopg.connect(settings.url("analyst"), autocommit=True) as connection:
        old = _published_sum(connection)
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("create table intermediate.kept_base as select * from build.base_movement_monthly")
        connection.execute("create table intermediate.kept_region as select * from build.dim_region")
        connection.execute("update build.base_movement_monthly set closing_count = closing_count + 1")
        connection.execute("update build.dim_region set population = population + 1")
    long_reader = psycopg.connect(settings.url("analyst"))
    long_reader.execute("set transaction isolation level repeatable read")
    assert _published_sum(long_reader) == old
    seen: set[tuple[Any, ...]] = set()
    done = threading.Event()

    def poll() -> None:
        with psycopg.connect(settings.url("analyst"), autocommit=True) as connection:
            while not done.is_set():
                seen.add(_published_sum(connection))

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        published = publish(settings)
    finally:
        done.set()
        poller.join()
    assert set(published.changed_marts) == {"base_movement_monthly", "dim_region"}
    with psycopg.connect(settings.url("analyst"), autocommit=True) as connection:
        new = _published_sum(connection)
    assert new[0] == old[0] + 1
    assert new[1] != old[1]
    assert new[2] != old[2]
    assert seen <= {old, new}
    assert _published_sum(long_reader) == old
    long_reader.close()
    with psycopg.connect(settings.url("transformer")) as connection:
        for name, kept in (("base_movement_monthly", "kept_base"), ("dim_region", "kept_region")):
            connection.execute(f"delete from build.{name}")
            connection.execute(f"insert into build.{name} select * from intermediate.{kept}")
            connection.execute(f"drop table intermediate.{kept}")
    publish(settings)
    with psycopg.connect(settings.url("analyst"), autocommit=True) as connection:
        assert _published_sum(connection)[1:] == old[1:]


def test_only_the_partitions_that_differ_are_written(built_warehouse) -> None:
    settings = built_warehouse.settings
    with psycopg.connect(settings.url("transformer")) as connection:
        month, rows = connection.execute(
            "select month, count(*) from build.base_movement_monthly group by 1 order by 1 offset 3 limit 1"
        ).fetchone()
        connection.execute(
            "update build.base_movement_monthly set closing_count = closing_count + 5 where month = %s", (month,)
        )
    changed = publish(settings)
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute(
            "update build.base_movement_monthly set closing_count = closing_count - 5 where month = %s", (month,)
        )
    publish(settings)
    assert changed.changed_marts == ("base_movement_monthly",)
    assert changed.rows_written == rows


def test_a_mart_that_is_not_built_publishes_nothing(built_warehouse) -> None:
    settings = built_warehouse.settings
    before = mart_digests(settings)
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("alter table build.usage_monthly rename to usage_monthly_gone")
        connection.execute("update build.dim_region set population = population + 1")
    try:
        with pytest.raises(TenureError, match="usage_monthly is not built, so nothing was published"):
            publish(settings)
        assert mart_digests(settings) == before
    finally:
        with psycopg.connect(settings.url("transformer")) as connection:
            connection.execute("alter table build.usage_monthly_gone rename to usage_monthly")
            connection.execute("update build.dim_region set population = population - 1")


def test_no_personal_value_reaches_the_marts(built_warehouse) -> None:
    """Every phone number, name and id number of the extracts is searched for in every mart."""
    import csv
    import gzip
    import json

    secrets: set[str] = set()
    personal = ("customer_name", "id_number", "contact_msisdn", "msisdn")
    for folder in ("crm.customer", "crm.subscription"):
        for path in (built_warehouse.extracts / folder).iterdir():
            if path.name.endswith(".manifest.json"):
                continue
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8") as stream:
                rows = map(json.loads, stream) if ".jsonl" in path.name else csv.DictReader(stream)
                secrets |= {str(row[name]) for row in rows for name in personal if row.get(name)}
    assert len(secrets) > 500
    with psycopg.connect(built_warehouse.settings.url("analyst")) as connection:
        names = [mart.name for mart in marts(built_warehouse.settings)]
        for name in names:
            for line in connection.execute(f"select t::text from marts.{name} t"):
                cells = line[0].strip("()").replace('"', "").split(",")
                assert not secrets.intersection(cells), name
