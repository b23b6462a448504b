"""Campaigns are experiments whose true effects can be recovered from the extracts; points and consents are kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tenure.simulator import Behaviour, simulate
from tests.oracle.deliveries import Row, all_rows

Rows = Callable[[str], list[Row]]
VOLUNTARY = ("request", "port_out")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator large enough to tell effects from chance; usage is next to nothing."""
    out = tmp_path_factory.mktemp("market") / "out"
    simulate(out, subscriptions=16_000, months=13, seed=3, behaviour=Behaviour(events_per_day=0.02))
    return out


@pytest.fixture(scope="module")
def effects(market: Path) -> pd.DataFrame:
    """The true effects with the names of the campaigns."""
    frame = pd.read_csv(market / "truth" / "campaign_effect.csv")
    names = {row["campaign_id"]: row["campaign_name"] for row in all_rows(market, "marketing.campaign")}
    frame["campaign_name"] = frame["campaign_id"].map(names)
    return frame


@pytest.fixture(scope="module")
def targets(market: Path) -> pd.DataFrame:
    """Every target with the outcome that the extracts tell: left, took the offer or came back within the month."""
    contacts = pd.DataFrame(all_rows(market, "marketing.campaign_contact"))
    campaigns = {row["campaign_id"]: row for row in all_rows(market, "marketing.campaign")}
    contacts["campaign_name"] = contacts["campaign_id"].map(lambda key: campaigns[key]["campaign_name"])
    contacts["month"] = contacts["assigned_at"].str[:7]
    left, moved_up, came_back, took = set(), set(), set(), set()
    for row in all_rows(market, "crm.subscription_event"):
        month = row["occurred_at"][:7]
        if row["reason_code"] in VOLUNTARY:
            left.add((row["subscription_id"], month))
    for row in all_rows(market, "crm.subscribed_offer"):
        if row["ended_at"] is None:
            took.add((row["subscription_id"], row["started_at"][:7], row["offer_id"]))
    fees = {row["offer_id"]: float(row["monthly_fee_amount"]) for row in all_rows(market, "crm.offer")}
    states = defaultdict(list)
    for row in all_rows(market, "crm.subscription"):
        states[row["subscription_id"]].append((row["effective_at"], row["main_offer_id"]))
        if row["predecessor_subscription_id"]:
            came_back.add((row["predecessor_subscription_id"], row["activated_at"][:7]))
    for line, versions in states.items():
        for (_, before), (at, after) in pairwise(sorted(versions)):
            if before != after and fees[after] > fees[before]:
                moved_up.add((line, at[:7]))
    found = []
    for line, month, campaign_id in zip(
        contacts["subscription_id"], contacts["month"], contacts["campaign_id"], strict=False
    ):
        campaign = campaigns[campaign_id]
        if campaign["objective_code"] in ("retention", "loyalty"):
            found.append((line, month) in left)
        elif campaign["objective_code"] == "win_back":
            found.append((line, month) in came_back)
        elif campaign["offer_id"]:
            found.append((line, month, campaign["offer_id"]) in took)
        else:
            found.append((line, month) in moved_up)
    contacts["outcome"] = found
    contacts["is_control"] = contacts["is_control"].astype(str).str.lower() == "true"
    return contacts


def _difference(targets: pd.DataFrame) -> tuple[float, float]:
    """Treated minus control, and its standard error."""
    treated, control = targets[~targets["is_control"]]["outcome"], targets[targets["is_control"]]["outcome"]
    variance = sum(max(arm.var(ddof=0), 1 / len(arm)) / len(arm) for arm in (treated, control))
    return treated.mean() - control.mean(), float(np.sqrt(variance))


def test_treated_minus_control_recovers_every_campaign(targets: pd.DataFrame, effects: pd.DataFrame) -> None:
    """Each estimate lies within four standard errors of the truth, and together they are not too far off either."""
    distance = []
    for campaign_id, effect in zip(effects["campaign_id"], effects["average_effect"], strict=True):
        found, error = _difference(targets[targets["campaign_id"] == campaign_id])
        distance.append((found - float(effect)) / error)
    assert np.abs(distance).max() < 4, dict(zip(effects["campaign_id"], np.round(distance, 1), strict=False))
    assert np.mean(np.square(distance)) < 2


@pytest.mark.parametrize("name", ["Renew and save", "One plan up", "Data pack", "Come back"])
def test_campaigns_that_work_can_be_told_from_chance(targets: pd.DataFrame, effects: pd.DataFrame, name: str) -> None:
    found, error = _difference(targets[targets["campaign_name"] == name])
    truth = effects[effects["campaign_name"] == name]
    expected = np.average(truth["average_effect"], weights=truth["targeted"])
    assert np.sign(found) == np.sign(expected)
    assert abs(found) > 2.5 * error
    assert abs(found - expected) < 3 * error


@pytest.mark.parametrize("name", ["Bonus data", "One plan up by app", "Video and music", "Points gift"])
def test_campaigns_without_effect_show_none(targets: pd.DataFrame, effects: pd.DataFrame, name: str) -> None:
    found, error = _difference(targets[targets["campaign_name"] == name])
    assert (effects[effects["campaign_name"] == name]["average_effect"] == 0).all()
    assert abs(found) < 3 * error
    assert error < 0.03, "an effect worth having would be seen"


def test_the_save_call_wakes_sleeping_dogs_among_those_long_with_us(market: Path, targets: pd.DataFrame) -> None:
    called = targets[targets["campaign_name"] == "Save call"].copy()
    since = {row["subscription_id"]: row["activated_at"] for row in all_rows(market, "crm.subscription")}
    called["activated_at"] = called["subscription_id"].map(since)
    found, error = _difference(called)
    assert found > 2.5 * error, "the call drives customers away"
    oldest = pd.to_datetime(called["activated_at"], utc=True).rank(pct=True) < 0.4
    old, old_error = _difference(called[oldest])
    young, young_error = _difference(called[~oldest])
    assert old - young > 1 * np.hypot(old_error, young_error)
    kinds = _types(market, called["campaign_id"].iloc[0])
    dogs, dogs_error = _difference(called[called["subscription_id"].map(kinds) == "sleeping_dog"])
    assert dogs > 3 * dogs_error


def test_persuadable_lines_are_those_that_campaigns_move(market: Path, targets: pd.DataFrame) -> None:
    chosen = targets[targets["campaign_name"] == "One plan up"].copy()
    chosen["kind"] = [
        kind
        for campaign_id, rows in chosen.groupby("campaign_id", sort=False)
        for kind in rows["subscription_id"].map(_types(market, str(campaign_id)))
    ]
    moved, error = _difference(chosen[chosen["kind"] == "persuadable"])
    assert moved > 5 * error
    for kind in ("sure", "lost"):
        same, error = _difference(chosen[chosen["kind"] == kind])
        assert abs(same) < 3.5 * error


def _types(market: Path, campaign_id: str) -> dict[str, str]:
    truth = pd.read_parquet(market / "truth" / f"campaign_response_{campaign_id}.parquet")
    return dict(zip(truth["subscription_id"], truth["response_type"], strict=False))


def test_control_groups_are_drawn_at_random(market: Path, targets: pd.DataFrame) -> None:
    shares = {row["campaign_id"]: float(row["control_share"]) for row in all_rows(market, "marketing.campaign")}
    signed: dict[str, str] = {}
    for row in all_rows(market, "crm.contract"):
        line = row["subscription_id"]
        signed[line] = min(signed.get(line, "9999"), row["effective_at"])
    for campaign_id, rows in targets.groupby("campaign_id"):
        share, count = shares[str(campaign_id)], len(rows)
        assert abs(rows["is_control"].mean() - share) < 4 * np.sqrt(share * (1 - share) / count)
    # Whoever had a contract before is as likely to be in one group as in the other.
    bound = targets["subscription_id"].map(signed).fillna("9999") < targets["assigned_at"]
    gaps = []
    for _, rows in targets.groupby("campaign_id"):
        arms = bound[rows.index]
        one, other = arms[rows["is_control"]], arms[~rows["is_control"]]
        error = np.sqrt(max(arms.var(ddof=0), 1e-4) * (1 / len(one) + 1 / len(other)))
        gaps.append((one.mean() - other.mean()) / error)
    assert np.mean(np.square(gaps)) < 2


def test_truth_is_consistent_with_the_hazard(market: Path, effects: pd.DataFrame) -> None:
    row = effects[effects["campaign_name"] == "Save call"].iloc[0]
    month = pd.read_parquet(market / "truth" / f"subscription_month_{row['campaign_id'][1:7]}.parquet")
    truth = pd.read_parquet(market / "truth" / f"campaign_response_{row['campaign_id']}.parquet")
    both = truth.merge(month, on="subscription_id")
    control = both[both["is_control"] & both["voluntary_hazard"].notna()]
    np.testing.assert_allclose(control["probability_without"], control["voluntary_hazard"], rtol=1e-6)
    treated = both[~both["is_control"] & both["voluntary_hazard"].notna()]
    np.testing.assert_allclose(treated["probability_with"], treated["voluntary_hazard"], rtol=1e-6)
    assert abs((truth["probability_with"] - truth["probability_without"]).mean() - row["average_effect"]) < 1e-7


def test_accepted_offers_are_held_and_control_lines_accept_nothing(market: Path, targets: pd.DataFrame) -> None:
    sold = targets[targets["campaign_name"].isin(("One plan up", "Data pack", "Video and music", "Come back"))]
    accepted = sold[sold["response_code"] == "accepted"]
    assert len(accepted) > 500
    assert accepted["outcome"].all()
    orders = {
        (row["subscription_id"], row["effective_at"])
        for row in all_rows(market, "crm.order")
        if row["order_type"] in ("migrate", "addon") and row["status_code"] == "completed"
    }
    for row in accepted[accepted["campaign_name"] != "Come back"].itertuples():
        assert (row.subscription_id, row.responded_at) in orders
    assert (targets[targets["is_control"]]["response_code"] == "none").all()
    assert (targets[targets["is_control"]]["delivery_code"] == "not_contacted").all()


def test_renewals_accepted_are_signed(market: Path, targets: pd.DataFrame) -> None:
    signed = {(row["subscription_id"], row["effective_at"]) for row in all_rows(market, "crm.contract")}
    accepted = targets[(targets["campaign_name"] == "Renew and save") & (targets["response_code"] == "accepted")]
    matched = [(row.subscription_id, row.responded_at) in signed for row in accepted.itertuples()]
    assert len(matched) > 100
    # Prepaid lines have no contract, and some postpaid ones are bound for longer already: they are no renewals.
    assert np.mean(matched) > 0.25


def test_nobody_is_contacted_against_his_will_or_too_often(rows_of: Rows) -> None:
    changes = defaultdict(list)
    for row in rows_of("crm.consent"):
        if row["purpose_code"] == "marketing":
            granted = str(row["is_granted"]).lower() == "true"
            changes[row["customer_id"], row["channel_code"]].append((row["effective_at"], granted))
    channel = {row["campaign_id"]: row["channel_code"] for row in rows_of("marketing.campaign")}
    contacts: Counter[tuple[str, str]] = Counter()
    deliveries: Counter[str] = Counter()
    for row in rows_of("marketing.campaign_contact"):
        deliveries[row["delivery_code"]] += 1
        assert (row["contacted_at"] is not None) == (row["delivery_code"] in ("delivered", "failed"))
        if row["contacted_at"]:
            contacts[row["subscription_id"], row["contacted_at"][:7]] += 1
            for allowed_by in ("any", channel[row["campaign_id"]]):
                history = sorted(changes[row["customer_id"], allowed_by])
                known = [granted for at, granted in history if at <= row["contacted_at"]]
                assert known[-1] if known else allowed_by != "any"
    assert max(contacts.values()) <= 2
    assert set(deliveries) == {"delivered", "failed", "opted_out", "not_contacted"}


def test_points_tie_and_never_go_below_zero(rows_of: Rows) -> None:
    """An independent ledger by lots: the oldest are spent first, and what is left of a lot expires on its day."""
    moves = defaultdict(list)
    for row in rows_of("marketing.loyalty_transaction"):
        moves[row["customer_id"]].append(row)
    kinds: Counter[str] = Counter()
    for rows in moves.values():
        lots: list[list] = []
        for row in sorted(rows, key=lambda row: (row["occurred_at"], row["transaction_type"] != "expire")):
            points = int(row["points"])
            kinds[row["transaction_type"]] += 1
            if points > 0:
                lots.append([row["expires_on_date"], points])
                continue
            lots.sort()
            if row["transaction_type"] == "expire":
                due = sum(left for day, left in lots if day <= row["occurred_at"][:10])
                assert due == -points
            assert sum(left for _, left in lots) >= -points
            for lot in lots:
                used = min(lot[1], -points)
                lot[1] -= used
                points += used
    assert min(kinds[kind] for kind in ("earn", "redeem", "expire", "adjust")) > 20


def test_points_are_earned_on_last_months_bill(rows_of: Rows) -> None:
    billed: Counter[tuple[str, str]] = Counter()
    for row in rows_of("billing.invoice_line"):
        own = row["charge_type"] in ("recurring", "usage", "discount") and row["document_type"] != "adjustment"
        if row["subscription_id"] and own:
            billed[row["subscription_id"], row["service_month"]] += round(float(row["net_amount"]) * 100)
    checked = 0
    for row in rows_of("marketing.loyalty_transaction"):
        year, month = int(row["occurred_at"][:4]), int(row["occurred_at"][5:7])
        if row["transaction_type"] == "earn" and (year, month) > (2025, 8):
            before = f"{year - (month == 1)}-{(month - 2) % 12 + 1:02d}-01"
            assert int(row["points"]) == billed[row["subscription_id"], before] // 100
            checked += 1
    assert checked > 1_000


def test_those_who_fade_spend_their_points(rows_of: Rows, extracts: Path) -> None:
    """Points spent to the last are a sign of leaving: it shows in the usage lost in the same month."""
    balance: Counter[str] = Counter()
    emptied = set()
    for row in sorted(rows_of("marketing.loyalty_transaction"), key=lambda row: row["occurred_at"]):
        balance[row["customer_id"]] += int(row["points"])
        if row["transaction_type"] == "redeem" and balance[row["customer_id"]] == 0:
            emptied.add((row["customer_id"], row["occurred_at"][:7]))
    owner = {row["subscription_id"]: row["customer_id"] for row in rows_of("crm.subscription")}
    paths = sorted((extracts / "truth").glob("subscription_month_*.parquet"))[:12]
    frame = pd.concat([pd.read_parquet(path) for path in paths])
    keys = zip(frame["subscription_id"].map(owner), frame["month"].astype(str).str[:7], strict=False)
    spent = np.array([key in emptied for key in keys])
    assert spent.sum() > 30
    assert frame["usage_decline"][spent].mean() > 3 * frame["usage_decline"][~spent].mean()


def test_leads_go_forward_and_converted_ones_name_their_line(rows_of: Rows) -> None:
    order = ["new", "contacted", "qualified", "converted"]
    activated = {row["subscription_id"]: row["activated_at"] for row in rows_of("crm.subscription")}
    history = defaultdict(list)
    for row in rows_of("marketing.lead"):
        history[row["lead_id"]].append(row)
    ends: Counter[str] = Counter()
    for rows in history.values():
        rows.sort(key=lambda row: row["effective_at"])
        states = [row["status_code"] for row in rows]
        assert states[0] == "new" and len(set(states)) == len(states)
        forward = [order.index(state) for state in states if state != "lost"]
        assert forward == list(range(len(forward)))
        assert "lost" not in states[:-1]
        ends[states[-1]] += 1
        if states[-1] == "converted":
            assert activated[rows[-1]["subscription_id"]] == rows[-1]["effective_at"]
            assert rows[-1]["customer_id"]
    assert ends["converted"] > 100 and ends["lost"] > 100


def test_care_is_for_the_lines_worth_most(rows_of: Rows) -> None:
    actions = rows_of("marketing.care_action")
    assert {row["action_type"] for row in actions} >= {"birthday", "renewal_visit", "upgrade", "satisfaction_call"}
    assert {row["outcome_code"] for row in actions} == {None, "done", "no_answer", "refused", "cancelled"}
    billed: dict[str, float] = defaultdict(float)
    for row in rows_of("billing.invoice_line"):
        billed[row["subscription_id"]] += float(row["net_amount"])
    cared = {row["subscription_id"] for row in actions}
    others = [amount for line, amount in billed.items() if line and line not in cared]
    assert np.mean([billed[line] for line in cared]) > 2 * np.mean(others)
    for row in actions:
        assert (row["done_at"] is not None) == (row["outcome_code"] == "done")
