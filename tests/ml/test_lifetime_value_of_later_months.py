"""Lifetime values of a simulated operator, stated at a month end, against the margin that its marts have afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.features import query_frame
from ml.lifetime_value import KINDS, Panel, fit_lifetime, read_panel
from ml.params import load_params
from tenure import stack
from tenure.database.unprivileged import shared_folder
from tenure.db import connect
from tenure.landing import land
from tenure.settings import Settings, get_settings
from tenure.simulator import Behaviour, simulate
from tenure.transform import run_dbt
from tenure.warehouse import prepare_warehouse
from tests.conftest import fresh_settings

PARAMS = load_params()
CHOSEN = PARAMS.lifetime_value
LINES, MONTHS, SEED = 1500, 24, 33
# Usage says little about margins here, and would take most of the time.
EVENTS_PER_DAY = 0.3
CUSTOMERS = 10
NEEDED = ("+subscription_features", "+customer_profit_monthly", "+subscription_monthly")
# Months before the newest of which all bills are in: values are stated at these and at no other.
STATED_BEFORE = (6, 8, 10, 12)


@pytest.fixture(scope="module")
def operator(test_base: Path) -> Iterator[Settings]:
    """Two years of an operator, landed, with the models that lifetime values are made from."""
    before = {name: value for name, value in os.environ.items() if name.startswith("TENURE_")}
    settings = fresh_settings(test_base / "two-years")
    try:
        simulate(settings.extracts_dir, LINES, MONTHS, seed=SEED, start="2023-01",
                 behaviour=Behaviour(events_per_day=EVENTS_PER_DAY))  # fmt: skip
        shutil.rmtree(settings.extracts_dir / "truth")
        prepare_warehouse(settings)
        land(settings, settings.extracts_dir)
        run_dbt(settings, ["seed"])
        run_dbt(settings, ["run", "--select", *NEEDED])
    finally:
        os.environ.update(before)
        get_settings.cache_clear()
    yield settings
    stack.down(settings, lambda line: None)
    shutil.rmtree(shared_folder(settings.home), ignore_errors=True)


@pytest.mark.long
def test_margin_of_the_next_six_months__is_in_the_interval_of_about_eighty_percent_of_groups(
    operator: Settings,
) -> None:
    with connect("scorer", settings=operator) as connection:
        panel, currency = read_panel(connection, PARAMS)
        margins = query_frame(
            connection,
            "select subscription_id, month, running_margin_amount::float8 as margin from build.customer_profit_monthly"
            " where subscription_id <> 'unallocated' and currency_code = %s",
            (currency,),
        )
    margins["month"] = [month.year * 12 + month.month - 1 for month in margins["month"]]
    inside = pd.concat([_judged(panel, panel.last_month - months, margins) for months in STATED_BEFORE])
    told = inside.groupby("kind")["is_inside"].agg(["mean", "size"])
    print(told)
    assert (told["size"] >= 200).all(), told
    assert told["mean"].between(0.75, 0.85).all(), told


def _judged(panel: Panel, month: int, margins: pd.DataFrame) -> pd.DataFrame:
    """Values stated at the end of `month`, from what was known then: of each group, its kind and whether it held."""
    known = Panel(
        panel.rows[panel.rows["month"] <= month],
        panel._left[panel._left <= month],
        panel._margins[panel._margins["month"] <= month],
        month,
    )
    model, _ = fit_lifetime(known, PARAMS)
    rows = known.at(month, CHOSEN.mean_months)
    expected = model.expected(rows, CHOSEN.back_test_months, is_discounted=False)
    came = margins[margins["month"].between(month + 1, month + CHOSEN.back_test_months)]
    realised = rows["subscription_id"].map(came.groupby("subscription_id")["margin"].sum()).fillna(0.0).to_numpy()
    found = []
    for kind in (*KINDS, "both"):
        of_kind = rows if kind == "both" else rows[rows["kind"] == kind]
        customers = np.random.default_rng(month).permutation(np.array(of_kind["customer_id"].unique(), dtype=object))
        for group in np.array_split(customers, len(customers) // CUSTOMERS):
            lines = of_kind.index[of_kind["customer_id"].isin(group)].to_numpy()
            error = abs(realised[lines].sum() - expected[lines].sum())
            found.append((kind, error <= model.half_width(expected[lines], rows["kind"].loc[lines])))
    return pd.DataFrame(found, columns=["kind", "is_inside"])
