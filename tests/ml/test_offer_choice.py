"""The choice of contacts: within every limit, and as good as an exhaustive search where one is possible."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.offer_choice import choose

candidates = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(-3, 20), st.integers(1, 6), st.booleans()),
    min_size=1,
    max_size=7,
)


def frame(rows: list[tuple[int, int, int, int, bool]]) -> pd.DataFrame:
    """Candidates: a subscription has one customer."""
    return pd.DataFrame(
        {
            "subscription_id": [f"s{subscription}" for subscription, *_ in rows],
            "customer_id": [f"c{(subscription + 1) // 2}" for subscription, *_ in rows],
            "increment": [float(increment) for _, _, increment, _, _ in rows],
            "cost": [float(cost) for _, _, _, cost, _ in rows],
            "is_allowed": [allowed for *_, allowed in rows],
        }
    )


def fits(rows: pd.DataFrame, picked: np.ndarray, budget: float, per_customer: int) -> bool:
    """Whether a choice keeps every limit."""
    chosen = rows[picked]
    return bool(
        chosen["cost"].sum() <= budget + 1e-9
        and not chosen["subscription_id"].duplicated().any()
        and (chosen.groupby("customer_id").size() <= per_customer).all()
        and chosen["is_allowed"].all()
        and (chosen["increment"] > chosen["cost"]).all()
    )


@settings(max_examples=150)
@given(candidates, st.integers(0, 15), st.integers(1, 2))
def test_choice__keeps_every_limit_and_is_within_a_contact_of_the_best(
    rows: list[tuple[int, int, int, int, bool]], budget: int, per_customer: int
) -> None:
    table = frame(rows)
    found = choose(table, budget, per_customer)
    assert fits(table, found.is_chosen, budget, per_customer)
    net = (table["increment"] - table["cost"]).to_numpy()
    options = [np.array(flags) for flags in product([False, True], repeat=len(table))]
    best = max(net[picked].sum() for picked in options if fits(table, picked, budget, per_customer))
    earned = net[found.is_chosen].sum()
    assert earned == pytest.approx(found.increment - found.cost)
    assert earned <= best + 1e-9 <= found.bound + 1e-6
    # What rounding may lose are contacts that the end of the budget cut.
    assert best - earned <= 2 * max(net.max(initial=0.0), 0.0)


def test_large_choice__is_nearly_the_best_there_can_be() -> None:
    rng = np.random.default_rng(1)
    count = 5000
    table = pd.DataFrame(
        {
            "subscription_id": [f"s{number // 3}" for number in range(count)],
            "customer_id": [f"c{number // 6}" for number in range(count)],
            "increment": rng.gamma(2.0, 10.0, count),
            "cost": rng.choice([0.2, 7.0, 8.0], count),
            "is_allowed": rng.random(count) < 0.7,
        }
    )
    found = choose(table, budget=500.0, per_customer=1)
    assert fits(table, found.is_chosen, 500.0, 1)
    assert found.increment - found.cost >= 0.98 * found.bound


def test_nothing_pays__nobody_is_contacted() -> None:
    table = frame([(1, 1, 1, 3, True), (2, 1, 9, 1, False)])
    found = choose(table, budget=100.0, per_customer=1)
    assert not found.is_chosen.any()
    assert (found.cost, found.increment, found.bound) == (0.0, 0.0, 0.0)
