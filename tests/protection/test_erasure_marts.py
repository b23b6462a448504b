"""Marts built anew after an erasure hold nobody who was erased, and the same sums."""

from __future__ import annotations

from pathlib import Path

from tenure.db import connect
from tenure.landing import land
from tenure.protection.erasure import erase
from tenure.protection.rebuild import rebuild_marts
from tenure.settings import Settings
from tenure.simulator import simulate
from tenure.transform import marts
from tests.protection.canaries import Operator, chosen, in_tables

# What describes people is emptied on purpose, and surrogate keys are made of ids.
NOT_MEASURES = ("birth_year",)
# Nothing is predicted about people who were erased.
SCORED = (
    "churn_score", "churn_watchlist", "customer_segment", "customer_lifetime_value", "offer_response", "model_run",
)  # fmt: skip


def sums(settings: Settings) -> dict[str, str]:
    """The exact sum of every number column of every mart that holds no scores."""
    found = {}
    with connect("owner", settings=settings) as connection:
        for mart in marts(settings):
            columns = connection.execute(
                "select column_name from information_schema.columns where table_schema = 'build' and table_name = %s"
                " and data_type in ('numeric', 'bigint', 'integer')",
                (mart.name,),
            ).fetchall()
            for (column,) in columns:
                if column not in NOT_MEASURES and not column.endswith("_sk") and mart.name not in SCORED:
                    row = connection.execute(
                        f"select coalesce(sum({column}), 0)::text from build.{mart.name}"
                    ).fetchone()
                    found[f"{mart.name}.{column}"] = row[0]
    return found


def test_full_rebuild__gives_the_same_sums_without_the_person(warehouse: Settings, tmp_path: Path) -> None:
    extracts = tmp_path / "extracts"
    simulate(out=extracts, subscriptions=60, months=3, days=0, seed=3, start="2025-08")
    land(warehouse, extracts)
    rebuild_marts(warehouse)
    customer_id, canaries = chosen(extracts)
    operator = Operator(warehouse, extracts, customer_id, canaries)
    before = sums(warehouse)
    assert len(before) > 50
    held = {table for table, _, _ in in_tables(operator, with_built=True)}
    assert {"marts.dim_customer", "build.subscription_monthly", "features.subscription_features"} <= held
    done = erase(warehouse, customer_id, lambda: rebuild_marts(warehouse))
    assert done.are_marts_rebuilt
    assert done.counts["features_rows"] > 0
    assert in_tables(operator, with_built=True) == set()
    after = sums(warehouse)
    assert {name: (value, after.get(name)) for name, value in before.items() if after.get(name) != value} == {}
    with connect("owner", settings=warehouse) as connection:
        for table, column in (
            ("features.subscription_features", "subscription_id"), ("scores.churn_score", "subscription_id"),
            ("scores.customer_segment", "customer_id"),
        ):  # fmt: skip
            query = f"select count(*), count(*) filter (where {column} like 'erased-%') from {table}"
            rows, erased = connection.execute(query).fetchone()
            assert (rows > 0, erased) == (True, 0), table
