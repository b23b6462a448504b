"""Wrong options are refused in one line and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tenure.cli import main
from tenure.errors import TenureError
from tenure.simulator import Behaviour, simulate
from tenure.simulator.room import expected_bytes

RIGHT: dict[str, Any] = {"subscriptions": 10, "months": 1}


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"subscriptions": 0}, "subscriptions"),
        ({"subscriptions": -5}, "subscriptions"),
        ({"months": 0}, "months"),
        ({"days": -1}, "days"),
        ({"days": 29}, "days"),
        ({"seed": -1}, "seed"),
        ({"start": "August 2025"}, "start"),
        ({"start": "2025-13"}, "start"),
        ({"dirty": -0.1}, "dirty"),
        ({"dirty": 0.5}, "dirty"),
        ({"late": -0.1}, "late"),
        ({"late": 0.3}, "late"),
        ({"subscriptions": 10**9, "months": 1_000}, "disk"),
        ({"behaviour": Behaviour(events_per_day=-1)}, "events"),
    ],
)
def test_wrong_option_is_refused(tmp_path: Path, wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(TenureError, match=word) as refusal:
        simulate(tmp_path / "out", **(RIGHT | wrong))
    assert "\n" not in str(refusal.value)
    assert refusal.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("keep me")
    with pytest.raises(TenureError, match="not empty"):
        simulate(tmp_path / "out", **RIGHT)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine.txt"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (["--subscriptions", "-5"], "subscriptions is -5"),
        (["--months", "0"], "months is 0"),
        (["--days", "40"], "days is 40"),
        (["--seed", "-1"], "seed is -1"),
        (["--dirty", "2"], "dirty share is 2"),
        (["--late", "1"], "late share is 1"),
        (["--start", "2025-13"], "'2025-13' is not a month"),
        (["--subscriptions", "1000000000", "--months", "1000"], "GB free"),
    ],
)
def test_the_command_refuses_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, wrong: list[str], word: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["tenure", "simulate", "--out", str(tmp_path / "out"), *wrong])
    with pytest.raises(SystemExit) as ending:
        main()
    assert ending.value.code in (1, 2)
    told = capsys.readouterr()
    assert word in told.err
    assert told.err.startswith("tenure: ")
    assert told.err.count("\n") == 1
    assert not told.out
    assert list(tmp_path.iterdir()) == []


def test_what_will_be_written_is_known_beforehand_within_a_factor(tmp_path: Path) -> None:
    for rate in (0.2, 2.0):
        simulate(tmp_path / str(rate), subscriptions=500, months=3, days=2, behaviour=Behaviour(events_per_day=rate))
        files = [path for path in (tmp_path / str(rate)).rglob("*") if path.is_file()]
        written = sum(path.stat().st_size for path in files)
        assert written < expected_bytes(500, 3 + 2 / 30, rate) < 4 * written


def test_an_empty_folder_and_one_with_a_space_are_fine(tmp_path: Path) -> None:
    (tmp_path / "my extracts").mkdir()
    summary = simulate(tmp_path / "my extracts", **RIGHT)
    assert (tmp_path / "my extracts" / "crm.subscription").is_dir()
    assert summary.total_rows > 0
    assert [path.name for path in tmp_path.iterdir()] == ["my extracts"]


def test_one_line_is_an_operator_too(tmp_path: Path) -> None:
    summary = simulate(tmp_path / "out", subscriptions=1, months=2, days=1)
    assert summary.rows["crm.subscription"] >= 1
    assert summary.last_date.isoformat() == "2025-10-01"
