"""Files that are refused as a whole: one clear line, exit status 1, and nothing changed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tenure.errors import TenureError
from tenure.landing import land
from tenure.settings import Settings
from tests.landing.deliveries import csv_text, customer, deliver, everything, ledger, path_of, query, topup, topups

DAY = "20260111"


def _write(content: bytes, ending: str = "csv") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = path_of(folder, "usage.topup", DAY, ending)
        path.write_bytes(content)
        return path

    return write


def _with_manifest(content: str, manifest: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = _write(content.encode())(folder)
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        path.with_name(path.name + ".manifest.json").write_text(text)
        return path

    return write


GOOD = csv_text(topups(20, first=100))
HEADER, *LINES = GOOD.splitlines(keepends=True)
WITHOUT_AMOUNT = csv_text(topups(20), [name for name in topup(1) if name != "amount"])

BAD_FILES = {
    "a missing column": (_write(WITHOUT_AMOUNT.encode()), "column amount is missing"),
    "a column in capitals": (_write(GOOD.replace("amount", "AMOUNT", 1).encode()), "amount is missing (names must"),
    "an empty file": (_write(b""), "it is empty"),
    "an empty gzip file": (_write(gzip.compress(b""), "csv.gz"), "it is empty"),
    "a binary file": (_write(bytes(range(256)) * 40), "it is binary, not text"),
    "a picture": (_write(b"\x89PNG\r\n\x1a\n" + os.urandom(500)), "it is a picture, not text"),
    "gzip data called csv": (_write(gzip.compress(GOOD.encode())), "it is gzip data, not text"),
    "text called gzip": (_write(GOOD.encode(), "csv.gz"), "its gzip data is damaged"),
    "a truncated gzip file": (_write(gzip.compress(GOOD.encode())[:-30], "csv.gz"), "its gzip data is truncated"),
    "text called parquet": (_write(GOOD.encode(), "parquet"), "it is not a Parquet file"),
    "an empty parquet file": (_write(b"", "parquet"), "it is empty"),
    "no header": (_write("".join(LINES).encode()), "its header is unknown"),
    "another header": (_write(b"a,b,c\n1,2,3\n"), "its header is unknown"),
    "a column twice": (_write(GOOD.replace("topup_id", "amount", 1).encode()), "its header names a column twice"),
    "a blank first line": (_write(b"\n" + GOOD.encode()), "its first line is blank"),
    "a last line without end": (_write(GOOD.rstrip("\n").encode()), "its last line has no line end"),
    "an open quote": (_write(GOOD.replace("T000105", '"T000105').encode()), "line 7: a quoted field runs over"),
    "a pair of stray quotes": (
        _write(GOOD.replace("T000105,", 'T000105,"', 1).replace("T000107,", 'T000107,"', 1).encode()),
        "a quoted field runs over the line end",
    ),
    "GB18030 not declared": (_write(GOOD.encode("gb18030")), "line 3: bytes that are not UTF-8; if it is GB18030"),
    "UTF-16": (_write(GOOD.encode("utf-16")), "it is UTF-16"),
    "UTF-8 declared as GB18030": (_with_manifest(GOOD, {"encoding": "gb18030"}), "declared GB18030 but is UTF-8"),
    "an unknown encoding": (_with_manifest(GOOD, {"encoding": "ebcdic"}), "encoding 'ebcdic' is not known"),
    "mixed line ends": (_write(GOOD.replace("\n", "\r", 9).encode()), "line 1: its line ends are mixed"),
    "fewer rows than its manifest": (_with_manifest(GOOD, {"rows": 21}), "its manifest says 21 rows, the file has 20"),
    "another total than its manifest": (
        _with_manifest(GOOD, {"rows": 20, "control_totals": {"amount": "400.01"}}),
        "its manifest says amount adds up to 400.01, the file to",
    ),
    "a manifest that is none": (_with_manifest(GOOD, "{rows: 20"), "its manifest cannot be used"),
    "a period that ends before it begins": (
        _with_manifest(GOOD, {"period_from": "2026-01-11", "period_to": "2026-01-10"}),
        "its manifest cannot be used: period_from is after period_to",
    ),
    "too many bad rows": (
        _write((HEADER + "".join(LINES[:14]) + "x,y,z,,,\n" * 6).encode()),
        "6 of 20 rows are refused, more than 10%; the first: line 16",
    ),
    "nothing but bad rows": (_write((HEADER + "x,y,z,,,\n").encode()), "1 of 1 rows are refused"),
    "a row of two megabytes": (_write((HEADER + "x" * (2 << 20)).encode()), "a line of more than 1 MiB"),
}


@pytest.fixture
def extracts(warehouse: Settings, tmp_path: Path) -> Path:
    """A folder with files that are landed already."""
    deliver(tmp_path, "usage.topup", topups(30))
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(5)])
    assert not land(warehouse, tmp_path).is_refused
    return tmp_path


@pytest.mark.parametrize("name", BAD_FILES)
def test_file__is_refused_with_its_reason(name: str, warehouse: Settings, extracts: Path) -> None:
    write, reason = BAD_FILES[name]
    before = everything(warehouse)
    good_loads = query(warehouse, "select * from ops.load where status = 'landed' order by load_id")
    path = write(extracts)

    summary = land(warehouse, extracts)

    assert summary.is_refused
    (refused,) = [item for item in summary.files if item.status == "refused"]
    assert refused.file_name == path.name
    assert reason in refused.message
    assert "\n" not in refused.message
    assert everything(warehouse) == before
    assert query(warehouse, "select * from ops.load where status = 'landed' order by load_id") == good_loads
    assert query(warehouse, "select file_name, message, landed_count from ops.load where status = 'refused'") == [
        (path.name, refused.message, 0)
    ]


def test_refused_file__leaves_no_trace_of_the_header_that_was_data(warehouse: Settings, tmp_path: Path) -> None:
    path = path_of(tmp_path, "crm.customer")
    path.write_text(csv_text([customer(7)]).splitlines(keepends=True)[1])
    summary = land(warehouse, tmp_path)
    shown = str(summary) + repr(summary.files) + repr(query(warehouse, "select message from ops.load"))
    assert "王小明" not in shown
    assert "138001" not in shown


def test_refused_file__does_not_keep_the_others_out(warehouse: Settings, tmp_path: Path) -> None:
    path_of(tmp_path, "usage.topup", "20260109").write_bytes(b"")
    deliver(tmp_path, "usage.topup", topups(10))
    summary = land(warehouse, tmp_path)
    assert (summary.landed, summary.refused) == (1, 1)
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(10,)]


def test_refused_file__lands_when_it_is_delivered_again_in_good_shape(warehouse: Settings, tmp_path: Path) -> None:
    path_of(tmp_path, "usage.topup").write_bytes(b"")
    assert land(warehouse, tmp_path).is_refused
    assert land(warehouse, tmp_path).is_refused
    assert len(ledger(warehouse)) == 1, "the same refusal is not written twice"
    deliver(tmp_path, "usage.topup", topups(10))
    assert not land(warehouse, tmp_path).is_refused
    assert ledger(warehouse)[-1] == ("landed", 1, 10, 10, 0, 0)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("usage.topup/topups_20260110.csv", "its name is not topup_<YYYYMMDD>"),
        ("usage.topup/topup_20260231.csv", "20260231 in its name is not a date"),
        ("usage.topup/topup_20260110.xlsx", "its name is not"),
        ("usage.topup/topup_20260110.csv; drop table ops.load.csv", "its name is not"),
        ("usage.weather/weather_20260110.csv", "there is no contract for usage.weather"),
    ],
)
def test_name__that_was_not_agreed_on_is_refused(name: str, reason: str, warehouse: Settings, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir()
    path.write_text(GOOD)
    summary = land(warehouse, tmp_path)
    assert summary.is_refused
    assert reason in summary.files[0].message
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]


def test_link__is_not_followed(warehouse: Settings, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text(GOOD)
    path_of(tmp_path, "usage.topup").symlink_to(elsewhere)
    assert "not a regular file" in land(warehouse, tmp_path).files[0].message


def test_manifest__without_its_file_is_refused(warehouse: Settings, tmp_path: Path) -> None:
    path_of(tmp_path, "usage.topup", ending="csv.manifest.json").write_text('{"rows": 3}')
    (item,) = land(warehouse, tmp_path).files
    assert (item.status, item.message) == ("refused", "its manifest is here but the file is not")


@pytest.mark.parametrize("name", [".topup_20260110.csv", "topup_20260110.csv.part", "topup_20260110.csv.tmp"])
def test_unfinished_file__is_left_alone(name: str, warehouse: Settings, tmp_path: Path) -> None:
    (tmp_path / "usage.topup").mkdir()
    (tmp_path / "usage.topup" / name).write_text(GOOD)
    assert land(warehouse, tmp_path).files == []


def test_truncation__at_any_byte_of_the_last_lines_lands_all_or_nothing(warehouse: Settings, tmp_path: Path) -> None:
    content = GOOD.encode()
    cuts = range(len(content) - 1, len(content) - len(LINES[-1].encode()) - 4, -7)
    for cut in cuts:
        manifest = {"rows": 20}
        path = _with_manifest("", manifest)(tmp_path)
        path.write_bytes(content[:cut])
        assert land(warehouse, tmp_path).is_refused, f"cut after {cut} bytes"
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]


def test_truncated_gzip__is_refused_wherever_it_is_cut(warehouse: Settings, tmp_path: Path) -> None:
    content = gzip.compress(csv_text(topups(200)).encode())
    for cut in range(1, len(content), len(content) // 25):
        path_of(tmp_path, "usage.topup", ending="csv.gz").write_bytes(content[:cut])
        assert land(warehouse, tmp_path).is_refused, f"cut after {cut} bytes"
    assert query(warehouse, "select count(*) from raw_usage.topup") == [(0,)]


def test_zip_bomb__is_stopped(warehouse: Settings, tmp_path: Path) -> None:
    line = LINES[0].encode()
    bomb = gzip.compress(HEADER.encode() + line * ((70 << 20) // len(line)), 9)
    path_of(tmp_path, "usage.topup", ending="csv.gz").write_bytes(bomb)
    (item,) = land(warehouse, tmp_path).files
    assert "it inflates to more than" in item.message


def test_folder__without_extracts_is_an_error(warehouse: Settings, tmp_path: Path) -> None:
    with pytest.raises(TenureError, match="there are no extracts"):
        land(warehouse, tmp_path)
    with pytest.raises(TenureError, match="is not a folder"):
        land(warehouse, tmp_path / "nowhere")
    (tmp_path / "usage.topup").mkdir()
    with pytest.raises(TenureError, match="there is no source 'bills'"):
        land(warehouse, tmp_path, source="bills")


def test_command__prints_one_line_and_exits_with_1(warehouse: Settings, tmp_path: Path) -> None:
    path_of(tmp_path, "usage.topup").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "tenure", "land", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=warehouse.root,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["tenure: refused topup_20260110.csv: it is empty"]
