"""Wrong options are refused in one line and change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tenure.errors import TenureError
from tenure.simulator import Behaviour, simulate

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
