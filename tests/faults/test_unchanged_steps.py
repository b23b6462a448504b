"""A build leaves out the steps that nothing has changed for, and no other."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tenure.settings import Settings
from tenure.transform import read_manifest, run_dbt
from tenure.unchanged import signatures
from tests.copied_project import copied_project

SEED = "service_queue"
# One of which a test changes the text, one a macro, one the contract of what it reads, and one nothing.
OF_TEXT = "stg_crm__region"
OF_MACRO = "stg_enterprise__opportunity_event"
OF_CONTRACT = "stg_care__ticket"
OF_NOTHING = "stg_crm__channel"
VIEWS = (OF_TEXT, OF_MACRO, OF_CONTRACT, OF_NOTHING)
SELECTED = ["build", "--select", "path:seeds", *VIEWS, "--indirect-selection", "buildable"]
SELECTED += ["--exclude-resource-type", "unit_test"]


@pytest.fixture
def project(warehouse: Settings, tmp_path: Path) -> Settings:
    """A copy of the project, which a test may change, on a warehouse that has built what is selected."""
    copied = copied_project(warehouse, tmp_path)
    assert len(steps(copied)) > 50
    return copied


def steps(settings: Settings, *options: str) -> set[str]:
    """Unique ids of what a build does now."""
    return {node.unique_id for node in run_dbt(settings, [*SELECTED, *options]).nodes}


def altered(settings: Settings, statement: str) -> None:
    with psycopg.connect(settings.url("transformer")) as connection:
        assert connection.execute(statement.encode()).rowcount != 0


def checks(done: set[str]) -> set[str]:
    return {unique_id for unique_id in done if unique_id.startswith("test.") and f"{SEED}_" in unique_id}


def test_steps_left_out__are_views_and_what_no_landed_row_goes_into(project: Settings) -> None:
    manifest = read_manifest(project)
    expected = set()
    for unique_id, node in manifest["nodes"].items():
        before, waiting = {unique_id}, [unique_id]
        while waiting:
            parents = set(manifest["parent_map"].get(waiting.pop(), [])) - before
            before |= parents
            waiting += parents
        if node["config"]["materialized"] == "view" or not any(name.startswith("source.") for name in before):
            expected.add(unique_id)
    assert set(signatures(manifest, "{}")) == expected
    assert "model.tenure.subscription_monthly" in manifest["nodes"].keys() - expected


def test_build__leaves_out_what_is_as_it_was(project: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    everything = steps(project, "--full-refresh")
    assert f"seed.tenure.{SEED}" in everything and {f"model.tenure.{view}" for view in VIEWS} <= everything
    capsys.readouterr()
    assert len(steps(project)) == 1, "dbt will not run nothing, so it is the last step"
    assert f"{len(everything)} of {len(everything)} steps have nothing to do" in capsys.readouterr().out

    altered(project, f"delete from reference.{SEED} where ctid in (select ctid from reference.{SEED} limit 1)")
    altered(project, f"alter view staging.{OF_MACRO} rename column occurred_date to event_date")
    altered(project, f"drop view staging.{OF_TEXT} cascade")
    done = steps(project)
    assert done == {f"seed.tenure.{SEED}", *(f"model.tenure.{view}" for view in (OF_MACRO, OF_TEXT))} | checks(done)
    assert checks(done)

    run_dbt(project, ["seed", "--select", SEED])
    assert steps(project) == checks(done), "the gate asks for the checks of a seed that was loaded since"


def test_build__does_what_a_file_has_changed_for(project: Settings) -> None:
    seed = project.root / "dbt_project" / "seeds" / f"{SEED}.csv"
    head, *rows = seed.read_text().splitlines(keepends=True)
    seed.write_text("".join([head, *reversed(rows)]))
    for pattern, before, after in (
        (f"models/**/{OF_TEXT}.sql", "select", "select -- the same"),
        (
            "macros/time.sql",
            "{{ return(adapter.dispatch('local_date')",
            "{#- #}{{ return(adapter.dispatch('local_date')",
        ),
        ("models/**/_care__sources.yml", "A matter that could not be settled", "What could not be settled"),
    ):
        (file,) = (project.root / "dbt_project").glob(pattern)
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after, 1))
    done = steps(project)
    assert done == {f"seed.tenure.{SEED}", *(f"model.tenure.{view}" for view in VIEWS[:3])} | checks(done)
    assert checks(done)
