"""New fees move churn, counted from the extracts as an analyst would: the offer before and after, against its like."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tenure.simulator.catalogue import PRICE_CHANGES
from tests.simulator.extract_frames import as_of, frame, month_starts

MONTHS = 13
(RISE, RISEN, NEW_FEE), *_ = PRICE_CHANGES
WINDOW = 6


@pytest.fixture(scope="module")
def openings(busy: Path) -> pd.DataFrame:
    """Mobile postpaid lines by month and the offer they opened it with, and how many left by their own will in it."""
    lines, offers = frame(busy, "crm.subscription"), frame(busy, "crm.offer").drop_duplicates("offer_id")
    kind = offers.set_index("offer_id")[["service_line", "plan_type"]].agg("/".join, axis=1)
    events = frame(busy, "crm.subscription_event")
    ended = events[events["event_type"] == "terminated"].set_index("subscription_id")
    starts, parts = month_starts(MONTHS + 1), []
    for month, (start, end) in enumerate(pairwise(starts)):
        held = as_of(lines, "subscription_id", start)[["main_offer_id"]]
        leaving = ended.reindex(held.index)
        here = held[~(leaving["occurred_at"] < start) & (held["main_offer_id"].map(kind) == "mobile/postpaid")]
        left = (leaving["occurred_at"] < end) & leaving["reason_code"].isin(("request", "port_out"))
        parts.append(here.assign(month=month, left=left.reindex(here.index)))
    whole = pd.concat(parts)
    return whole.groupby(["main_offer_id", "month"])["left"].agg(["size", "sum"]).reset_index()


def _effect(openings: pd.DataFrame, offer: str, others: set[str]) -> tuple[float, float]:
    """Change of the offer's monthly churn less that of the others' around the rise, and its standard error."""
    effect, variance = 0.0, 0.0
    for names, sign in (({offer}, 1), (others - {offer}, -1)):
        for months, side in ((range(RISE - WINDOW, RISE), -1), (range(RISE, RISE + WINDOW), 1)):
            cell = openings[openings["main_offer_id"].isin(names) & openings["month"].isin(months)]
            lines, share = cell["size"].sum(), cell["sum"].sum() / cell["size"].sum()
            effect += sign * side * share
            variance += share * (1 - share) / lines
    return float(effect), float(np.sqrt(variance))


def test_the_price_rise_is_delivered_as_a_version_of_the_offer(busy: Path) -> None:
    versions = frame(busy, "crm.offer")
    fees = versions[versions["offer_id"] == RISEN].sort_values("effective_at")
    assert fees["monthly_fee_amount"].astype(float).to_list() == [59, NEW_FEE / 100]
    assert fees["effective_at"].iloc[1] == month_starts(RISE + 1)[RISE]


def test_the_price_rise_is_seen_in_the_churn_of_its_offer(openings: pd.DataFrame) -> None:
    effect, error = _effect(openings, RISEN, set(openings["main_offer_id"]))
    assert effect > 4 * error
    assert 0.005 < effect < 0.025, "seen, and no more than people would believe"


def test_offers_that_kept_their_fee_show_no_such_effect(openings: pd.DataFrame) -> None:
    """The same comparison for offers of which nothing happened; of eight, four standard errors leave none out."""
    steady = set(openings["main_offer_id"]) - {RISEN}
    assert len(steady) > 5
    for offer in sorted(steady):
        effect, error = _effect(openings, offer, steady)
        assert abs(effect) < 4 * error, offer
