"""Shuffled, late, corrected and back-dated histories, refreshed after each step, end in the marts of the clean one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from tenure.landing import land
from tenure.settings import Settings
from tenure.simulator import simulate
from tenure.transform import run_dbt
from tests.conftest import empty_warehouse
from tests.faults.histories import (
    FIRST_MONTH,
    LAST_DAY,
    contents,
    deliver_some,
    file_of,
    files_of,
    land_shuffled,
    left_over,
    read,
    refresh,
    refreshing,
    touched,
    usage_by_month,
)
from tests.landing.deliveries import deliver

LAST = f"{LAST_DAY:%Y%m%d}"
CORRECTED_BILL = ("billing.invoice_line", "20260301")
LATE_DAY = LAST_DAY - timedelta(days=40)
LATE_ROWS = 25


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three months and eight days of a small operator."""
    folder = tmp_path_factory.mktemp("operator") / "extracts"
    simulate(folder, subscriptions=30, months=3, days=LAST_DAY.day, seed=5, start=FIRST_MONTH)
    return folder


@pytest.fixture
def time_zone_of_the_host() -> Iterator[None]:
    """Puts the zone of this process back."""
    before = os.environ.get("TZ")
    yield
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def _corrections(extracts: Path, folder: Path) -> None:
    """What comes after the fact: late rows, a corrected day and bill, a back-dated move and the end of a line."""
    usage = read(file_of(extracts, "usage.usage_event", LAST))
    late = usage.head(LATE_ROWS).with_columns(
        pl.concat_str(pl.lit("late-"), pl.col("event_id")).alias("event_id"),
        pl.concat_str(pl.lit(f"{LATE_DAY}"), pl.col("started_at").str.slice(10)).alias("started_at"),
    )
    deliver(folder, "usage.usage_event", _rows(late), day=f"{LAST}_2")
    path = file_of(extracts, "usage.usage_event", LAST)
    corrected = usage.head(usage.height - 3).with_columns((pl.col("volume_bytes").cast(pl.Int64) + 1).cast(pl.String))
    deliver(folder, "usage.usage_event", _rows(corrected), day=LAST, ending=path.name.partition(".")[2])

    bill = file_of(extracts, *CORRECTED_BILL)
    lines = read(bill).with_columns(
        pl.when(pl.col("charge_type") == "recurring").then(pl.lit("77.70")).otherwise("net_amount").alias("net_amount")
    )
    deliver(folder, "billing.invoice_line", _rows(lines), day="20260301", ending=bill.name.partition(".")[2])

    subscriptions = pl.concat(
        [read(path) for path in files_of(extracts) if path.parent.name == "crm.subscription"], how="diagonal"
    ).sort("effective_at")
    stayed = subscriptions.unique("subscription_id", keep="last", maintain_order=True)
    regions = stayed["region_id"].unique(maintain_order=True).to_list()
    moved = stayed.head(3).with_columns(
        pl.lit(f"{LATE_DAY}T09:00:00+08:00").alias("effective_at"),
        pl.col("region_id").replace({region: regions[number - 1] for number, region in enumerate(regions)}),
        pl.lit(stayed["account_id"][5]).alias("account_id"),
    )
    deliver(folder, "crm.subscription", _rows(moved), day=f"{LAST}_2")
    ended = {
        "event_id": "late-end",
        "subscription_id": str(stayed["subscription_id"][1]),
        "event_type": "terminated",
        "occurred_at": f"{LATE_DAY + timedelta(days=5)}T10:00:00+08:00",
        "reason_code": "non_payment",
        "other_operator": "",
    }
    deliver(folder, "crm.subscription_event", [ended], day=f"{LAST}_2")


def _land(settings: Settings, folder: Path) -> None:
    summary = land(settings, folder)
    assert [(file.file_name, file.message) for file in summary.files if file.status == "refused"] == []


def _rows(frame: pl.DataFrame) -> list[dict[str, str]]:
    return [{name: value or "" for name, value in row.items()} for row in frame.to_dicts()]


def _assert_closed_months_change_by_adjustments(
    before: dict[date, tuple[int, int]], after: dict[date, tuple[int, int]]
) -> None:
    late_month = LATE_DAY.replace(day=1)
    assert after[late_month][1] - before[late_month][1] == LATE_ROWS
    closed = [month for month in before if month <= late_month]
    assert {month: after[month][0] - before[month][0] for month in closed} == {
        month: after[month][1] - before[month][1] for month in closed
    }


def _is_old_usage(path: Path) -> bool:
    """The usage of one month in the middle: without it nothing after it is complete."""
    return path.parent.name.startswith("usage.") and "20260228" in path.name


def _is_recent(path: Path) -> bool:
    return any(f"_{LAST_DAY - timedelta(days=back):%Y%m%d}" in path.name for back in range(5))


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("time_zone_of_the_host")
def test_history_in_any_order__is_refreshed_to_what_a_full_build_makes(
    settings: Settings, extracts: Path, tmp_path: Path
) -> None:
    empty_warehouse(settings)
    run_dbt(settings, ["seed"])

    land_shuffled(settings, extracts, tmp_path / "1", lambda it: not _is_old_usage(it) and not _is_recent(it), seed=1)
    refresh(settings)
    land_shuffled(settings, extracts, tmp_path / "2", lambda it: _is_old_usage(it) or _is_recent(it), seed=2)
    os.environ["TZ"] = "America/New_York"
    time.tzset()
    refresh(settings)

    # A refresh of which nothing is left to do touches nothing.
    before, usage_before = contents(settings), usage_by_month(settings)
    refresh(settings)
    assert touched(settings, "fct_usage_daily") == []
    assert touched(settings, "revenue_monthly") == []
    assert contents(settings) == before

    _corrections(extracts, tmp_path / "3")
    _land(settings, tmp_path / "3")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    refresh(settings)
    refreshed = contents(settings)
    assert refreshed != before
    _assert_closed_months_change_by_adjustments(usage_before, usage_by_month(settings))

    refresh(settings, "--full-refresh")
    assert contents(settings) == refreshed

    empty_warehouse(settings)
    del os.environ["TZ"]
    time.tzset()
    deliver_some(extracts, tmp_path / "clean", lambda path: True)
    _corrections(extracts, tmp_path / "clean")
    # They speak of what was corrected.
    for corrected in (file_of(tmp_path / "3", "usage.usage_event", LAST), file_of(tmp_path / "3", *CORRECTED_BILL)):
        (tmp_path / "clean" / corrected.parent.name / f"{corrected.name}.manifest.json").unlink()
    _land(settings, tmp_path / "clean")
    refresh(settings, "--full-refresh")
    assert contents(settings) == refreshed


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_refresh__killed_anywhere_or_beside_another_loses_nothing(
    settings: Settings, extracts: Path, tmp_path: Path
) -> None:
    empty_warehouse(settings)
    run_dbt(settings, ["seed"])
    deliver_some(extracts, tmp_path / "1", lambda path: not _is_recent(path))
    _land(settings, tmp_path / "1")
    refresh(settings, "--full-refresh")
    deliver_some(extracts, tmp_path / "2", _is_recent)
    _land(settings, tmp_path / "2")
    # What one that dies has not committed is done by the next.
    for number in range(4, 36, 8):
        assert refreshing(settings, TENURE_KILL_AT=f"after_node:{number}").wait() == -signal.SIGKILL
    both = [refreshing(settings), refreshing(settings)]
    assert [process.wait() for process in both] == [0, 0]
    assert touched(settings, "fct_usage_daily") == [], "the second waits for the first, and finds nothing left to do"
    assert left_over(settings) == []
    refreshed = contents(settings)
    refresh(settings, "--full-refresh")
    assert contents(settings) == refreshed
