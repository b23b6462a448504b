"""The world is plausible, and its causes can be found in the extracts and in the truth."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from tenure.simulator import Behaviour
from tests.oracle.deliveries import Row
from tests.simulator.conftest import EVENTS_PER_DAY

Rows = Callable[[str], list[Row]]

VOLUNTARY = ("request", "port_out")


@pytest.fixture(scope="module")
def truth(extracts: Path, rows_of: Rows) -> pd.DataFrame:
    """One row per line and closed month, with the plan type at the end added."""
    months = [pd.read_parquet(path) for path in sorted((extracts / "truth").glob("subscription_month_*.parquet"))[:12]]
    frame = pd.concat(months, ignore_index=True)
    plan = {row["offer_id"]: row["plan_type"] for row in rows_of("crm.offer")}
    last = {row["subscription_id"]: plan[row["main_offer_id"]] for row in rows_of("crm.subscription")}
    frame["plan_type"] = frame["subscription_id"].map(last)
    frame["left"] = frame["churn_reason"].isin(VOLUNTARY)
    return frame


@pytest.fixture(scope="module")
def events(rows_of: Rows) -> pd.DataFrame:
    """All usage events."""
    frame = pd.DataFrame(rows_of("usage.usage_event"))
    frame["started_at"] = pd.to_datetime(frame["started_at"], utc=True).dt.tz_convert("Asia/Shanghai")
    frame["volume_bytes"] = pd.to_numeric(frame["volume_bytes"])
    return frame


def test_monthly_churn_is_within_plausible_bounds(truth: pd.DataFrame) -> None:
    # Inactive churn takes 90 days to show; look at the months after.
    later = truth[truth["month"] >= "2025-12-01"]
    involuntary = later["churn_reason"].isin(("non_payment", "fraud"))
    everything = later["left"] | involuntary | later["inactive_churn_date"].notna()
    rates = everything.groupby(later["plan_type"]).mean()
    assert 0.01 <= rates["postpaid"] <= 0.03
    assert 0.025 <= rates["prepaid"] <= 0.05
    assert (later["inactive_churn_date"].notna() & (later["plan_type"] == "postpaid")).mean() < 0.001
    assert involuntary[later["plan_type"] == "postpaid"].mean() > 0.001


def test_the_true_hazard_is_calibrated_and_worth_modelling(truth: pd.DataFrame) -> None:
    at_risk = truth[truth["voluntary_hazard"].notna()]
    expected, seen = at_risk["voluntary_hazard"].sum(), at_risk["left"].sum()
    # A count of rare independent events: four standard deviations.
    assert abs(seen - expected) < 4 * np.sqrt(expected) + 0.05 * expected
    auc = roc_auc_score(at_risk["left"], at_risk["voluntary_hazard"])
    assert 0.80 <= auc <= 0.92


def test_hazard_is_made_of_its_written_parts(truth: pd.DataFrame, extracts: Path) -> None:
    at_risk = truth[truth["voluntary_hazard"].notna()]
    parts = [name for name in at_risk.columns if str(name).startswith("logit_")]
    logit = at_risk[parts].sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-logit)), at_risk["voluntary_hazard"], rtol=1e-9)
    written = json.loads((extracts / "truth" / "parameters.json").read_text())["behaviour"]["hazard"]
    hazard = Behaviour().hazard
    assert written["usage_decline"] == hazard.usage_decline
    assert set(at_risk["logit_contract_expiring"].unique()) == {0.0, hazard.contract_expiring}


@pytest.mark.parametrize("cause", ["tenure", "contract_expiring", "usage_decline", "price_gap"])
def test_each_planted_cause_is_recovered(truth: pd.DataFrame, cause: str) -> None:
    """The log odds of leaving rise one for one with each written part of them."""
    at_risk = truth[truth["voluntary_hazard"].notna()]
    parts = at_risk[[name for name in at_risk.columns if str(name).startswith("logit_")]]
    other = parts.drop(columns=f"logit_{cause}").sum(axis=1)
    features = np.column_stack([parts[f"logit_{cause}"], other])
    model = LogisticRegression(C=1e6, max_iter=1_000).fit(features, at_risk["left"])
    probability = model.predict_proba(features)[:, 1]
    design = np.column_stack([np.ones(len(features)), features])
    information = design.T @ (design * (probability * (1 - probability))[:, None])
    error = np.sqrt(np.linalg.inv(information)[1, 1])
    assert abs(model.coef_[0, 0] - 1) < 4 * error
    assert model.coef_[0, 0] > 2 * error, "the cause cannot be told from chance"


def test_those_who_leave_use_less_in_the_weeks_before(rows_of: Rows, events: pd.DataFrame) -> None:
    lines = {row["subscription_id"]: row for row in rows_of("crm.subscription") if row["msisdn"]}
    left = {}
    for row in rows_of("crm.subscription_event"):
        if row["reason_code"] in VOLUNTARY and row["subscription_id"] in lines:
            line, at = lines[row["subscription_id"]], pd.Timestamp(row["occurred_at"])
            if at - pd.Timestamp(line["activated_at"]) > pd.Timedelta(days=120) and at > pd.Timestamp(
                "2025-12-01T00:00:00+08:00"
            ):
                left[line["msisdn"]] = at.tz_convert("Asia/Shanghai")
    own = events[(events["direction"] == "outgoing") & events["msisdn"].isin(left)]
    days = (own["msisdn"].map(left) - own["started_at"]).dt.days
    last, before = ((days >= 0) & (days < 21)).sum(), ((days >= 90) & (days < 111)).sum()
    assert len(left) > 100
    # Those who leave over a price, a complaint or an expired contract need not have faded.
    assert last < 0.7 * before


def test_usage_has_a_weekly_and_a_daily_rhythm(events: pd.DataFrame) -> None:
    voice = events[events["service_type"] == "voice"]["started_at"]
    by_weekday = voice.dt.day_of_week.value_counts()
    assert by_weekday[[5, 6]].mean() < 0.85 * by_weekday[[0, 1, 2, 3, 4]].mean()
    assert voice.dt.hour.between(9, 20).mean() > 0.75
    data = events[events["service_type"] == "data"]["started_at"]
    assert data.dt.day_of_week.isin((5, 6)).mean() > voice.dt.day_of_week.isin((5, 6)).mean() + 0.03


def test_usage_and_sessions_have_heavy_tails(events: pd.DataFrame) -> None:
    per_line = events["msisdn"].value_counts().sort_values()
    assert per_line.iloc[-len(per_line) // 10 :].sum() > 0.28 * per_line.sum()
    volume = events["volume_bytes"].dropna().sort_values()
    assert volume.iloc[-len(volume) // 100 :].sum() > 0.12 * volume.sum()
    assert volume.median() < volume.mean() / 2


def test_lines_use_as_much_as_they_are_set_to(events: pd.DataFrame, rows_of: Rows, truth: pd.DataFrame) -> None:
    numbers = {row["subscription_id"] for row in rows_of("crm.subscription") if row["msisdn"]}
    mobile_months = truth["subscription_id"].isin(numbers).sum()
    assert 0.6 < len(events) / (mobile_months * 30.4) / EVENTS_PER_DAY < 1.2


def test_every_kind_of_change_happens(rows_of: Rows) -> None:
    kinds = Counter(row["event_type"] for row in rows_of("crm.subscription_event"))
    assert len(kinds) == 9
    assert min(kinds.values()) >= 5
    reasons = Counter(row["reason_code"] for row in rows_of("crm.subscription_event"))
    assert set(reasons) == {None, "request", "port_out", "non_payment", "fraud"}


def test_winners_back_name_the_line_they_had(rows_of: Rows) -> None:
    lines = {row["subscription_id"]: row for row in rows_of("crm.subscription")}
    ended = {
        row["subscription_id"]: row["occurred_at"]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    back = [row for row in lines.values() if row["predecessor_subscription_id"]]
    assert len(back) >= 10
    for row in back:
        assert ended[row["predecessor_subscription_id"]] < row["activated_at"]


def test_a_number_belongs_to_one_line_at_a_time_and_is_given_out_again(rows_of: Rows) -> None:
    ended = {
        row["subscription_id"]: row["occurred_at"]
        for row in rows_of("crm.subscription_event")
        if row["event_type"] == "terminated"
    }
    states = defaultdict(list)
    for row in rows_of("crm.subscription"):
        states[row["subscription_id"]].append(row)
    held = defaultdict(list)
    for line, versions in states.items():
        versions.sort(key=lambda row: row["effective_at"])
        ends = [row["effective_at"] for row in versions[1:]] + [ended.get(line, "9999")]
        for row, end in zip(versions, ends, strict=True):
            if row["msisdn"]:
                held[row["msisdn"]].append((row["effective_at"], end, line))
    reused = 0
    for periods in held.values():
        periods.sort()
        for (_, end, line), (begin, _, following) in pairwise(periods):
            assert end <= begin
            reused += line != following
    assert reused >= 3


def test_events_belong_to_lines_in_service_but_for_a_few_strays(rows_of: Rows, events: pd.DataFrame) -> None:
    known = {row["msisdn"] for row in rows_of("crm.subscription")}
    stray = (~events["msisdn"].isin(known)).mean()
    assert 0 < stray < 0.001


def test_account_level_charges_and_corrections_occur(rows_of: Rows) -> None:
    rows = rows_of("billing.invoice_line")
    whole_account = [row for row in rows if row["subscription_id"] is None]
    assert {"recurring", "discount", "ict_project"} <= {row["charge_type"] for row in whole_account}
    assert len(whole_account) < len(rows) / 20
    late = [row for row in rows if row["issued_at"][:7] == row["service_month"][:7]]
    assert not late, "a correction is issued after the month it corrects"
    assert {row["document_type"] for row in rows} == {"invoice", "credit_note", "adjustment", "statement"}
    assert all(float(row["net_amount"]) < 0 for row in rows if row["charge_type"] in ("credit", "discount"))


def test_groups_and_families(rows_of: Rows) -> None:
    kind = {row["customer_id"]: row["customer_type"] for row in rows_of("crm.customer")}
    owner = {row["subscription_id"]: row["customer_id"] for row in rows_of("crm.subscription")}
    owners = Counter(owner.values())
    group_lines = sum(count for customer, count in owners.items() if kind[customer] == "group")
    assert 0.07 < group_lines / len(owner) < 0.14
    assert sum(1 for customer, count in owners.items() if kind[customer] == "individual" and count > 1) > 200
    assert max(count for customer, count in owners.items() if kind[customer] == "group") > 10


def test_prepaid_lines_fall_silent_and_some_come_back(truth: pd.DataFrame) -> None:
    lost = truth[truth["inactive_churn_date"].notna()]
    assert len(lost) > 30
    assert lost["inactive_churn_date"].min() >= "2025-10-29", "nothing is known of silence before the first day"
    first_lost = lost.groupby("subscription_id")["month"].min()
    twice = truth[truth["subscription_id"].isin(first_lost.index)]
    later = twice[twice["month"] > twice["subscription_id"].map(first_lost)]
    assert later["voluntary_hazard"].notna().any(), "somebody is active again"


def test_behavioural_types_show_in_what_lines_use(truth: pd.DataFrame, events: pd.DataFrame, rows_of: Rows) -> None:
    line_of = {row["msisdn"]: row["subscription_id"] for row in rows_of("crm.subscription") if row["msisdn"]}
    kind = truth.drop_duplicates("subscription_id").set_index("subscription_id")["true_segment"]
    mine = events["msisdn"].map(line_of)
    known = events.assign(line=mine, kind=mine.map(kind)).dropna(subset=["kind"])
    data = (known["service_type"] == "data").groupby(known["kind"]).mean()
    assert data["talker"] < data["balanced"] - 0.1
    assert data["balanced"] < data["streamer"] - 0.1
    assert (known["roaming_type"] != "home").groupby(known["kind"]).mean().idxmax() == "traveller"
    # Rates are heavy-tailed: compare medians over lines, those without any event included.
    rate = known["line"].value_counts().reindex(sorted(set(line_of.values()))).fillna(0)
    median = rate.groupby(kind.reindex(rate.index)).median()
    assert median["light"] < 0.6 * median["balanced"]
    shares = kind.value_counts(normalize=True)
    assert set(shares.index) == {"balanced", "talker", "streamer", "light", "traveller"}
    # Shares of some 3,000 lines: four standard errors.
    assert abs(shares["talker"] - 0.20) < 4 * np.sqrt(0.2 * 0.8 / len(kind))
