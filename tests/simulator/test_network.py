"""Network quality: regions differ, the week has its rhythm, and outages happen where and when the story has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.simulator.extract_frames import frame

TECHNOLOGIES = ["4g", "5g", "broadband"]


@pytest.fixture(scope="module")
def quality(busy: Path) -> pd.DataFrame:
    """Quality by region, day and technology, as numbers."""
    rows = frame(busy, "network.quality_daily")
    numbers = rows.columns.difference(["region_id", "quality_date", "technology_code"])
    rows[numbers] = rows[numbers].astype(float)
    return rows.assign(day=pd.to_datetime(rows["quality_date"]))


def test_every_region_technology_and_day_is_there_once(quality: pd.DataFrame) -> None:
    days = pd.date_range("2025-08-01", "2026-08-31")
    assert len(quality) == 8 * 3 * len(days)
    assert not quality.duplicated(["region_id", "quality_date", "technology_code"]).any()
    np.testing.assert_allclose(quality["availability_ratio"], 1 - quality["outage_minutes"] / 1_440, atol=1e-6)


def test_load_follows_the_week(quality: pd.DataFrame) -> None:
    quiet = quality[quality["outage_minutes"] == 0]
    speed = quiet["throughput_mbps"] / quiet.groupby(["region_id", "technology_code"])["throughput_mbps"].transform(
        "mean"
    )
    is_busy = quiet["day"].dt.day_of_week.isin((4, 5, 6))
    # The mean of days that scatter by three percent: the difference of the planted loads is 9 percent.
    error = speed.std() * np.sqrt(1 / is_busy.sum() + 1 / (~is_busy).sum())
    assert abs(speed[~is_busy].mean() - speed[is_busy].mean() - 0.09) < 4 * error + 0.005


@pytest.mark.parametrize("technology", TECHNOLOGIES)
def test_a_poorly_built_region_is_slower_and_drops_more(quality: pd.DataFrame, technology: str) -> None:
    rows = quality[(quality["technology_code"] == technology) & (quality["outage_minutes"] == 0)]
    means = rows.groupby("region_id")[["throughput_mbps", "latency_ms", "drop_rate"]].mean()
    assert means["throughput_mbps"].idxmax() == "GD-SZ"
    assert means["throughput_mbps"].idxmin() == "SC-MY"
    assert means["drop_rate"].idxmax() == means["latency_ms"].idxmax() == "SC-MY"


def test_the_scripted_outages_are_the_only_long_ones(quality: pd.DataFrame) -> None:
    long = quality[quality["outage_minutes"] >= 100]
    found = long.groupby(["region_id", "technology_code"])["quality_date"].agg(list)
    chengdu = [f"2026-05-{day}" for day in range(11, 15)]
    assert found.to_dict() == {
        **{("GD-FS", technology): ["2025-11-18"] for technology in TECHNOLOGIES},
        **{("SC-CD", technology): chengdu for technology in TECHNOLOGIES},
    }
    struck = long[long["region_id"] == "SC-CD"]
    assert (struck["affected_subscription_count"] > 50).all()
    small = quality[quality["outage_minutes"].between(1, 99)]
    assert 0.005 < len(small) / len(quality) < 0.04
