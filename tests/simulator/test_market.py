"""Rivals: prices that follow their campaigns, numbers carried over, and shares of the market."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.simulator.extract_frames import as_of, frame


@pytest.fixture(scope="module")
def porting(busy: Path) -> pd.DataFrame:
    """Requests to carry a number over."""
    return frame(busy, "market.porting")


@pytest.fixture(scope="module")
def shares(busy: Path) -> pd.DataFrame:
    """The market by region, operator, month and service line."""
    return frame(busy, "market.market_share").astype({"subscription_count": int, "share_ratio": float})


def test_numbers_carried_out_are_the_lines_that_ended_by_it(busy: Path, porting: pd.DataFrame) -> None:
    events = frame(busy, "crm.subscription_event")
    ended = events[events["reason_code"] == "port_out"].set_index("subscription_id")
    out = porting[(porting["direction"] == "out") & (porting["status_code"] == "completed")].set_index(
        "subscription_id"
    )
    assert len(out) == len(ended) > 100
    assert (out["completed_at"].sort_index() == ended["occurred_at"].sort_index()).all()
    assert (out["rival_name"].sort_index() == ended["other_operator"].sort_index()).all()


def test_numbers_brought_belong_to_new_lines(busy: Path, porting: pd.DataFrame) -> None:
    brought = porting[porting["direction"] == "in"]
    lines = frame(busy, "crm.subscription").drop_duplicates("subscription_id").set_index("subscription_id")
    new = lines[(lines["activated_at"] >= "2025-08-01") & lines["msisdn"].notna()]
    assert set(brought["subscription_id"]) <= set(new.index)
    assert (new.loc[brought["subscription_id"], "msisdn"].to_numpy() == brought["msisdn"].to_numpy()).all()
    share = len(brought) / len(new)
    assert 0.05 < share < 0.12
    asked, done = pd.to_datetime(porting["requested_at"]), pd.to_datetime(porting["completed_at"])
    assert ((done - asked) > pd.Timedelta(0)).all()
    assert ((done - asked) <= pd.Timedelta(hours=48)).all()


def test_rejected_requests_are_few_and_end_nothing(busy: Path, porting: pd.DataFrame) -> None:
    rejected = porting[porting["status_code"] == "rejected"]
    assert 0 < len(rejected) < len(porting) / 5
    assert set(rejected["direction"]) == {"out"}


def test_shares_sum_to_one_in_each_market(shares: pd.DataFrame) -> None:
    markets = shares.groupby(["region_id", "month", "service_line"])
    np.testing.assert_allclose(markets["share_ratio"].sum(), 1, atol=1e-9)
    assert (markets["operator_name"].nunique() == 4).all()
    total = markets["subscription_count"].transform("sum")
    np.testing.assert_allclose(shares["share_ratio"], shares["subscription_count"] / total, atol=4e-6)


def test_our_share_counts_the_lines_on_the_network(busy: Path, shares: pd.DataFrame) -> None:
    end = "2025-10-01T00:00:00+08:00"  # before the first line can have been silent for 90 days
    lines = as_of(frame(busy, "crm.subscription"), "subscription_id", end)
    events = frame(busy, "crm.subscription_event")
    over = events[(events["event_type"] == "terminated") & (events["occurred_at"] < end)]
    here = lines[~lines.index.isin(over["subscription_id"])]
    counted = here.groupby(["region_id", here["msisdn"].isna().map({True: "broadband", False: "mobile"})]).size()
    ours = shares[(shares["operator_name"] == "Tenure Telecom") & (shares["month"] == "2025-09-01")]
    written = ours.set_index(["region_id", "service_line"])["subscription_count"]
    assert (counted.sort_index().to_numpy() == written.sort_index().to_numpy()).all()


def test_a_campaign_lowers_the_price_while_it_lasts(busy: Path) -> None:
    campaign = frame(busy, "market.rival_campaign").iloc[0]
    offers = frame(busy, "market.rival_offer").assign(fee=lambda rows: rows["monthly_fee_amount"].astype(float))
    chosen = offers[
        (offers["rival_name"] == campaign["rival_name"])
        & (offers["region_id"] == campaign["region_id"])
        & (offers["service_line"] == campaign["service_line"])
    ]
    before = as_of(chosen, "rival_offer_id", campaign["start_date"])["fee"]
    during = as_of(chosen, "rival_offer_id", f"{campaign['start_date']}T12")["fee"]
    after = as_of(chosen, "rival_offer_id", f"{campaign['end_date']}T99")["fee"]
    following = as_of(chosen, "rival_offer_id", f"{campaign['end_date'][:8]}99")["fee"]
    discount = float(campaign["discount_percent"]) / 100
    # Prices are whole half yuan and drift by two percent now and then.
    assert (during / before).mean() == pytest.approx(1 - discount, abs=0.06)
    assert (after / during).mean() == pytest.approx(1, abs=0.06)
    assert len(following) == len(before)


def test_a_rivals_campaign_draws_lines_to_it(porting: pd.DataFrame, shares: pd.DataFrame) -> None:
    months = ["2026-02", "2026-03", "2026-04"]
    struck = ["JS-NJ", "JS-SZ"]
    out = porting[(porting["direction"] == "out") & (porting["status_code"] == "completed")]
    there = out["region_id"].isin(struck) & out["completed_at"].str[:7].isin(months)
    to_east = out["rival_name"] == "East Telecom"
    drawn, usual = to_east[there].mean(), to_east[~there].mean()
    error = np.sqrt(drawn * (1 - drawn) / there.sum() + usual * (1 - usual) / (~there).sum())
    assert drawn - usual > 2 * error
    mobile = shares[shares["service_line"] == "mobile"]
    own = mobile[mobile["operator_name"] == "East Telecom"].pivot(
        index="month", columns="region_id", values="share_ratio"
    )
    growth = own.loc["2026-04-01"] / own.loc["2026-01-01"] - 1
    assert growth[struck].min() > growth.drop(struck).max()
