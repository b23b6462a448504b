"""A column that a new release gives to a seed arrives in a warehouse that has the seed without it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tenure.settings import Settings
from tenure.transform import run_dbt
from tests.copied_project import copied_project

SEED = "lost_reason"


@pytest.fixture
def project(built_warehouse, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a copy of the dbt project; the seed has its own columns again afterwards."""
    yield copied_project(built_warehouse.settings, tmp_path)
    with psycopg.connect(built_warehouse.settings.url("transformer")) as connection:
        connection.execute(f"alter table reference.{SEED} drop column added_text, drop column added_number")
    run_dbt(built_warehouse.settings, ["build", "--select", SEED])


def test_new_columns_of_a_seed__are_added_and_filled(built_warehouse, project: Settings) -> None:
    path = project.root / "dbt_project" / "seeds" / f"{SEED}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"added_text": f"text {number}", "added_number": str(number)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    run_dbt(project, ["build", "--select", SEED])
    with psycopg.connect(built_warehouse.settings.url("transformer")) as connection:
        found = connection.execute(
            f"select added_text, added_number::int from reference.{SEED} order by added_number::int"
        ).fetchall()
    assert len(rows) > 2
    assert found == [(f"text {number}", number) for number in range(len(rows))]
