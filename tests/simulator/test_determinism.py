"""The same arguments give the same bytes, and a longer simulation only adds files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tenure.simulator import Behaviour, simulate
from tests.oracle.deliveries import all_rows, deliveries


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        simulate(tmp_path / name, subscriptions=150, months=3, days=3, seed=5, dirty=0.01)
    first = _digests(tmp_path / "first")
    assert len(first) > 100
    assert first == _digests(tmp_path / "second")


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    for seed in (5, 6):
        simulate(tmp_path / str(seed), subscriptions=60, months=1, seed=seed)
    one, other = _digests(tmp_path / "5"), _digests(tmp_path / "6")
    same = {name for name in one if one[name] == other.get(name) and not name.endswith(".json")}
    # Reference data do not depend on chance, nobody was spoiled, and what did not happen at all is the same.
    reference = {
        "crm.region",
        "crm.channel",
        "crm.offer",
        "crm.staff",
        "marketing.campaign",
        "finance.unit_cost",
        "truth",
    }
    empty = {name for name in same if name[:6] != "truth/" and not any(all_rows(tmp_path / "5", name.split("/")[0]))}
    assert {name.split("/")[0] for name in same - empty} <= reference
    assert len(same) < len(one) / 2


def test_more_months_begin_with_the_extracts_of_fewer(tmp_path: Path) -> None:
    simulate(tmp_path / "short", subscriptions=120, months=4, seed=9)
    simulate(tmp_path / "long", subscriptions=120, months=9, days=2, seed=9)
    short, long = _digests(tmp_path / "short"), _digests(tmp_path / "long")
    effects = "truth/campaign_effect.csv"
    assert (tmp_path / "long" / effects).read_text().startswith((tmp_path / "short" / effects).read_text())
    del short[effects]
    assert {name: long.get(name) for name in short} == short
    assert len(long) > len(short)


def test_the_open_month_is_the_beginning_of_the_closed_one(tmp_path: Path) -> None:
    simulate(tmp_path / "open", subscriptions=120, months=3, days=6, seed=9)
    simulate(tmp_path / "closed", subscriptions=120, months=4, seed=9)
    dated_by = {"usage.usage_event": "started_at", "usage.topup": "topped_up_at", "crm.subscription": "effective_at"}
    for entity, column in dated_by.items():
        daily = deliveries(tmp_path / "open", entity)[3:]
        assert [delivery.business_date.day for delivery in daily] == [1, 2, 3, 4, 5, 6]
        seen = [_as_text(row) for delivery in daily for row in delivery.rows()]
        month = deliveries(tmp_path / "closed", entity)[3].rows()
        assert seen == [_as_text(row) for row in month if row[column] < "2025-11-07"]
        assert seen or entity == "crm.subscription"


def _as_text(row: dict[str, object]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in row.items()}


def test_the_volume_of_usage_is_a_setting(tmp_path: Path) -> None:
    counts = []
    for rate in (0.5, 2.0):
        simulate(tmp_path / str(rate), subscriptions=200, months=1, behaviour=Behaviour(events_per_day=rate))
        counts.append(sum(1 for _ in all_rows(tmp_path / str(rate), "usage.usage_event")))
    assert 3.5 < counts[1] / counts[0] < 4.5
