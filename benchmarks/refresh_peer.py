"""A day's refresh of the usage facts against plain dbt that makes the same tables by delete+insert and by merge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.landing_warehouse import ROOT
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from benchmarks.refresh_history import LINES, LONG_MONTHS, History, histories
from tenure.db import ROW_DIGEST
from tenure.transform import dbt_environment, run_dbt

PACKAGES = ("dbt-core", "dbt-postgres")
PROJECT = ROOT / "benchmarks" / "refresh_peer_project"
STRATEGIES = ("delete_insert", "merge")
# Our fact, the peer's model of it without the strategy, and the columns that both must have alike.
FACTS = {
    "fct_usage_daily": (
        "usage_daily",
        "usage_date, subscription_id, subscription_sk, service_type, direction, network_type, roaming_type,"
        " currency_code, event_count, duration_seconds, volume_bytes, rated_amount",
    ),
    "fct_topup": (
        "topup",
        "topup_id, topped_up_at, topup_date, subscription_id, subscription_sk, channel_type, amount",
    ),
}


def refresh_peer() -> list[dict[str, Any]]:
    """Two results: seconds in dbt of our facts after one new day / of the peer's, by each of its strategies.

    Both sides find everything before the facts refreshed; the seconds are those dbt reports of the models, so that its
    start, which is the same for both, counts on neither side.
    """
    runs = runs_asked()
    pairs: dict[str, list[tuple[float, float]]] = {strategy: [] for strategy in STRATEGIES}
    with histories(LONG_MONTHS, lines=rows_asked(LINES), held_days=runs) as (history,):
        with psycopg.connect(history.settings.url("owner")) as connection:
            connection.execute("create schema refresh_peer authorization tenure_transformer")
        for strategy in STRATEGIES:
            _peer(history, strategy)
        for number in range(runs):
            history.land_day(number)
            run_dbt(history.settings, ["run", "--select", *(f"+{name}" for name in FACTS), "--exclude", *FACTS])
            ours = sum(node.seconds for node in run_dbt(history.settings, ["run", "--select", *FACTS]).nodes)
            for strategy in STRATEGIES:
                pairs[strategy].append((_peer(history, strategy), ours))
                _check(history, strategy)
        rows = history.rows("raw_usage.usage_event")
    return [
        result(
            f"refresh_peer_{strategy}",
            [ours / theirs for theirs, ours in of],
            0.33,
            "lower",
            f"plain dbt by {strategy}, then ours: "
            + ", ".join(f"{theirs:.2f} and {ours:.2f}" for theirs, ours in of)
            + f" s; {history.months} months, {rows} usage events",
            PACKAGES,
        )
        for strategy, of in pairs.items()
    ]


def _peer(history: History, strategy: str) -> float:
    """Run the peer's models; their seconds."""
    target = history.home / "peer"
    environment = os.environ | dbt_environment(history.settings)
    environment |= {"DBT_PROJECT_DIR": str(PROJECT), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)}
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "run", "--select"]
    command += [f"{model}_{strategy}" for model, _ in FACTS.values()]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunDoesNotCount(f"the peer failed: {done.stdout[-300:]}{done.stderr[-300:]}")
    found = json.loads(Path(target, "run_results.json").read_text())["results"]
    return float(sum(node["execution_time"] for node in found))


def _check(history: History, strategy: str) -> None:
    """Raise RunDoesNotCount unless both sides made the same rows."""
    with psycopg.connect(history.settings.url("owner")) as connection:
        connection.execute("set timezone = 'UTC'")
        for fact, (model, columns) in FACTS.items():
            digests = []
            for table in (sql.Identifier("build", fact), sql.Identifier("refresh_peer", f"{model}_{strategy}")):
                query = sql.SQL("select count(*) || ' ' || {} from (select {} from {}) as t").format(
                    sql.SQL(ROW_DIGEST), sql.SQL(columns), table
                )
                row = connection.execute(query).fetchone()
                digests.append(row[0] if row else None)
            if digests[0] != digests[1]:
                raise RunDoesNotCount(f"{fact} and the peer's {model} by {strategy} differ: {digests}")
