"""A build that was killed goes on where it stopped, unless anything that it is made from has changed since."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tenure.landing import land
from tenure.resume import signature
from tenure.settings import ROOT, Settings
from tenure.transform import read_manifest, run_dbt
from tests.faults.processes import environment
from tests.landing.deliveries import deliver, topup

SELECTED = ["build", "--select", "path:seeds", "--indirect-selection", "buildable"]
# In full, because of seeds nothing is left to do when nothing has changed (test_unchanged_steps.py).
SELECTED += ["--exclude-resource-type", "unit_test", "--full-refresh"]
KILLED_AFTER = 40


def killed(settings: Settings, after: int = KILLED_AFTER) -> None:
    """The build in a process of its own, which dies after so many steps."""
    imports = "from tenure.settings import get_settings; from tenure.transform import run_dbt"
    program = f"{imports}; run_dbt(get_settings(), {SELECTED})"
    variables = environment(settings, TENURE_KILL_AT=f"after_node:{after}")
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=variables).returncode == -signal.SIGKILL


def steps(settings: Settings) -> list[str]:
    """The unique ids of what a build does now."""
    return [node.unique_id for node in run_dbt(settings, SELECTED).nodes]


def ended(settings: Settings) -> dict[str, int]:
    """When each step that ended well did."""
    with psycopg.connect(settings.url("transformer")) as connection:
        found = connection.execute(
            "select unique_id, ended from reference.node_state"
            " where status in ('success', 'pass') and ended is not null"
        )
        return dict(found.fetchall())


def test_killed_build__goes_on_and_a_finished_one_begins_anew(
    warehouse: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = steps(warehouse)
    before = ended(warehouse)
    killed(warehouse)
    done = [node for node, moment in ended(warehouse).items() if moment != before[node]]
    assert KILLED_AFTER - 5 < len(done) <= KILLED_AFTER

    capsys.readouterr()
    rest = steps(warehouse)

    assert f"{len(done)} of {len(everything)} steps are done" in capsys.readouterr().out
    assert sorted(rest + done) == sorted(everything)
    assert sorted(steps(warehouse)) == sorted(everything), "one that ended well is not gone on with"

    killed(warehouse, len(everything))
    assert len(steps(warehouse)) == 1, "of one of which nothing is left the last step is done again"
    assert sorted(steps(warehouse)) == sorted(everything)


def test_killed_build__begins_anew_when_what_it_is_made_from_has_changed(warehouse: Settings, tmp_path: Path) -> None:
    everything = steps(warehouse)
    killed(warehouse)
    deliver(tmp_path, "usage.topup", [topup(1)])
    land(warehouse, tmp_path)
    assert sorted(steps(warehouse)) == sorted(everything)

    killed(warehouse)
    changed = warehouse.model_copy(update={"month_close_days": warehouse.month_close_days + 1})
    assert sorted(steps(changed)) == sorted(everything)


def test_signature__changes_with_contracts_and_metrics(warehouse: Settings) -> None:
    run_dbt(warehouse, ["compile", "--select", "path:seeds"])
    manifest = read_manifest(warehouse)
    found = set()
    with psycopg.connect(warehouse.url("transformer")) as connection:
        found.add(signature(connection, manifest, "{}"))
        for kind, name in (("sources", "description"), ("metrics", "label"), ("nodes", "description")):
            next(iter(manifest[kind].values()))["created_at"] = 0
            assert signature(connection, manifest, "{}") in found, "when it was read is no matter"
            next(iter(manifest[kind].values()))[name] = "another"
            found.add(signature(connection, manifest, "{}"))
    assert len(found) == 4


def test_killed_build__does_a_step_again_whose_input_was_built_since(warehouse: Settings) -> None:
    steps(warehouse)
    killed(warehouse, 70)
    # One of its seeds, alone: the checks of it that had passed were of the one before.
    seed = "seed.tenure.opportunity_stage"
    checks = {"test.tenure.opportunity_stage__stage_code__unique"}
    run_dbt(warehouse, ["seed", "--select", "opportunity_stage"])
    rest = steps(warehouse)
    assert seed not in rest
    assert checks <= {node.rpartition(".")[0] for node in rest}
