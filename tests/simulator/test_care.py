"""Care follows what customers live through: outages and bill shocks make complaints, waiting costs points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.simulator.extract_frames import as_of, frame, local_days


@pytest.fixture(scope="module")
def interactions(busy: Path) -> pd.DataFrame:
    """Contacts that customers began."""
    rows = frame(busy, "care.interaction")
    rows = rows[rows["direction"] == "inbound"]
    rows["at"] = pd.to_datetime(rows["started_at"])
    return rows


@pytest.fixture(scope="module")
def tickets(busy: Path) -> pd.DataFrame:
    """Every state of every ticket, in order of time."""
    return frame(busy, "care.ticket").sort_values(["ticket_id", "effective_at"], kind="stable")


@pytest.fixture(scope="module")
def complaints(tickets: pd.DataFrame) -> pd.DataFrame:
    """One row per complaint, as it was opened."""
    opened = tickets.drop_duplicates("ticket_id")
    return opened[opened["ticket_type"] == "complaint"]


@pytest.fixture(scope="module")
def lines_by_region(busy: Path) -> pd.Series:
    """Lines by region at the middle of the story."""
    return as_of(frame(busy, "crm.subscription"), "subscription_id", "2026-05-01")["region_id"].value_counts()


def test_complaints_rise_in_outage_days_in_the_region_and_nowhere_else(
    complaints: pd.DataFrame, lines_by_region: pd.Series
) -> None:
    days = [f"2026-05-{day}" for day in range(11, 15)]
    during = complaints[complaints["opened_at"].str[:10].isin(days)]
    usual = complaints[~complaints["opened_at"].str[:7].isin(("2026-05", "2025-11"))]
    usual_a_day = len(usual) / 334 / lines_by_region.sum()
    here = (during["region_id"] == "SC-CD").sum()
    # Poisson counts: outside the region four standard deviations around the usual, inside far above them.
    elsewhere, expected = (during["region_id"] != "SC-CD").sum(), usual_a_day * 4 * lines_by_region.drop("SC-CD").sum()
    assert elsewhere < expected + 4 * np.sqrt(expected)
    expected_here = usual_a_day * 4 * lines_by_region["SC-CD"]
    assert here > 5 * expected_here + 4 * np.sqrt(expected_here)
    assert (during.loc[during["region_id"] == "SC-CD", "cause_code"] == "outage").mean() > 0.7


def test_bill_shocks_make_complaints_about_the_bill(busy: Path, complaints: pd.DataFrame) -> None:
    rows = frame(busy, "billing.invoice_line")
    rows = rows[rows["charge_type"].isin(("recurring", "usage", "discount")) & rows["subscription_id"].notna()]
    rows = rows[rows["document_type"].isin(("invoice", "statement"))].astype({"net_amount": float})
    bills = rows.pivot_table(index="subscription_id", columns="service_month", values="net_amount", aggfunc="sum")
    about_bills = complaints[complaints["cause_code"] == "bill"]
    counts = {True: [0, 0], False: [0, 0]}
    months = list(bills.columns)
    for place in range(3, len(months)):
        usual = (bills[months[place - 2]] + bills[months[place - 3]]) / 2
        shocked = (bills[months[place - 1]] / usual > 1.5) & (usual > 0)
        billed = bills[months[place]].notna()
        who = set(about_bills.loc[about_bills["opened_at"].str[:7] == months[place][:7], "subscription_id"])
        for is_shocked in (True, False):
            chosen = bills.index[billed & (shocked == is_shocked)]
            counts[is_shocked][0] += chosen.isin(who).sum()
            counts[is_shocked][1] += len(chosen)
    (hit, shocks), (others, calm) = counts[True], counts[False]
    rate, usual_rate = hit / shocks, others / calm
    error = np.sqrt(rate / shocks + usual_rate / calm)
    assert rate - usual_rate > 4 * error
    assert rate > 8 * usual_rate


def test_tickets_go_from_open_to_resolved_and_some_come_back(tickets: pd.DataFrame) -> None:
    paths = tickets.groupby("ticket_id")["status_code"].agg(" ".join)
    whole = "open resolved reopened resolved"
    assert all(whole.startswith(path) for path in paths.unique())
    done = paths[paths != "open"]
    assert 0.04 < done.str.contains("reopened").mean() < 0.13
    resolved = tickets[tickets["status_code"] == "resolved"]
    assert (resolved["resolved_at"] == resolved["effective_at"]).all()
    assert tickets.loc[tickets["status_code"] != "resolved", "resolved_at"].isna().all()


def test_answer_times_are_those_of_a_contact_centre(interactions: pd.DataFrame) -> None:
    outage = interactions["started_at"].str[:7].isin(("2026-05",))
    calls = interactions[(interactions["channel_code"] == "call") & ~outage]
    assert 0.74 < (calls["is_abandoned"].eq(False) & (calls["wait_seconds"] <= 20)).mean() < 0.92
    assert 0.02 < calls["is_abandoned"].mean() < 0.12
    answered = calls[~calls["is_abandoned"]]
    assert 240 < answered["handle_seconds"].mean() < 480
    assert answered["answered_at"].notna().all()
    by_channel = interactions[~interactions["is_abandoned"]].groupby("channel_code")["wait_seconds"].mean()
    assert by_channel["app"] == 0
    assert by_channel["call"] < by_channel["store"] < by_channel["email"]


def test_waits_grow_with_the_load_of_the_hour_and_with_outages(interactions: pd.DataFrame) -> None:
    calls = interactions[interactions["channel_code"] == "call"]
    hour = calls["at"].dt.hour
    morning, evening = calls.loc[hour.isin((9, 10, 11)), "wait_seconds"], calls.loc[hour >= 20, "wait_seconds"]
    error = np.sqrt(morning.var() / len(morning) + evening.var() / len(evening))
    assert morning.mean() - evening.mean() > 4 * error
    days = calls["started_at"].str[:10].isin([f"2026-05-{day}" for day in range(11, 15)])
    assert calls.loc[days, "wait_seconds"].mean() > 2 * calls.loc[~days, "wait_seconds"].mean()


def test_scores_after_a_contact_fall_with_the_wait(busy: Path, interactions: pd.DataFrame) -> None:
    answers = frame(busy, "care.survey_response")
    answers = answers[answers["survey_type"] == "csat"].assign(at=lambda rows: pd.to_datetime(rows["responded_at"]))
    contacts = interactions[~interactions["is_abandoned"]].assign(ended=lambda rows: pd.to_datetime(rows["ended_at"]))
    # Each answer belongs to the last contact of the line through that channel before it.
    joined = pd.merge_asof(
        answers.sort_values("at"),
        contacts.sort_values("ended"),
        left_on="at",
        right_on="ended",
        left_by=["subscription_id", "touchpoint_code"],
        right_by=["subscription_id", "channel_code"],
    )
    assert joined["wait_seconds"].notna().all()
    score = joined["score"].astype(float)
    design = np.column_stack([np.ones(len(joined)), np.log1p(joined["wait_seconds"] / 60), ~joined["is_resolved"]])
    weights, residual, *_ = np.linalg.lstsq(design.astype(float), score, rcond=None)
    errors = np.sqrt(np.diag(np.linalg.inv(design.T.astype(float) @ design)) * residual[0] / (len(score) - 3))
    # Scores end at 1 and 5, which takes something off the planted 0.30 and 1.1.
    assert -0.33 < weights[1] < -4 * errors[1]
    assert weights[1] < -0.18
    assert -1.2 < weights[2] < -0.7
    assert score.between(1, 5).all()


def test_complaints_cost_recommendation(busy: Path, complaints: pd.DataFrame) -> None:
    answers = frame(busy, "care.survey_response")
    answers = answers[answers["survey_type"] == "nps"]
    day = local_days(answers["responded_at"])
    last = complaints.assign(day=local_days(complaints["opened_at"])).groupby("subscription_id")["day"].agg(list)
    lately = np.array(
        [
            any(0 < today - then <= 60 for then in last.get(line, []))
            for line, today in zip(answers["subscription_id"], day, strict=True)
        ]
    )
    score = answers["score"].astype(float)
    error = np.sqrt(score[lately].var() / lately.sum() + score[~lately].var() / (~lately).sum())
    assert score[~lately].mean() - score[lately].mean() > 3 * error
    assert 0.25 < (score >= 9).mean() < 0.55
