"""A check that fails, errs, answers NULL or nothing, or never ran, publishes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.errors import TenureError
from tenure.settings import Settings
from tenure.transform import run_dbt
from tenure.warehouse import mart_digests, publish
from tests.copied_project import copied_project

CHECK = "assert_transfers_sum_to_zero_each_month"
# What the check is made to say, and dbt's word for it.
BROKEN = {
    "fails": ("select 1 as month", "fail"),
    "errs": ("select month from build.nowhere", "error"),
    "answers NULL": ("{{ config(fail_calc='max(month)') }} select cast(null as integer) as month", "error"),
    "answers nothing": ("{{ config(fail_calc='month') }} select 1 as month where false", "error"),
}


@pytest.fixture
def project(built_warehouse, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a copy of the dbt project, whose checks may be broken; the check is sound again afterwards."""
    yield copied_project(built_warehouse.settings, tmp_path)
    run_dbt(built_warehouse.settings, ["test", "--select", CHECK])
    assert publish(built_warehouse.settings).changed_marts == ()


@pytest.mark.parametrize("how", BROKEN)
def test_check_that__publishes_nothing(built_warehouse, project: Settings, how: str) -> None:
    text, status = BROKEN[how]
    before = mart_digests(built_warehouse.settings)
    with psycopg.connect(built_warehouse.settings.url("transformer")) as connection:
        connection.execute("update build.dim_region set population = population + 1")
    (project.root / "dbt_project" / "tests" / f"{CHECK}.sql").write_text(text)
    try:
        with pytest.raises(TenureError, match=CHECK):
            run_dbt(project, ["test", "--select", CHECK])
        with pytest.raises(TenureError, match=f"nothing was published: check {CHECK} is '{status}'"):
            publish(built_warehouse.settings)
        assert mart_digests(built_warehouse.settings) == before
    finally:
        with psycopg.connect(built_warehouse.settings.url("transformer")) as connection:
            connection.execute("update build.dim_region set population = population - 1")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("delete from reference.node_state where unique_id like %s", f"check {CHECK} is 'not run'"),
        (
            "update reference.node_state set begun = nextval('reference.node_moment')"
            " where unique_id = 'model.tenure.base_movement_monthly' and %s <> ''",
            "has not run since base_movement_monthly was built",
        ),
        (
            "update reference.node_state set status = 'begun', ended = null"
            " where unique_id = 'model.tenure.dim_region' and %s <> ''",
            "model dim_region is 'begun'",
        ),
    ],
)
def test_what_was_not_checked__publishes_nothing(built_warehouse, statement: str, reason: str) -> None:
    settings = built_warehouse.settings
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("create table intermediate.kept_state as select * from reference.node_state")
        connection.execute(statement, (f"%.{CHECK}",))
    try:
        with pytest.raises(TenureError, match=reason):
            publish(settings)
    finally:
        with psycopg.connect(settings.url("transformer")) as connection:
            connection.execute("delete from reference.node_state")
            connection.execute("insert into reference.node_state select * from intermediate.kept_state")
            connection.execute("drop table intermediate.kept_state")
    assert publish(settings).changed_marts == ()
