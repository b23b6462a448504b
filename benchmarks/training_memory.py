"""Peak memory of training all models on a million subscription-months, against 8 GiB.

A simulated operator is built, and every row that the models learn from is copied for other lines, with amounts and
ratios changed by a few percent, until as many rows as asked have labels that are known.
"""

from __future__ import annotations

import shutil
import sys
from typing import Any

import psycopg

from benchmarks.landing_warehouse import landing_warehouse
from benchmarks.larger_operator import copy_lines
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked

LINES = 600
MONTHS = 14
ROWS = 1_000_000
LIMIT_BYTES = 8 * 2**30
LEARNT_FROM = (
    "features.subscription_features", "features.subscription_labels", "build.customer_profit_monthly",
    "build.subscription_monthly",
)  # fmt: skip
LABELLED = "select count(*) from features.subscription_labels where label_voluntary_churn is not null"
PACKAGES = ("scikit-learn", "numpy", "pandas", "adbc-driver-postgresql", "psycopg")


def training_memory() -> dict[str, Any]:
    """Most memory that `python -m ml train` holds at once / 8 GiB. The server's memory is not in it."""
    rows, runs = rows_asked(ROWS), runs_asked(3)
    with landing_warehouse() as (warehouse, folder):
        warehouse.build_operator(folder, LINES, MONTHS)
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            (first,) = connection.execute(LABELLED).fetchone() or (0,)
            if not first:
                raise RunDoesNotCount("no label is known yet")
            copy_lines(connection, LEARNT_FROM, -(-rows // first) - 1, jitter=True)
            found = []
            for _ in range(runs):
                # A month that was learnt already is not learnt again while its models are there.
                connection.execute("delete from scores.model_run")
                shutil.rmtree(warehouse.settings.models_dir, ignore_errors=True)
                found.append(warehouse.timed([sys.executable, "-m", "ml", "train"]))
            trained: dict[str, int] = dict(
                connection.execute("select model_name, max(train_row_count) from scores.model_run group by 1")
            )
            (months,) = connection.execute("select count(*) from features.subscription_features").fetchone() or (0,)
        server = warehouse.server_version()
    if not {"churn_prepaid", "churn_postpaid", "lifetime_value"} <= set(trained):
        raise RunDoesNotCount(f"only {sorted(trained)} were trained")
    detail = (
        f"peak memory of `python -m ml train` in MB: {' '.join(f'{run.peak_bytes / 1e6:.0f}' for run in found)},"
        f" seconds {' '.join(f'{run.seconds:.0f}' for run in found)}; {months} rows of features, all months;"
        f" training rows {', '.join(f'{name} {count}' for name, count in sorted(trained.items()))}"
    )
    return result("training_memory", [run.peak_bytes / LIMIT_BYTES for run in found], 1.0, "lower", detail, PACKAGES,
                  postgresql=server)  # fmt: skip
