"""Lifetime values of a made-up operator of which the truth is known."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from ml.lifetime_value import (
    CONTRACTUAL,
    INPUTS,
    KINDS,
    PREPAID,
    LifetimeModel,
    Panel,
    fit_lifetime,
    lifetime_model,
    month_number,
    month_of,
)
from ml.params import load_params

PARAMS = load_params()
FIRST, MONTHS = 24_300, 20
COUNT = 3000
HAZARD = {CONTRACTUAL: 0.02, PREPAID: 0.06}
IDLE = 0.12  # added for who has not used the line for long


def operator(seed: int, months: int = MONTHS) -> Panel:
    """Lines of two kinds; some fall idle, which shows at month ends and then makes them leave."""
    rng = np.random.default_rng(seed)
    kind = np.where(rng.random(COUNT) < 0.6, CONTRACTUAL, PREPAID)
    level = rng.lognormal(4.0, 0.5, COUNT)
    started = rng.integers(FIRST - 30, FIRST + 4, COUNT)
    is_idle = rng.random(COUNT) < 0.1
    left = np.full(COUNT, np.inf)
    rows, margins = [], []
    for month in range(FIRST, FIRST + months):
        there = (started <= month) & np.isinf(left)
        chance = np.vectorize(HAZARD.get)(kind) + np.where(is_idle, IDLE, 0.0)
        leaves = there & (rng.random(COUNT) < chance)
        left[leaves] = month
        paid = level * rng.lognormal(0.0, 0.25, COUNT) * np.where(leaves, 0.5, 1.0)
        margins += [(f"s{line}", month, paid[line]) for line in np.flatnonzero(there)]
        rows += [(f"s{line}", month, kind[line], month - started[line], is_idle[line]) for line in
                 np.flatnonzero(there & ~leaves)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["subscription_id", "month", "kind", "age", "idle"])
    frame = frame.assign(**dict.fromkeys(INPUTS, np.nan))
    frame["tenure_days"], frame["days_since_last_activity"] = frame["age"] * 30.0, np.where(frame["idle"], 40.0, 1.0)
    frame["customer_id"], frame["is_scoring"] = frame["subscription_id"], frame["month"] == FIRST + months - 1
    gone = pd.Series({f"s{line}": left[line] for line in np.flatnonzero(np.isfinite(left))}, dtype=float)
    paid_table = pd.DataFrame(margins, columns=["subscription_id", "month", "margin"])
    return Panel(frame, gone, paid_table, FIRST + months - 1)


def until(panel: Panel, month: int) -> Panel:
    """What was known of a panel at the end of a month."""
    return Panel(
        panel.rows[panel.rows["month"] <= month],
        panel._left[panel._left <= month],
        panel._margins[panel._margins["month"] <= month],
        month,
    )


@pytest.fixture(scope="module")
def panel() -> Panel:
    return operator(1)


@pytest.fixture(scope="module")
def fitted(panel: Panel) -> LifetimeModel:
    return lifetime_model(PARAMS).fit(*panel.training(FIRST + 12, PARAMS.lifetime_value))


def test_survival__is_that_of_the_kind_and_falls_for_the_idle(panel: Panel, fitted: LifetimeModel) -> None:
    rows = panel.at(FIRST + 12, 3)
    survival = fitted.survival(rows, 6)
    assert (np.diff(survival, axis=1) <= 0).all()
    for kind, hazard in HAZARD.items():
        for is_idle, more in ((False, 0.0), (True, IDLE)):
            chosen = (rows["kind"] == kind) & (rows["idle"] == is_idle)
            expected = (1 - hazard - more) ** 6
            # The idle are few, and leave soon.
            tolerance = 0.12 if is_idle else 0.06
            assert survival[chosen.to_numpy(), -1].mean() == pytest.approx(expected, abs=tolerance), (kind, is_idle)


def test_value__is_survival_times_margin_discounted(fitted: LifetimeModel, panel: Panel) -> None:
    rows = panel.at(FIRST + 12, 3).head(5)
    survival, margin = fitted.survival(rows, 2), fitted.monthly_margin(rows)
    rate = fitted.monthly_discount
    by_hand = margin * ((1 + survival[:, 0]) / 2 / (1 + rate) + (survival[:, 0] + survival[:, 1]) / 2 / (1 + rate) ** 2)
    assert fitted.expected(rows, 2) == pytest.approx(by_hand)
    assert (1 + rate) ** 12 == pytest.approx(1 + PARAMS.lifetime_value.annual_discount_rate)


def test_interval__holds_in_eighty_percent_of_groups_of_later_months(panel: Panel) -> None:
    known, months = FIRST + 13, PARAMS.lifetime_value.back_test_months
    model, _ = fit_lifetime(until(panel, known), PARAMS)
    rows, realised = panel.outcome(known, months, PARAMS.lifetime_value.mean_months)
    expected = model.expected(rows, months, is_discounted=False)
    rng, inside = np.random.default_rng(1), []
    for kind in KINDS:
        for group in np.array_split(rng.permutation(np.flatnonzero(rows["kind"] == kind)), 110):
            error = abs(realised[group].sum() - expected[group].sum())
            inside.append(error <= model.half_width(expected[group], rows["kind"].iloc[group]))
    assert len(inside) >= 200
    assert 0.75 <= np.mean(inside) <= 0.85


def test_kinds__have_a_bias_and_an_interval_of_their_own(fitted: LifetimeModel) -> None:
    rng = np.random.default_rng(3)
    kind = np.repeat([CONTRACTUAL, PREPAID], 4000)
    expected = rng.uniform(50, 150, 8000)
    factor, noise = np.where(kind == PREPAID, 0.8, 1.1), np.where(kind == PREPAID, 0.5, 0.1)
    tested = pd.DataFrame(
        {
            "kind": kind,
            "customer_id": np.arange(8000).astype(str),
            "origin": rng.integers(1, 4, 8000),
            "expected": expected,
            "realised": expected * factor * (1 + noise * rng.normal(size=8000)),
        }
    )
    model = deepcopy(fitted).calibrate(tested, 0.8)
    assert model.bias_ == pytest.approx({CONTRACTUAL: 1.1, PREPAID: 0.8}, rel=0.03)
    for name, share in ((CONTRACTUAL, 0.1), (PREPAID, 0.5)):
        # Of a normal deviation 80 % lie within 1.28 of its standard deviations, whatever the size of the group.
        whole = np.full(16, 100.0)
        width = model.half_width(whole, pd.Series([name] * 16))
        assert width == pytest.approx(1.2816 * share * 100.0 * 4, rel=0.1), name


def test_lines_of_a_customer_that_move_together__widen_the_interval(fitted: LifetimeModel) -> None:
    rng = np.random.default_rng(4)
    together = np.repeat(rng.normal(size=1000), 4)
    apart = rng.normal(size=4000)
    tested = pd.DataFrame({"kind": CONTRACTUAL, "origin": 1, "expected": np.full(4000, 100.0)})
    tested["customer_id"] = np.repeat(np.arange(1000), 4).astype(str)
    width = {
        name: deepcopy(fitted).calibrate(tested.assign(realised=100.0 + 10.0 * noise), 0.8).half_width(
            np.full(8, 100.0), pd.Series([CONTRACTUAL] * 8))
        for name, noise in (("together", together), ("apart", apart))
    }  # fmt: skip
    # The deviation of a sum of four equal numbers is twice that of four independent ones.
    assert width["together"] / width["apart"] == pytest.approx(2.0, rel=0.1)


def test_months_after_the_origin__change_nothing(panel: Panel) -> None:
    chosen = PARAMS.lifetime_value
    origin = FIRST + 10
    whole = lifetime_model(PARAMS).fit(*panel.training(origin, chosen))
    short = until(panel, origin)
    cut = lifetime_model(PARAMS).fit(*short.training(origin, chosen))
    rows = panel.at(origin, 3)
    assert (whole.expected(rows, 24) == cut.expected(short.at(origin, 3), 24)).all()


def test_new_line__has_the_mean_margin_of_its_kind(fitted: LifetimeModel, panel: Panel) -> None:
    rows = panel.at(FIRST + 12, 3).head(2).assign(mean_margin=np.nan, margin_month_count=0.0)
    assert fitted.monthly_margin(rows) == pytest.approx(rows["kind"].map(fitted.margin_means_).to_numpy())


def test_too_few_months__are_refused() -> None:
    with pytest.raises(ValueError, match="more months than there are"):
        fit_lifetime(operator(2, months=6), PARAMS)


def test_months__are_counted_from_year_zero() -> None:
    assert month_number(month_of(FIRST)) == FIRST
