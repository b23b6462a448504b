"""The same arguments give the same bytes, and a longer simulation only adds files."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tenure.simulator import Behaviour, simulate
from tenure.simulator.content import content_digests
from tenure.simulator.entities import entities
from tests.oracle.deliveries import all_rows, deliveries

ROOT = Path(__file__).resolve().parents[2]


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
        simulate(tmp_path / str(seed), subscriptions=300, months=1, seed=seed)
    one, other = _digests(tmp_path / "5"), _digests(tmp_path / "6")
    same = {name for name in one if one[name] == other.get(name) and not name.endswith(".json")}
    # Reference data do not depend on chance, nobody was spoiled, and what did not happen at all is the same.
    reference = {
        "crm.region",
        "crm.channel",
        "crm.offer",
        "crm.staff",
        "marketing.campaign",
        "market.rival_campaign",
        "finance.unit_cost",
        "truth",
    }
    empty = {name for name in same if name[:6] != "truth/" and not any(all_rows(tmp_path / "5", name.split("/")[0]))}
    assert {name.split("/")[0] for name in same - empty} <= reference
    assert len(same) < len(one) / 2


def test_more_months_begin_with_the_extracts_of_fewer(tmp_path: Path) -> None:
    simulate(tmp_path / "short", subscriptions=120, months=12, seed=9)
    simulate(tmp_path / "long", subscriptions=120, months=24, days=2, seed=9)
    short, long = _digests(tmp_path / "short"), _digests(tmp_path / "long")
    # One list over all months; everything else in truth/ is cut by month.
    ceilings = [json.loads((tmp_path / name / "truth" / "ceiling.json").read_text()) for name in ("short", "long")]
    assert ceilings[1][:12] == ceilings[0]
    del short["truth/ceiling.json"]
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


_IN_A_PROCESS = """
import json, resource, sys
from pathlib import Path
from tenure.simulator import simulate
from tenure.simulator.content import content_digests
simulate(Path(sys.argv[1]), subscriptions=int(sys.argv[2]), months=int(sys.argv[3]), seed=5, dirty=0.01, late=0.05)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"digests": content_digests(Path(sys.argv[1])), "peak": peak}))
"""


def _in_a_process(out: Path, subscriptions: int, months: int, threads: int) -> dict[str, Any]:
    names = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "ARROW_IO_THREADS", "OPENBLAS_NUM_THREADS")
    command = [sys.executable, "-c", _IN_A_PROCESS, str(out), str(subscriptions), str(months)]
    environment = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_number_of_threads_makes_no_difference(tmp_path: Path) -> None:
    one, four = (_in_a_process(tmp_path / str(threads), 300, 2, threads)["digests"] for threads in (1, 4))
    assert one == four
    assert set(one) == {*entities(), "truth"}


def test_memory_does_not_grow_with_the_months(tmp_path: Path) -> None:
    few, many = (_in_a_process(tmp_path / str(months), 800, months, 1)["peak"] for months in (6, 18))
    # Lines that left are remembered, so a little is added; a journal of all months would double it.
    assert many < 1.2 * few


def test_a_digest_is_of_rows_not_of_how_they_are_packed(tmp_path: Path) -> None:
    simulate(tmp_path / "out", subscriptions=60, months=1)
    before = content_digests(tmp_path / "out")
    usage = next((tmp_path / "out" / "usage.usage_event").glob("*.parquet"))
    pq.write_table(pq.read_table(usage), usage, compression="snappy", row_group_size=100)
    topups = next((tmp_path / "out" / "usage.topup").glob("*.csv.gz"))
    topups.write_bytes(gzip.compress(gzip.decompress(topups.read_bytes()), 9))
    assert content_digests(tmp_path / "out") == before
    text = gzip.decompress(topups.read_bytes()).replace(b"CNY", b"USD", 1)
    topups.write_bytes(gzip.compress(text))
    after = content_digests(tmp_path / "out")
    assert {name for name in after if after[name] != before[name]} == {"usage.topup"}


def test_lateness_of_more_months_changes_only_the_last_files_of_fewer(tmp_path: Path) -> None:
    simulate(tmp_path / "short", subscriptions=120, months=4, seed=9, late=0.1)
    simulate(tmp_path / "long", subscriptions=120, months=6, seed=9, late=0.1)
    short, long = _digests(tmp_path / "short"), _digests(tmp_path / "long")
    differing = {name for name in short if long.get(name) != short[name] and not name.startswith("truth")}
    last = {f"{name}/{deliveries(tmp_path / 'short', name)[-1].path.name}" for name in entities()}
    assert {name.removesuffix(".manifest.json") for name in differing} <= last


def test_the_volume_of_usage_is_a_setting(tmp_path: Path) -> None:
    counts = []
    for rate in (0.5, 2.0):
        simulate(tmp_path / str(rate), subscriptions=200, months=1, behaviour=Behaviour(events_per_day=rate))
        counts.append(sum(1 for _ in all_rows(tmp_path / str(rate), "usage.usage_event")))
    assert 3.5 < counts[1] / counts[0] < 4.5
