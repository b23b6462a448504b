"""Ninety days of a dirty operator, in any order and partly three times, land as its clean days do in order."""

from __future__ import annotations

import json
import random
import shutil
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tenure.contracts import Contract, load_contracts
from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings
from tenure.simulator import simulate
from tests.conftest import empty_warehouse
from tests.faults.agreement import check_entity
from tests.landing.deliveries import csv_text, everything, query
from tests.oracle.deliveries import MANIFEST, Delivery, Row, deliveries

WORLD: dict[str, Any] = {"subscriptions": 60, "months": 3, "seed": 5, "start": "2025-08", "late": 0.03}
DIRT = 0.05
# These come day by day; the simulator writes closed months, and other entities stay as it writes them.
DAILY = ("usage.usage_event", "usage.topup", "billing.payment", "care.interaction", "crm.customer")
LANDINGS = 4


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _day(contract: Contract, delivery: Delivery, row: Row, before: date) -> date:
    """The day whose file brings a row: its own where it is one of this month, or that of the row before."""
    try:
        day = date.fromisoformat(_text(row[contract.date_column])[:10])
    except ValueError:
        return before
    return day if delivery.period_from <= day <= delivery.period_to else before


def _day_by_day(contract: Contract, delivery: Delivery, folder: Path) -> None:
    """Write a file of a month as the files of its days."""
    days: dict[date, list[Row]] = defaultdict(list)
    day = delivery.period_from
    for row in delivery.rows():
        day = _day(contract, delivery, row, day)
        days[day].append(row)
    for number in range((delivery.period_to - delivery.period_from).days + 1):
        day = delivery.period_from + timedelta(days=number)
        rows = [{name: _text(value) for name, value in row.items()} for row in days[day]]
        if not rows:
            continue
        path = folder / f"{contract.entity}_{day:%Y%m%d}.csv"
        path.write_text(csv_text(rows))
        path.with_name(path.name + MANIFEST).write_text(json.dumps({"rows": len(rows)}))


def _split(world: Path, settings: Settings) -> list[Path]:
    """The files of the world, those of some entities day by day, in a fixed order."""
    for entity in DAILY:
        contract = load_contracts(settings.root)[entity]
        whole = world / f"{entity}.months" / entity
        whole.parent.mkdir()
        (world / entity).rename(whole)
        (world / entity).mkdir()
        for delivery in deliveries(whole.parent, entity):
            _day_by_day(contract, delivery, world / entity)
        shutil.rmtree(whole.parent)
    return sorted(path for path in world.glob("*.*/*") if not path.name.endswith(MANIFEST))


def _copy(path: Path, folder: Path, name: str) -> None:
    target = folder / path.parent.name / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)
    beside = path.with_name(path.name + MANIFEST)
    shutil.copy(beside, target.with_name(name + MANIFEST))


def _deliver_at_random(files: list[Path], folder: Path) -> list[Path]:
    """The folders of several landings: every file in one of them, each tenth twice more, once by another name."""
    choose = random.Random(20)  # noqa: S311 (no secret)
    folders = [folder / str(number) for number in range(LANDINGS)]
    for path in files:
        _copy(path, choose.choice(folders), path.name)
    for path in files[::10]:
        stem, _, ending = path.name.partition(".")
        _copy(path, choose.choice(folders), path.name)
        _copy(path, choose.choice(folders), f"{stem}_77.{ending}")
    return folders


def test_ninety_dirty_days__land_as_the_clean_ones(warehouse: Settings, tmp_path: Path) -> None:
    simulate(tmp_path / "clean", **WORLD)
    simulate(tmp_path / "dirty", **WORLD, dirty=DIRT)
    summary = land(warehouse, tmp_path / "clean")
    assert [(result.file_name, result.message) for result in summary.files if result.status != "landed"] == []
    expected = everything(warehouse)
    empty_warehouse(warehouse)

    files = _split(tmp_path / "dirty", warehouse)
    days = {path.name for path in files if path.parent.name == "usage.usage_event"}
    assert len(days) >= 90
    for folder in _deliver_at_random(files, tmp_path / "deliveries"):
        summary = land(warehouse, folder)
        assert not summary.is_refused, str(summary)
    with connect("owner", autocommit=True, settings=warehouse) as connection:
        loads = sum(check_entity(connection, contract) for contract in load_contracts(warehouse.root).values())
    assert loads > len(files)
    found = everything(warehouse)
    assert {name for name in expected if found[name] != expected[name]} == set()

    counts = query(
        warehouse,
        "select status, count(*)::int, sum(rejected_count)::int, sum(duplicate_count)::int from ops.load group by 1",
    )
    by_status = {status: tuple(rest) for status, *rest in counts}
    # Files without rows are no copies of each other.
    assert by_status["landed"][0] >= len(files)
    defects = [json.loads(line) for line in (tmp_path / "dirty" / "truth" / "defects.jsonl").read_text().splitlines()]
    verdicts = [defect["verdict"] for defect in defects]
    assert by_status["landed"][1:] == (verdicts.count("rejected"), verdicts.count("duplicate"))
    print(f"{len(files)} files, {by_status}")
