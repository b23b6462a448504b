"""Reasons on demand: the same as the watch list's where it has some, and for everyone else too."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ml import pipeline
from tenure.db import connect
from tenure.errors import TenureError
from tenure.settings import ROOT, Settings
from tests.ml.test_refusals import Small, small

__all__ = ["small"]


def _scored(settings: Settings, band: str) -> tuple[str, Any, list[str]]:
    """A subscription of a band, its probability and its stored reasons, strongest first."""
    with connect("scorer", settings=settings) as connection:
        found = connection.execute(
            "select s.subscription_id, s.churn_probability, coalesce(array_agg(r.reason_text order by r.reason_rank)"
            " filter (where r.reason_rank is not null), '{}')"
            " from scores.churn_score s left join scores.churn_reason r using (as_of_date, subscription_id)"
            " where s.risk_band = %s group by 1, 2 order by s.subscription_id limit 1",
            (band,),
        ).fetchone()
    assert found is not None
    return found


def test_explanation__agrees_with_what_is_stored(small: Small) -> None:
    small.make()
    pipeline.train_if_needed(small.settings)
    pipeline.score(small.settings)
    bands = set(small.bands())
    assert {"low", "not_enough_history"} < bands
    for band in sorted(bands - {"not_enough_history"}):
        subscription_id, probability, stored = _scored(small.settings, band)
        first, *rest = pipeline.explain(small.settings, subscription_id)
        assert f"Subscription {subscription_id}, as of 2026-03-31" in first
        assert f"{float(probability):.1%} chance of leaving" in first
        assert f"({band} risk)" in first
        said = [line.split(". ", 1)[1].rsplit(" (raises", 1)[0] for line in rest if line.lstrip()[0].isdigit()]
        # Those at low risk have no reasons stored, and are explained all the same.
        assert said == stored or (band == "low" and not stored)
        assert len(rest) > 1
    subscription_id, probability, _ = _scored(small.settings, "not_enough_history")
    assert probability is None
    lines = pipeline.explain(small.settings, subscription_id)
    assert "too new for a score (less than 30 days)" in lines[0]
    assert len(lines) == 2
    with pytest.raises(TenureError, match="'nobody' is not on the network"):
        pipeline.explain(small.settings, "nobody")


def test_command__of_a_wrong_use_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "ml", "explain"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "subscription_id" in done.stderr
    assert "Traceback" not in done.stderr
