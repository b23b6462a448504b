"""The causes of leaving, recovered from the extracts alone by a discrete-time survival regression.

Mobile postpaid lines are followed month by month: whether such a line is free to leave stands in the extracts, while
the silence of a prepaid line can only be guessed. Every feature is built from delivered files as of the first instant
of the month; the truth gives the coefficients to compare with, nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tenure.simulator.behaviour import Hazard
from tests.simulator.extract_frames import Estimate, as_of, fit_logit, frame, local_days, month_starts

MONTHS = 13
FIRST = 3  # bill shocks need three bills
ENOUGH_EVENTS = 12
# Two standard errors tell a cause from chance; four cover the estimate of a coefficient that is measured exactly.
TELLS, COVERS = 2, 4
# Fading and the circle are measured with error: what stays unseen of them makes lines differ in ways that no feature
# tells, which takes something off every other coefficient, up to 15 percent here.
FRAILTY = 0.15
EXACT = (
    *("group", "young_tenure", "bound_by_contract", "contract_expiring"),
    *("bill_shock", "rival_campaign", "network", "complaint"),
)


def _events(busy: Path) -> Iterator[pd.DataFrame]:
    """Usage by month: the number, and the other party on our own network (0 for none), both as integers."""
    for path in sorted((busy / "usage.usage_event").glob("*.parquet")):
        table = pq.read_table(path, columns=["msisdn", "network_type", "other_party_msisdn"])
        on_net = pc.equal(table["network_type"], "on_net")
        other = pc.if_else(on_net, pc.fill_null(table["other_party_msisdn"], "0"), "0")
        numbers = {"number": table["msisdn"], "other": other}
        yield pd.DataFrame({name: pc.cast(column, "int64").to_numpy() for name, column in numbers.items()})


def _usage_and_friends(busy: Path) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Events by number and month (columns 0, 1, ..., as if every month had the same total), and who is known by the
    start of each month to belong to whose circle: at least three calls or messages so far."""
    counts: dict[int, pd.Series] = {}
    talks: list[pd.DataFrame] = []
    friends: list[pd.DataFrame] = []
    for month, events in enumerate(_events(busy)):
        so_far = pd.concat(talks) if talks else pd.DataFrame(columns=["number", "other", "times"], dtype="int64")
        times = so_far.groupby(["number", "other"])["times"].sum()
        friends.append(times[times >= 3].index.to_frame(index=False))
        counts[month] = events["number"].value_counts()
        known = events[events["other"] > 0].groupby(["number", "other"]).size()
        talks.append(known.rename("times").reset_index())
    usage = pd.DataFrame(counts).fillna(0)
    return usage * usage.sum().mean() / usage.sum(), friends


def _usage_lost(counts: pd.DataFrame, numbers: pd.Series, month: int) -> tuple[np.ndarray, np.ndarray]:
    """Usual events a month, and the share of them missing in the month before.

    Measured with error, by the noise of counts and because the usual is taken from earlier months in which usage may
    have been fading already.
    """
    mine = counts.reindex(numbers).fillna(0).to_numpy()
    earlier = np.sort(mine[:, max(0, month - 7) : month - 1], axis=1)
    months = (earlier > 0).sum(axis=1)
    # The month that seven in ten of those with usage do not exceed.
    place = earlier.shape[1] - months + (0.7 * (months - 1)).astype(int)
    usual = np.where(months > 0, earlier[np.arange(len(mine)), np.minimum(place, earlier.shape[1] - 1)], 0.0)
    return usual, np.clip(1 - mine[:, month - 1] / np.maximum(usual, 1), 0, 1)


def _circle_lost(friends: pd.DataFrame, tables: dict[str, Any], month: int) -> pd.Series:
    """By number, the share of its circle that ended in the two months before; who ended earlier counts no more.

    Measured with error: who fell silent for good is lost too but ends later, and a circle is known by its calls only.
    """
    starts = month_starts(MONTHS)
    lines = as_of(tables["subscription"], "number", starts[month])
    ended = friends["other"].map(lines["subscription_id"]).map(tables["ended"]).fillna("9999")
    counted = ended >= starts[month - 2]
    lost = counted & (ended < starts[month])
    together = pd.DataFrame({"lost": lost.astype(float), "counted": counted.astype(float)})
    by_number = together.groupby(friends["number"]).sum()
    return by_number["lost"] / by_number["counted"].clip(lower=1)


def _bills(busy: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Plan and usage charges by line and service month, and the discount as a share of the main fee."""
    rows = frame(busy, "billing.invoice_line")
    rows = rows[rows["subscription_id"].notna() & rows["document_type"].isin(("invoice", "statement"))]
    rows = rows.assign(amount=rows["net_amount"].astype(float))
    kinds = rows[rows["charge_type"].isin(("recurring", "usage", "discount"))]
    bills = kinds.pivot_table(index="subscription_id", columns="service_month", values="amount", aggfunc="sum")
    main = rows[~rows["offer_id"].fillna("X").str.startswith("X")]
    parts = main.pivot_table(
        index=["subscription_id", "service_month"], columns="charge_type", values="amount", aggfunc="sum"
    )
    share = (-parts["discount"].fillna(0) / parts["recurring"]).unstack("service_month")
    return bills, share


def _month(tables: dict[str, Any], friends: pd.DataFrame, month: int) -> pd.DataFrame:
    """One row per line at risk in the month: what is known at its start, and whether it left by its own will."""
    starts = month_starts(MONTHS + 1)
    start, end, before = starts[month], starts[month + 1], starts[month - 1]
    today = int(local_days(pd.Series([start])).iloc[0])
    lines = as_of(tables["subscription"], "subscription_id", start)
    offers = as_of(tables["offer"], "offer_id", f"{start[:10]}T00:00:01")
    events = tables["event"]
    past = events[events["occurred_at"] < start]
    barred = past[past["event_type"].isin(("suspended", "resumed"))].drop_duplicates("subscription_id", keep="last")
    gone = set(past.loc[past["event_type"] == "terminated", "subscription_id"])
    gone |= set(barred.loc[barred["event_type"] == "suspended", "subscription_id"])
    plan = offers.loc[lines["main_offer_id"]]
    postpaid = ((plan["plan_type"] == "postpaid") & (plan["service_line"] == "mobile")).to_numpy()
    lines = lines[postpaid & ~lines.index.isin(gone)]
    table = pd.DataFrame(index=lines.index)
    group = as_of(tables["customer"], "customer_id", start)["customer_type"] == "group"
    table["group"] = group.loc[lines["customer_id"]].to_numpy(dtype=float)
    tenure = (pd.Timestamp(start) - pd.to_datetime(lines["activated_at"])).dt.total_seconds() / 86_400 / 30.44
    table["young_tenure"] = np.exp(-tenure.clip(lower=0) / 10)
    ends = as_of(tables["contract"], "subscription_id", start)["end_day"].reindex(lines.index)
    table["bound_by_contract"] = (ends > today + 30).astype(float)
    table["contract_expiring"] = ends.between(today - 45, today + 30).astype(float)
    bills = tables["bills"].reindex(lines.index).fillna(0)
    last, before_last, earliest = (bills[starts[month - back][:10]] for back in (1, 2, 3))
    known = (last >= 0) & (before_last > 0) & (earliest > 0)
    shock = last / ((before_last + earliest) / 2).clip(lower=0.01) - 1
    table["bill_shock"] = np.where(known, shock.clip(0, 1.5), 0.0)
    own = offers.loc[lines["main_offer_id"], "monthly_fee_amount"].astype(float).to_numpy()
    # The discount in force is the one of this month's bill; who left on its first day was not billed for it.
    share = tables["discounts"].reindex(lines.index)
    discount = share[start[:10]].fillna(share[before[:10]]).fillna(0)
    rivals = as_of(tables["rival_offer"], "rival_offer_id", f"{start[:10]}T00:00:01")
    lowest = rivals.groupby(["region_id", "comparable_offer_id"])["fee"].min()
    theirs = lowest.loc[list(zip(lines["region_id"], lines["main_offer_id"], strict=True))].to_numpy()
    table["price_gap"] = np.log(own * (1 - discount) / theirs)
    campaigns = tables["rival_campaign"]
    on = campaigns[(campaigns["start_date"] <= start[:10]) & (campaigns["end_date"] >= start[:10])]
    strongest = on[on["service_line"] == "mobile"].groupby("region_id")["discount_percent"].max() / 20
    table["rival_campaign"] = lines["region_id"].map(strongest).fillna(0)
    quality = tables["quality"]
    lost = quality[quality["quality_date"].between(before[:10], start[:10], inclusive="left")]
    lost = lost[lost["technology_code"] != "broadband"].groupby("region_id")["outage_minutes"].sum() / 2 / 60 / 24
    table["network"] = lines["region_id"].map(lost).clip(upper=2)
    tickets = tables["complaint"]
    recent = tickets[tickets["opened_day"].between(today - 60, today, inclusive="left")]
    table["complaint"] = lines.index.isin(recent["subscription_id"]).astype(float)
    usual, table["usage_decline"] = _usage_lost(tables["usage"], lines["number"], month)
    table["circle"] = lines["number"].map(_circle_lost(friends, tables, month)).fillna(0)
    now = events[(events["occurred_at"] >= start) & (events["occurred_at"] < end)]
    left = now.loc[now["reason_code"].isin(("request", "port_out")), "subscription_id"]
    table["left"] = table.index.isin(left)
    # Usage can have faded only where it was known before: two full months of it, and enough events to compare.
    return table[(tenure > 2.5) & (usual >= ENOUGH_EVENTS)]


@pytest.fixture(scope="module")
def at_risk(busy: Path) -> pd.DataFrame:
    """One row per mobile postpaid line and month."""
    crm, market = ("subscription", "offer", "customer", "contract"), ("rival_offer", "rival_campaign")
    tables: dict[str, Any] = {name: frame(busy, f"crm.{name}") for name in crm}
    tables |= {name: frame(busy, f"market.{name}") for name in market}
    tables["subscription"]["number"] = tables["subscription"]["msisdn"].fillna("0").astype("int64")
    tables["event"] = frame(busy, "crm.subscription_event")
    over = tables["event"][tables["event"]["event_type"] == "terminated"]
    tables["ended"] = over.set_index("subscription_id")["occurred_at"]
    tables["contract"]["end_day"] = local_days(tables["contract"]["end_date"])
    tables["rival_offer"]["fee"] = tables["rival_offer"]["monthly_fee_amount"].astype(float)
    tables["bills"], tables["discounts"] = _bills(busy)
    tables["usage"], friends = _usage_and_friends(busy)
    tables["quality"] = frame(busy, "network.quality_daily").astype({"outage_minutes": float})
    tickets = frame(busy, "care.ticket")
    tickets["opened_day"] = local_days(tickets["opened_at"])
    tables["complaint"] = tickets[tickets["ticket_type"] == "complaint"]
    return pd.concat({month: _month(tables, friends[month], month) for month in range(FIRST, MONTHS)})


@pytest.fixture(scope="module")
def fitted(at_risk: pd.DataFrame) -> dict[str, Estimate]:
    """The regression of leaving on everything that is known."""
    return fit_logit(at_risk.drop(columns="left"), at_risk["left"])


def test_lines_at_risk_are_those_of_the_truth(busy: Path, at_risk: pd.DataFrame) -> None:
    truth = pd.read_parquet(sorted((busy / "truth").glob("subscription_month_*.parquet"))[FIRST])
    free = set(truth.loc[truth["voluntary_hazard"].notna(), "subscription_id"])
    rebuilt = set(at_risk.loc[FIRST].index)
    assert len(rebuilt - free) <= 0.002 * len(rebuilt)


@pytest.mark.parametrize("cause", EXACT)
def test_a_cause_that_the_extracts_state_exactly_has_its_coefficient(fitted: dict[str, Estimate], cause: str) -> None:
    estimate, error = fitted[cause]
    planted = getattr(Hazard(), cause)
    assert abs(estimate - planted) < COVERS * error + FRAILTY * abs(planted), (estimate, error, planted)
    assert np.sign(planted) * estimate > TELLS * error, "the cause cannot be told from chance"


def test_the_price_against_rivals_has_its_coefficient(fitted: dict[str, Estimate]) -> None:
    # A dear plan also makes usage fade, and fading is measured with error, so that its price takes over part of that:
    # up to a third above the planted coefficient is expected.
    estimate, error = fitted["price_gap"]
    planted = Hazard().price_gap
    assert planted - COVERS * error < estimate < 1.35 * planted + COVERS * error
    assert estimate > TELLS * error


@pytest.mark.parametrize(("cause", "least"), [("usage_decline", 0.6), ("circle", 0.3)])
def test_a_cause_measured_with_error_has_part_of_its_coefficient(
    fitted: dict[str, Estimate], cause: str, least: float
) -> None:
    # Error in a feature takes something off its coefficient (attenuation) and adds nothing to it.
    estimate, error = fitted[cause]
    planted = getattr(Hazard(), cause)
    assert least * planted - COVERS * error < estimate < planted + COVERS * error
    assert estimate > TELLS * error


def test_the_regression_sees_no_cause_that_is_not_there(at_risk: pd.DataFrame) -> None:
    """The same regression on outcomes dealt out by chance finds nothing: the tests above can fail."""
    rng = np.random.default_rng(1)
    dealt = pd.Series(rng.permutation(at_risk["left"].to_numpy()), index=at_risk.index)
    result = fit_logit(at_risk.drop(columns="left"), dealt)
    assert all(abs(estimate) < COVERS * error for estimate, error in result.values())
    planted = Hazard()
    for cause in ("young_tenure", "contract_expiring", "usage_decline"):
        assert abs(result[cause].coefficient - getattr(planted, cause)) > COVERS * result[cause].error


def test_the_ceiling_is_the_auc_of_the_true_hazards(busy: Path) -> None:
    ceiling = json.loads((busy / "truth" / "ceiling.json").read_text())
    assert [record["month"] for record in ceiling] == [start[:10] for start in month_starts(MONTHS)]
    for record, path in zip(ceiling, sorted((busy / "truth").glob("subscription_month_*.parquet")), strict=True):
        hazard = pd.read_parquet(path)["voluntary_hazard"].dropna().to_numpy()
        assert record["all"]["at_risk"] == len(hazard)
        assert record["all"]["expected_churners"] == pytest.approx(hazard.sum(), abs=1e-3)
        # Pairs drawn as the hazards have them; the error of a share of 40,000 pairs is at most 0.0025.
        rng = np.random.default_rng(0)
        case = rng.choice(hazard, 40_000, p=hazard / hazard.sum())
        other = rng.choice(hazard, 40_000, p=(1 - hazard) / (1 - hazard).sum())
        seen = (case > other).mean() + (case == other).mean() / 2
        assert abs(record["all"]["auc"] - seen) < 4 * 0.0025
        assert record["prepaid"]["at_risk"] + record["postpaid"]["at_risk"] == len(hazard)


def test_leaving_can_be_foreseen_but_not_trivially(busy: Path) -> None:
    for record in json.loads((busy / "truth" / "ceiling.json").read_text()):
        assert 0.80 <= record["all"]["auc"] <= 0.92, record["month"]
