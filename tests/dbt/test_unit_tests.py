"""dbt's own unit tests, run by dbt."""

from __future__ import annotations

from tenure.settings import Settings
from tenure.transform import run_dbt


def test_dbt_unit_tests_pass(settings: Settings) -> None:
    # Unit tests read the columns of their inputs from the database, so these must exist.
    run_dbt(settings, ["seed"])
    run_dbt(settings, ["run", "--select", "tag:base"])
    run = run_dbt(settings, ["test", "--select", "tag:base,test_type:unit"])
    assert run.count("pass") >= 16
    assert run.count("pass") == len(run.nodes)
