"""Dirt is listed line by line, stands beside the good rows, and landing reaches the same verdict."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings
from tenure.simulator import simulate
from tenure.simulator.defects import Defect
from tenure.simulator.entities import entities
from tests.oracle.deliveries import Row, deliveries

ROOT = Path(__file__).resolve().parents[2]
SHARE, LATE = 0.05, 0.1
RIGHT: dict[str, Any] = {"subscriptions": 200, "months": 3, "days": 3, "seed": 3}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same operator clean and dirty."""
    folder = tmp_path_factory.mktemp("dirt")
    for name, dirty in (("clean", 0.0), ("dirty", SHARE)):
        simulate(folder / name, dirty=dirty, **RIGHT)
    return folder / "clean", folder / "dirty"


@pytest.fixture(scope="module")
def belated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """It again with late rows, without and with dirt."""
    folder = tmp_path_factory.mktemp("late")
    for name, dirty in (("late", 0.0), ("both", SHARE)):
        simulate(folder / name, dirty=dirty, late=LATE, **RIGHT)
    return folder / "late", folder / "both"


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
    kinds = {"duplicate", "wrong_type", "in_future", "missing_value", "bad_code", "out_of_range", "bad_date"}
    assert {defect.kind for defect in defects} == kinds
    for defect in defects:
        assert defect.verdict == ("duplicate" if defect.kind == "duplicate" else "rejected")
    rows = sum(len(content) for content in files.values())
    assert SHARE / 2 < len(defects) / rows < SHARE * 2


def test_a_clean_world_has_no_defects(worlds: tuple[Path, Path]) -> None:
    clean, _ = worlds
    assert _defects(clean) == []


def test_landing_refuses_nothing_of_a_clean_world(worlds: tuple[Path, Path], warehouse: Settings) -> None:
    summary = land(warehouse, worlds[0])
    assert {result.status for result in summary.files} == {"landed"}
    assert sum(result.balance.rejected + result.balance.duplicate for result in summary.files) == 0


def test_no_row_is_lost_by_being_late(worlds: tuple[Path, Path], belated: tuple[Path, Path]) -> None:
    clean, late = worlds[0], belated[0]
    defects = _defects(late)
    for entity in (path.name for path in clean.iterdir() if path.name != "truth"):
        files = deliveries(late, entity)
        order = {f"{entity}/{file.path.name}": place for place, file in enumerate(files)}
        expected = [_as_text(row) for file in deliveries(clean, entity) for row in file.rows()]
        rows = {name: [_as_text(row) for row in file.rows()] for name, file in zip(order, files, strict=True)}
        assert sorted(row for content in rows.values() for row in content) == sorted(expected)
        # Each late row is a row of the file that it belonged to, and came in a later one.
        before = {file.path.name: {_as_text(row) for row in file.rows()} for file in deliveries(clean, entity)}
        moved = [defect for defect in defects if defect.file in order]
        for defect in moved:
            assert (defect.kind, defect.verdict) == ("late", "landed")
            assert order[defect.belongs_to] < order[defect.file]
            row = rows[defect.file][defect.line - (2 if ".csv" in defect.file else 1)]
            stem = _name(defect.belongs_to).split(".")[0]
            assert any(row in content for name, content in before.items() if name.split(".")[0] == stem)
        if entity == "usage.usage_event":
            on_the_way = len(expected) - len(rows[list(order)[-1]])
            assert LATE / 2 < len(moved) / on_the_way < LATE * 1.5


def test_only_events_are_late(belated: tuple[Path, Path]) -> None:
    contracts = load_contracts(ROOT)
    for entity in entities().values():
        assert entity.is_event == (contracts[entity.full_name].delivery == "event"), entity.full_name
    late = {defect.file.split("/")[0] for defect in _defects(belated[0])}
    assert {"usage.usage_event", "usage.topup", "billing.invoice_line", "crm.subscription_event"} <= late
    assert all(contracts[name].delivery == "event" for name in late)


def _as_text(row: Row) -> tuple[tuple[str, str], ...]:
    """The row whatever the format of its file: a monthly file may write a number unlike a daily one."""
    return tuple((name, _plain(value)) for name, value in row.items() if value is not None)


def _plain(value: object) -> str:
    text = str(value).lower()
    try:
        return str(Decimal(text).normalize())
    except InvalidOperation:
        return text


def test_landing_judges_every_line_as_the_truth_does(belated: tuple[Path, Path], warehouse: Settings) -> None:
    _, both = belated
    summary = land(warehouse, both)
    assert not summary.is_refused, str(summary)
    defects = _defects(both)
    with connect("owner", settings=warehouse) as connection:
        rejected = connection.execute("select file_name, line_number from ops.reject").fetchall()
        duplicates = dict(
            connection.execute("select file_name, duplicate_count from ops.load where duplicate_count > 0").fetchall()
        )
        landed = dict(connection.execute("select file_name, landed_count from ops.load").fetchall())
    expected = {(_name(defect.file), defect.line) for defect in defects if defect.verdict == "rejected"}
    assert {(Path(name).name, line) for name, line in rejected} == expected
    twice = Counter(_name(defect.file) for defect in defects if defect.verdict == "duplicate")
    assert {Path(name).name: count for name, count in duplicates.items()} == dict(twice)
    # Every other line has landed, late or not.
    bad = Counter(_name(defect.file) for defect in defects if defect.verdict != "landed")
    for entity in entities():
        for file in deliveries(both, entity):
            assert landed[file.path.name] == file.rows_promised - bad[file.path.name]
    assert {defect.kind for defect in defects if defect.verdict == "landed"} == {"late"}


def _name(file: str) -> str:
    return file.split("/")[1]
