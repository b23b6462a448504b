"""Files as transfers really leave them: cut, growing, empty, of another day, packed without end, or no files at all."""

from __future__ import annotations

import datetime as dt
import gzip
import itertools
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from tenure.contracts import contract_of
from tenure.landing import land
from tenure.landing.delivery import Manifest
from tenure.landing.results import FileRefused
from tenure.settings import ROOT, Settings
from tests.conftest import empty_warehouse
from tests.faults.processes import check_ledger, landing
from tests.landing.deliveries import csv_text, deliver, landed, ledger, path_of, query, rejects, topup, topups
from tests.landing.dry import dry_land

TOPUP = contract_of(ROOT, "usage.topup")
HEADER, *LINES = csv_text(topups(20)).splitlines(keepends=True)


def test_cut_at_any_record__is_known_by_trailer_or_manifest() -> None:
    trailed = replace(TOPUP, trailer=r"TRAILER\|(?P<rows>\d+)")
    whole = HEADER + "".join(LINES)
    assert dry_land(trailed, (whole + "TRAILER|20\n").encode()).row_count == 20
    for count in range(20):
        cut = HEADER + "".join(LINES[:count])
        with pytest.raises(FileRefused, match="not the trailer"):
            dry_land(trailed, cut.encode())


def test_cut_at_any_record__suspends_the_file(warehouse: Settings, tmp_path: Path) -> None:
    for count in range(20):
        path = deliver(tmp_path, "usage.topup", topups(20), manifest={"rows": 20})
        path.write_text(HEADER + "".join(LINES[:count]))
        (item,) = land(warehouse, tmp_path).files
        assert (item.status, item.message) == ("refused", f"its manifest says 20 rows, the file has {count}")
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    # Without either nobody can know; the whole file then is a correction of it.
    path.with_name(path.name + ".manifest.json").unlink()
    assert land(warehouse, tmp_path).rows == 19
    deliver(tmp_path, "usage.topup", topups(20))
    assert land(warehouse, tmp_path).rows == 20


WRITER = """
import sys, time
with open(sys.argv[1], "ab", buffering=0) as out:
    while True:
        out.write(b"T9,13900000001,2026-01-10T01:01:00Z,5.00,CNY,app\\n")
        time.sleep(0.001)
"""


def test_file_that_grows__is_refused_until_it_is_whole(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20_000))
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    try:
        size = path.stat().st_size
        while path.stat().st_size == size:
            assert writer.poll() is None
        (item,) = land(warehouse, tmp_path).files
    finally:
        writer.kill()
        writer.wait()
    assert item.status == "refused"
    assert item.message == "it changed while it was read: deliver it under a temporary name and rename it"
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    deliver(tmp_path, "usage.topup", topups(100))
    assert land(warehouse, tmp_path).rows == 100


@pytest.mark.parametrize("place", ["after_copy", "before_ledger"])
def test_file_written_to_while_it_lands__leaves_nothing(place: str, warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(20))
    process = landing(warehouse, tmp_path, pause_at="after_copy")
    process.wait_until_paused()
    if place == "after_copy":
        with path.open("a") as out:
            out.write(LINES[0].replace("T000001", "T000999"))
    else:
        # Of the same size, with the old time put back.
        before = path.stat()
        path.write_text(path.read_text().replace("T000001", "T000999"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    process.go_on()
    assert "it changed while it was read" in process.line()
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    assert not land(warehouse, tmp_path).is_refused
    assert query(warehouse, "select count(*)::int from raw_usage.topup where topup_id = 'T000999'") == [(1,)]


@pytest.mark.parametrize(
    ("content", "manifest", "is_allowed", "status"),
    [
        ("", None, True, "it is empty"),
        ("", Manifest(rows=0), True, "it is empty"),
        (HEADER, None, True, ""),
        (HEADER, Manifest(rows=0), True, ""),
        (HEADER, None, False, "it has a header and no rows"),
        (HEADER, Manifest(rows=0), False, ""),
        (HEADER, Manifest(rows=1), True, "its manifest says 1 rows, the file has 0"),
    ],
)
def test_file_without_rows__is_a_zero_day_only_when_somebody_says_so(
    content: str, manifest: Manifest | None, is_allowed: bool, status: str, warehouse: Settings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from tenure import contracts

    known = dict(contracts._load(warehouse.root))
    known["usage.topup"] = replace(known["usage.topup"], is_header_only_allowed=is_allowed)
    monkeypatch.setattr(contracts, "_load", lambda root: known)
    path = path_of(tmp_path, "usage.topup")
    path.write_text(content)
    if manifest is not None:
        path.with_name(path.name + ".manifest.json").write_text(f'{{"rows": {manifest.rows}}}')
    (item,) = land(warehouse, tmp_path).files
    assert (item.status, item.message) == (("refused", status) if status else ("landed", ""))
    days = query(warehouse, "select period_from, row_count from ops.load where status = 'landed'")
    assert days == ([] if status else [(dt.date(2026, 1, 10), 0)])


def test_file_of_another_day__is_refused_and_late_rows_are_not(warehouse: Settings, tmp_path: Path) -> None:
    path = deliver(tmp_path, "usage.topup", topups(150))
    path.rename(path_of(tmp_path, "usage.topup", "20260111"))
    (item,) = land(warehouse, tmp_path).files
    assert item.status == "refused"
    assert item.message.startswith("150 of its 150 good rows are of 2026-01-10, not of 2026-01-11")
    today = [topup(n, topped_up_at="2026-01-11T10:00:00+08:00") for n in range(200, 290)]
    deliver(tmp_path, "usage.topup", [*today, *topups(10)], day="20260111")
    assert land(warehouse, tmp_path).rows == 100


def test_bombs__are_stopped_in_bounded_memory(warehouse: Settings, tmp_path: Path) -> None:
    # Hundreds of times their own size, compressed once and twice.
    piece = gzip.compress(LINES[0].encode() * 400_000, 9)
    bomb = gzip.compress(HEADER.encode()) + piece * 5
    path_of(tmp_path, "usage.topup", "20260110", "csv.gz").write_bytes(bomb)
    path_of(tmp_path, "usage.topup", "20260111", "csv.gz").write_bytes(gzip.compress(bomb))
    zstd = pa.compress(HEADER.encode() + LINES[0].encode() * 2_000_000, codec="zstd", asbytes=True)
    path_of(tmp_path, "usage.topup", "20260112", "csv.zst").write_bytes(zstd)
    process = landing(warehouse, tmp_path)
    assert process.end() == 1
    said = {line.split(":")[1].strip(): line for line in process.err.splitlines()}
    assert "it inflates to more than" in said["refused topup_20260110.csv.gz"]
    assert "it is gzip data, not text" in said["refused topup_20260111.csv.gz"]
    assert "it inflates to more than" in said["refused topup_20260112.csv.zst"]
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    assert not list(warehouse.archive_dir.rglob("*.part"))


def test_links_pipes_and_folders__are_not_read(warehouse: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(HEADER + "".join(LINES))
    extracts = tmp_path / "extracts"
    path_of(extracts, "usage.topup", "20260110").symlink_to(secret)
    path_of(extracts, "usage.topup", "20260111").symlink_to("/dev/zero")
    path_of(extracts, "usage.topup", "20260112").symlink_to("nowhere")
    os.mkfifo(path_of(extracts, "usage.topup", "20260113"))
    path_of(extracts, "usage.topup", "20260114").mkdir()
    beside = path_of(extracts, "usage.topup", "20260115")
    beside.write_text(HEADER)
    beside.with_name(beside.name + ".manifest.json").symlink_to(secret)
    results = land(warehouse, extracts).files
    assert [item.status for item in results] == ["refused"] * 6
    assert {item.message for item in results[:5]} == {"it is not a regular file"}
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    assert not list(warehouse.archive_dir.rglob("*.enc"))


def test_columns_in_any_order__give_the_same_rows() -> None:
    rows = topups(5)
    expected = dry_land(TOPUP, csv_text(rows).encode()).good
    names = list(rows[0])
    for order in itertools.permutations(names[:5]):
        assert dry_land(TOPUP, csv_text(rows, [*order, names[5]]).encode()).good == expected
    for place in range(len(names) + 1):
        more = csv_text([{**row, "shop": "x"} for row in rows], [*names[:place], "shop", *names[place:]])
        assert dry_land(TOPUP, more.encode()).good == expected


@pytest.mark.parametrize("name", list(topup(1)))
def test_column__missing_or_renamed_is_named(name: str) -> None:
    rows = topups(5)
    for text in (csv_text(rows, [it for it in rows[0] if it != name]), csv_text(rows).replace(name, "other", 1)):
        with pytest.raises(FileRefused, match=f"column {name} is missing"):
            dry_land(TOPUP, text.encode())
    for twice in (name, name.upper(), f" {name} "):
        with pytest.raises(FileRefused, match="names a column twice"):
            dry_land(TOPUP, csv_text(rows).replace("\n", f",{twice}\n", 1).encode())


@pytest.mark.parametrize("name", list(topup(1)))
def test_nul__in_any_field_refuses_its_row_alone(name: str) -> None:
    rows = [*topups(30), topup(31, **{name: topup(31)[name][:1] + "\0" + topup(31)[name][1:]})]
    found = dry_land(TOPUP, csv_text(rows).encode())
    assert len(found.good) == 30
    assert {(line, column) for line, column, _ in found.rules} == {(32, name)}


def test_end_of_copy__at_any_line_ends_nothing() -> None:
    for place in range(1, 21):
        text = HEADER + "".join([*LINES[:place], "\\.\n", *LINES[place:]])
        found = dry_land(TOPUP, text.encode())
        assert (len(found.good), found.rules) == (20, [(place + 2, "", "field_count")])


@pytest.mark.parametrize(("share", "is_refused"), [(0.01, False), (0.2, True)])
def test_ragged_rows__suspend_the_file_beyond_the_threshold(
    share: float, is_refused: bool, warehouse: Settings, tmp_path: Path
) -> None:
    lines = csv_text(topups(400)).splitlines(keepends=True)
    bad = range(5, 401, round(1 / share))
    for number in bad:
        lines[number] = lines[number].replace("\n", ",more\n") if number % 2 else "T1,139\n"
    path_of(tmp_path, "usage.topup").write_text("".join(lines))
    assert land(warehouse, tmp_path).is_refused == is_refused
    count = len(bad)
    (row,) = ledger(warehouse)
    assert row == (("refused", 1, 400, 0, 400, 0) if is_refused else ("landed", 1, 400, 400 - count, count, 0))


@pytest.mark.parametrize("copies", [1, 2, 5])
def test_copies_of_a_row__count_once_in_any_order(copies: int, warehouse: Settings, tmp_path: Path) -> None:
    digests = set()
    for order in (1, -1):
        empty_warehouse(warehouse)
        folder = tmp_path / str(order)
        deliver(folder, "usage.topup", (topups(10) * copies)[::order])
        # And again in a file of 35 days later, with another content for one of them.
        later = [topup(n, topped_up_at="2026-02-14T08:00:00+08:00") for n in range(100, 130)]
        deliver(folder, "usage.topup", [*later, *topups(5), topup(7, amount="1.00")][::order], day="20260214")
        land(warehouse, folder)
        digests.add(landed(warehouse, "usage.topup"))
        first, second = ledger(warehouse)
        assert first == ("landed", 1, 10 * copies, 9, copies, 9 * (copies - 1))
        assert second == ("landed", 1, 36, 30, 1, 5)
        assert {rule for _, _, rule in rejects(warehouse)} == {"key_conflict"}
        check_ledger(warehouse)
    assert len(digests) == 1


def test_currencies__are_never_added_but_in_the_sum_that_checks_the_file(warehouse: Settings, tmp_path: Path) -> None:
    """A control total is a checksum of a column as it stands, whatever the currencies; each row keeps its own code."""
    rows = [topup(n, currency_code=("CNY", "USD", "JPY")[n % 3], amount=f"{n}.{'00' if n % 3 == 2 else '50'}")
            for n in range(1, 31)]  # fmt: skip
    rows += [topup(40, currency_code="JPY", amount="10.50"), topup(41, currency_code="", amount="3.00"),
             topup(42, currency_code="Yen", amount="4.00")]  # fmt: skip
    total = sum(Decimal(row["amount"]) for row in rows)
    manifest = {"rows": 33, "control_totals": {"amount": str(total)}}
    deliver(tmp_path, "usage.topup", rows, manifest=manifest)
    assert not land(warehouse, tmp_path).is_refused
    expected: Counter[str] = Counter()
    for row in rows[:30]:
        expected[row["currency_code"]] += Decimal(row["amount"])  # type: ignore[assignment]
    found = query(warehouse, "select currency_code, sum(amount) from raw_usage.topup group by 1")
    assert dict(found) == dict(expected)
    assert {rule for _, _, rule in rejects(warehouse)} == {"scale", "required", "pattern"}
    ((totals,),) = query(warehouse, "select control_totals -> 'amount' from ops.load")
    assert Decimal(totals["file"]) == total == Decimal(totals["landed"]) + Decimal(totals["rejected"])
    assert Decimal(totals["rejected"]) == Decimal("17.50")


def test_days_of_23_and_25_hours__add_up() -> None:
    new_york = ZoneInfo("America/New_York")
    abroad = replace(TOPUP, time_zone="America/New_York", late_days=None, max_days_ahead=400)
    start = dt.datetime(2026, 3, 7, tzinfo=dt.UTC)
    instants = [start + dt.timedelta(hours=hour) for hour in range(24 * 3)]
    instants += [dt.datetime(2026, 10, 31, tzinfo=dt.UTC) + dt.timedelta(hours=hour) for hour in range(24 * 3)]
    texts = [it.astimezone(new_york).strftime("%Y-%m-%dT%H:%M:%S") for it in instants]
    twice = {text for text, count in Counter(texts).items() if count > 1}
    # Told with the offset where the clock alone does not tell.
    rows = [
        topup(n, topped_up_at=it.astimezone(new_york).isoformat() if text in twice else text)
        for n, (it, text) in enumerate(zip(instants, texts, strict=True))
    ]
    found = dry_land(abroad, csv_text(rows).encode(), zone=new_york)
    assert found.rejects == []
    assert [row["topped_up_at"] for row in found.good] == instants
    days = Counter(row["topped_up_at"].astimezone(new_york).date() for row in found.good)
    assert (days[dt.date(2026, 3, 8)], days[dt.date(2026, 11, 1)], days.total()) == (23, 25, 144)
    assert len(twice) == 1
    ambiguous = dry_land(abroad, csv_text([topup(1, topped_up_at=twice.pop())]).encode(), zone=new_york)
    assert ambiguous.rules == [(2, "topped_up_at", "ambiguous_time")]
