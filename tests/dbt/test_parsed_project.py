"""What dbt made of the project's files is kept for as long as they stay what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tenure import parsed_project
from tenure.settings import ROOT, Settings
from tenure.transform import dbt_environment, dbt_variables, read_manifest, run_dbt

ENVIRONMENT = {"TENURE_DBT_DBNAME": "tenure"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place to keep it in."""
    monkeypatch.setattr(parsed_project, "FOLDER", tmp_path / "kept")
    return tmp_path / "kept"


def test_key__changes_with_all_that_is_read(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dbt_project", tmp_path / "project")
    key = parsed_project.key_of(tmp_path / "project", "{}", ENVIRONMENT)
    assert key == parsed_project.key_of(tmp_path / "project", "{}", {**ENVIRONMENT, "TENURE_DBT_PORT": "1"})
    others = {
        parsed_project.key_of(tmp_path / "project", '{"month_close_days": 6}', ENVIRONMENT),
        parsed_project.key_of(tmp_path / "project", "{}", {"TENURE_DBT_DBNAME": "another"}),
    }
    seed = next((tmp_path / "project" / "seeds").glob("*.csv"))
    seed.write_text(seed.read_text() + "\n")
    others.add(parsed_project.key_of(tmp_path / "project", "{}", ENVIRONMENT))
    seed.rename(seed.with_name("renamed.csv"))
    others.add(parsed_project.key_of(tmp_path / "project", "{}", ENVIRONMENT))
    assert len(others | {key}) == 5


def test_kept_project__is_the_one_that_was_read(settings: Settings, folder: Path, tmp_path: Path) -> None:
    run_dbt(settings, ["compile", "--select", "stg_crm__region"])
    (key,) = [path.name for path in folder.iterdir()]
    assert key == parsed_project.key_of(
        settings.root / "dbt_project", dbt_variables(settings), dbt_environment(settings)
    )
    read = read_manifest(settings)

    found = parsed_project.load(key, tmp_path / "another home")

    assert found is not None
    manifest, written = found
    for kind in ("nodes", "sources", "macros", "metrics", "exposures", "parent_map"):
        assert written[kind].keys() == read[kind].keys()
    assert set(manifest.nodes) == set(read["nodes"])
    assert json.loads((tmp_path / "another home" / "manifest.json").read_text()) == written


def test_kept_projects__are_few_and_the_newest(folder: Path, tmp_path: Path) -> None:
    for name in (parsed_project.PARSED, parsed_project.WRITTEN):
        (tmp_path / name).write_text("{}")
    for number in range(parsed_project.KEPT + 2):
        parsed_project.keep(f"key {number}", tmp_path)
    assert len(list(folder.iterdir())) == parsed_project.KEPT
    assert (folder / f"key {parsed_project.KEPT + 1}").exists()


def test_project_that_cannot_be_kept__is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setattr(parsed_project, "FOLDER", tmp_path / "a file" / "kept")
    parsed_project.keep("key", tmp_path)
    assert parsed_project.load("key", tmp_path / "home") is None
