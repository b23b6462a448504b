"""What can be seen in the usage events: who talks to whom, who pays, how holidays differ, and what an allowance is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.codes import SPONSORS
from tenure.simulator.journal import Journal
from tenure.simulator.opening import open_operator
from tenure.simulator.rating import DATA, SMS, VOICE, Rating
from tenure.simulator.rhythm import day_factors, is_holiday
from tenure.simulator.timeline import day_number, month_at
from tests.oracle.deliveries import Row

Rows = Callable[[str], list[Row]]


@pytest.fixture(scope="module")
def events(rows_of: Rows) -> pd.DataFrame:
    """All usage events."""
    return pd.DataFrame(rows_of("usage.usage_event"))


def _share_of_closest(events: pd.DataFrame, count: int) -> float:
    """Of the events of lines that talk much, the share that goes to their `count` most frequent other parties."""
    talks = events.groupby("msisdn")["event_id"].transform("size") >= 20
    pairs = events[talks].groupby(["msisdn", "other_party_msisdn"]).size().sort_values(ascending=False)
    return float(pairs.groupby("msisdn").head(count).sum() / pairs.sum())


def test_circles_are_found_in_repeated_contacts(events: pd.DataFrame) -> None:
    for network, friends in (("on_net", 6), ("off_net", 8)):
        talk = events[events["network_type"] == network]
        strangers = talk.assign(other_party_msisdn=np.random.default_rng(1).permutation(talk["other_party_msisdn"]))
        assert _share_of_closest(talk, friends) > 0.75
        assert _share_of_closest(strangers, friends) < 0.45


def test_lines_of_one_customer_talk_to_each_other(events: pd.DataFrame, rows_of: Rows) -> None:
    owner = {row["msisdn"]: row["customer_id"] for row in rows_of("crm.subscription") if row["msisdn"]}
    owners = pd.Series(owner)
    shared = owners[owners.map(owners.value_counts()) > 1]
    talk = events[(events["network_type"] == "on_net") & events["msisdn"].isin(shared.index)]
    within = talk["msisdn"].map(owner) == talk["other_party_msisdn"].map(owner)
    assert within.mean() > 0.3


def test_the_other_party_is_ours_on_the_net_and_nobodys_off_it(events: pd.DataFrame, rows_of: Rows) -> None:
    ours = {row["msisdn"] for row in rows_of("crm.subscription")}
    known = events["other_party_msisdn"].isin(ours)
    assert known[events["network_type"] == "on_net"].all()
    assert not known[events["network_type"] == "off_net"].any()
    assert events["other_party_msisdn"].notna().equals(events["service_type"].isin(("voice", "sms")))
    assert events["other_party_msisdn"].dropna().str.startswith("12").all()
    assert (events["msisdn"] != events["other_party_msisdn"]).all()
    operators = events.dropna(subset=["other_operator"]).groupby("other_party_msisdn")["other_operator"].nunique()
    assert operators.max() == 1, "a number stays with its operator"


def test_sponsored_data_cost_the_customer_nothing(events: pd.DataFrame) -> None:
    sponsored = events[events["sponsor_name"].notna()]
    assert set(sponsored["sponsor_name"]) == set(SPONSORS)
    assert set(sponsored["service_type"]) == {"data"}
    assert (pd.to_numeric(sponsored["rated_amount"]) == 0).all()
    share = len(sponsored) / (events["service_type"] == "data").sum()
    assert 0.03 < share < 0.05
    own = events[(events["service_type"] == "data") & events["sponsor_name"].isna()]
    assert (pd.to_numeric(own["rated_amount"]) > 0).mean() > 0.02


def test_holidays_are_like_sundays() -> None:
    assert is_holiday(date(2025, 10, 3))
    assert is_holiday(date(2026, 2, 17))
    assert not is_holiday(date(2025, 10, 8))
    october = month_at(date(2025, 10, 1), 0)
    friday, sunday, other_friday = (day_factors(october, day_number(date(2025, 10, day))) for day in (3, 12, 17))
    np.testing.assert_allclose(friday, sunday)
    assert friday[VOICE] < 0.8 * other_friday[VOICE]


def test_calls_drop_on_a_national_holiday(events: pd.DataFrame) -> None:
    calls = events[events["service_type"] == "voice"]["started_at"].str[:10].value_counts()
    holiday = calls.reindex([f"2025-10-0{day}" for day in (1, 2, 3, 6, 7)]).mean()
    ordinary = calls.reindex([f"2025-10-{day}" for day in (15, 16, 17, 20, 21)]).mean()
    # Counts: four standard deviations of the difference.
    assert ordinary - holiday > 4 * np.sqrt((ordinary + holiday) / 5)


def test_an_allowance_is_used_up_event_by_event_across_the_days() -> None:
    world = open_operator(1, Behaviour(), Journal(), month_at(date(2025, 8, 1), 0), 50)
    world.lines.offer[:] = 1  # 20 minutes, 3,000 MB, 10 messages
    rating, line = Rating(world), np.array([7, 7, 8])

    def price(service: int, amounts: list[int], roaming: int = 0) -> list[int]:
        count = len(amounts)
        return rating.price(
            line[:count],
            np.arange(count),
            np.full(count, service),
            np.ones(count, dtype=bool),
            np.full(count, roaming),
            np.array(amounts),
        ).tolist()

    assert price(VOICE, [61, 17 * 60, 20 * 60]) == [0, 0, 0]
    assert price(VOICE, [60, 2 * 60, 1]) == [0, 20, 10]  # one minute is left, then none
    assert price(VOICE, [1]) == [10]
    assert price(VOICE, [61], roaming=2) == [198]
    assert price(SMS, [-1] * 2) == [0, 0]
    assert price(DATA, [2_000 * 10**6, 1_500 * 10**6]) == [0, 250]
