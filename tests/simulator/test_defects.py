"""Dirt is listed line by line, stands beside the good rows, and landing reaches the same verdict."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings
from tenure.simulator import simulate
from tenure.simulator.defects import Defect
from tests.oracle.deliveries import Row, deliveries

SHARE = 0.02


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same operator clean and dirty."""
    folder = tmp_path_factory.mktemp("dirt")
    for name, dirty in (("clean", 0.0), ("dirty", SHARE)):
        simulate(folder / name, subscriptions=150, months=3, days=2, seed=3, dirty=dirty)
    return folder / "clean", folder / "dirty"


def _defects(folder: Path) -> list[Defect]:
    return [Defect(**json.loads(line)) for line in (folder / "truth" / "defects.jsonl").read_text().splitlines()]


def test_without_its_defects_a_dirty_file_is_the_clean_one(worlds: tuple[Path, Path]) -> None:
    clean, dirty = worlds
    bad = {(defect.file, defect.line) for defect in _defects(dirty)}
    entities = [path.name for path in clean.iterdir() if path.name != "truth"]
    for entity in entities:
        for before, after in zip(deliveries(clean, entity), deliveries(dirty, entity), strict=True):
            file = f"{entity}/{after.path.name}"
            first = 2 if ".csv" in file else 1
            kept = [row for line, row in enumerate(after.rows(), first) if (file, line) not in bad]
            assert kept == before.rows()


def test_every_defect_is_what_it_says(worlds: tuple[Path, Path]) -> None:
    _, dirty = worlds
    defects = _defects(dirty)
    files: dict[str, list[Row]] = {}
    for defect in defects:
        if defect.file not in files:
            entity, _ = defect.file.split("/")
            found = next(item for item in deliveries(dirty, entity) if f"{entity}/{item.path.name}" == defect.file)
            files[defect.file] = found.rows()
        place = defect.line - (2 if ".csv" in defect.file else 1)
        row, original = files[defect.file][place], files[defect.file][place - 1]
        differing = {name for name in row if row[name] != original[name]}
        assert differing == ({defect.column} if defect.column else set()), defect
        if defect.kind == "missing_value":
            assert row[defect.column] is None
    assert set(Counter(defect.kind for defect in defects)) == {"duplicate", "wrong_type", "missing_value", "bad_code"}
    rows = sum(len(content) for content in files.values())
    assert SHARE / 2 < len(defects) / rows < SHARE * 2


def test_a_clean_world_has_no_defects(worlds: tuple[Path, Path]) -> None:
    clean, _ = worlds
    assert _defects(clean) == []


def test_landing_refuses_nothing_of_a_clean_world(worlds: tuple[Path, Path], warehouse: Settings) -> None:
    summary = land(warehouse, worlds[0])
    assert {result.status for result in summary.files} == {"landed"}
    assert sum(result.balance.rejected + result.balance.duplicate for result in summary.files) == 0


def test_landing_judges_every_line_as_the_truth_does(worlds: tuple[Path, Path], warehouse: Settings) -> None:
    _, dirty = worlds
    summary = land(warehouse, dirty)
    assert not summary.is_refused
    defects = _defects(dirty)
    with connect("owner", settings=warehouse) as connection:
        rejected = connection.execute("select file_name, line_number from ops.reject").fetchall()
        duplicates = dict(
            connection.execute("select file_name, duplicate_count from ops.load where duplicate_count > 0").fetchall()
        )
    expected = {(defect.file.split("/")[1], defect.line) for defect in defects if defect.kind != "duplicate"}
    assert {(Path(name).name, line) for name, line in rejected} == expected
    twice = Counter(defect.file.split("/")[1] for defect in defects if defect.kind == "duplicate")
    assert {Path(name).name: count for name, count in duplicates.items()} == dict(twice)
