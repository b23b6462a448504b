"""Run as a program in Airflow's environment: create or upgrade its tables, and the pool that its DAGs use."""

from __future__ import annotations

from tenure.orchestration.names import WAREHOUSE_POOL, WAREHOUSE_POOL_NOTE, WAREHOUSE_SLOTS


def main() -> None:
    """Bring the metadata database of the environment to the installed version of Airflow."""
    # Airflow reads its configuration when it is imported: only a process started for it may do so.
    from airflow import settings as airflow_settings
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    airflow_settings.initialize()
    initdb()
    Pool.create_or_update_pool(WAREHOUSE_POOL, WAREHOUSE_SLOTS, WAREHOUSE_POOL_NOTE, include_deferred=False)


if __name__ == "__main__":
    main()
