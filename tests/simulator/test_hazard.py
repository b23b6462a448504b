"""The causes of leaving, recovered from the extracts alone by a discrete-time survival regression.

Mobile postpaid lines are followed month by month: whether such a line is free to leave stands in the extracts, while
the silence of a prepaid line can only be guessed. Every feature is built from delivered files as of the first instant
of the month; the truth gives the coefficients to compare with, nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tenure.simulator import Behaviour, simulate
from tenure.simulator.behaviour import Hazard
from tests.simulator.extract_frames import as_of, fit_logit, frame, local_days

LINES, MONTHS, SEED = 7_000, 13, 11
FIRST = 3  # bill shocks need three bills
# Two standard errors tell a cause from chance; four cover the estimate of a coefficient that is measured exactly.
TELLS, COVERS = 2, 4


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough lines, in lively enough use, for a regression: the extracts of 13 closed months."""
    out = tmp_path_factory.mktemp("busy") / "out"
    simulate(out, subscriptions=LINES, months=MONTHS, seed=SEED, behaviour=Behaviour(events_per_day=1.0))
    return out


def _starts() -> list[str]:
    months = pd.period_range("2025-08", periods=MONTHS + 1, freq="M")
    return [f"{month}-01T00:00:00+08:00" for month in months]


def _usage(busy: Path) -> pd.DataFrame:
    """Own usage events by number and month (columns 0, 1, ...)."""
    counts = {}
    for month, path in enumerate(sorted((busy / "usage.usage_event").glob("*.parquet"))):
        events = pd.read_parquet(path, columns=["msisdn", "direction"])
        counts[month] = events.loc[events["direction"] == "outgoing", "msisdn"].value_counts()
    return pd.DataFrame(counts).fillna(0)


def _usage_lost(counts: pd.DataFrame, numbers: pd.Series, month: int) -> np.ndarray:
    """Share of normal usage missing in the month before: measured with error, by the noise of counts and because
    normal is itself the mean of earlier months in which usage may have been fading already."""
    mine = counts.reindex(numbers).fillna(0)
    usual = mine[list(range(max(0, month - 7), month - 1))].quantile(0.7, axis=1)
    return np.where(usual >= 8, np.clip(1 - mine[month - 1] / usual.clip(lower=1), 0, 1), 0.0)


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


def _month(busy: Path, tables: dict[str, pd.DataFrame], month: int) -> pd.DataFrame:
    """One row per line at risk in the month: what is known at its start, and whether it left by its own will."""
    starts = _starts()
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
    last, *usual = (bills[starts[month - back][:10]] for back in (1, 2, 3))
    known = (last >= 0) & (usual[0] > 0) & (usual[1] > 0)
    shock = last / ((usual[0] + usual[1]) / 2).clip(lower=0.01) - 1
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
    table["usage_decline"] = _usage_lost(tables["usage"], lines["msisdn"], month)
    now = events[(events["occurred_at"] >= start) & (events["occurred_at"] < end)]
    left = now.loc[now["reason_code"].isin(("request", "port_out")), "subscription_id"]
    table["left"] = table.index.isin(left)
    return table


@pytest.fixture(scope="module")
def at_risk(busy: Path) -> pd.DataFrame:
    """One row per mobile postpaid line and month."""
    tables = {
        name: frame(busy, f"crm.{name}") for name in ("subscription", "offer", "customer", "contract")
    } | {name: frame(busy, f"market.{name}") for name in ("rival_offer", "rival_campaign")}
    tables["event"] = frame(busy, "crm.subscription_event").sort_values("occurred_at", kind="stable")
    tables["contract"]["end_day"] = local_days(tables["contract"]["end_date"])
    tables["rival_offer"]["fee"] = tables["rival_offer"]["monthly_fee_amount"].astype(float)
    tables["bills"], tables["discounts"] = _bills(busy)
    tables["usage"] = _usage(busy)
    tables["quality"] = frame(busy, "network.quality_daily").astype({"outage_minutes": float})
    tickets = frame(busy, "care.ticket")
    tickets["opened_day"] = local_days(tickets["opened_at"])
    tables["complaint"] = tickets[tickets["ticket_type"] == "complaint"]
    return pd.concat({month: _month(busy, tables, month) for month in range(FIRST, MONTHS)})


@pytest.fixture(scope="module")
def fitted(at_risk: pd.DataFrame) -> pd.DataFrame:
    """The regression of leaving on everything that is known."""
    return fit_logit(at_risk.drop(columns="left"), at_risk["left"])


def test_lines_at_risk_are_those_of_the_truth(busy: Path, at_risk: pd.DataFrame) -> None:
    truth = pd.read_parquet(sorted((busy / "truth").glob("subscription_month_*.parquet"))[FIRST])
    free = set(truth.loc[truth["voluntary_hazard"].notna(), "subscription_id"])
    rebuilt = set(at_risk.loc[FIRST].index)
    assert len(rebuilt - free) <= 0.002 * len(rebuilt)


@pytest.mark.parametrize(
    "cause",
    ["group", "young_tenure", "bound_by_contract", "contract_expiring", "bill_shock"]
    + ["rival_campaign", "network", "complaint"],
)
def test_a_cause_that_the_extracts_state_exactly_has_its_coefficient(fitted: pd.DataFrame, cause: str) -> None:
    estimate, error = fitted.loc[cause]
    planted = getattr(Hazard(), cause)
    assert abs(estimate - planted) < COVERS * error, (estimate, error, planted)
    assert np.sign(planted) * estimate > TELLS * error, "the cause cannot be told from chance"


def test_the_price_against_rivals_has_its_coefficient(fitted: pd.DataFrame) -> None:
    # A dear plan also makes usage fade, and fading is measured with error, so that its price takes over part of it:
    # up to a third above the planted coefficient is expected.
    estimate, error = fitted.loc["price_gap"]
    planted = Hazard().price_gap
    assert planted - COVERS * error < estimate < 1.35 * planted + COVERS * error
    assert estimate > TELLS * error


def test_fading_usage_comes_before_leaving(fitted: pd.DataFrame) -> None:
    # Measured by counts of events against earlier counts, the share of usage lost carries noise in most lines and none
    # of the planted effect there, so that the coefficient is attenuated; it may not be larger than the planted one.
    estimate, error = fitted.loc["usage_decline"]
    planted = Hazard().usage_decline
    assert 0.4 * planted < estimate < planted + COVERS * error
    assert estimate > 10 * error


def test_the_regression_sees_no_cause_that_is_not_there(at_risk: pd.DataFrame) -> None:
    """The same regression on outcomes dealt out by chance finds nothing: the tests above can fail."""
    rng = np.random.default_rng(1)
    dealt = pd.Series(rng.permutation(at_risk["left"].to_numpy()), index=at_risk.index)
    result = fit_logit(at_risk.drop(columns="left"), dealt).drop("intercept")
    assert (result["coefficient"].abs() < COVERS * result["error"]).all()
    planted = Hazard()
    strong = ["young_tenure", "contract_expiring", "price_gap", "usage_decline", "network", "complaint"]
    for cause in strong:
        assert abs(result.loc[cause, "coefficient"] - getattr(planted, cause)) > COVERS * result.loc[cause, "error"]


def test_the_ceiling_is_the_auc_of_the_true_hazards(busy: Path) -> None:
    ceiling = json.loads((busy / "truth" / "ceiling.json").read_text())
    assert [record["month"] for record in ceiling] == [start[:10] for start in _starts()[:-1]]
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
