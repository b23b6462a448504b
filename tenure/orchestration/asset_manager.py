"""One join a business day: a correction of how Airflow 3.3 gathers the assets that a DAG waits for."""

from __future__ import annotations

from typing import Any

from airflow.assets.manager import AssetManager
from sqlalchemy import text


class OneJoinAssetManager(AssetManager):
    """Airflow's asset manager, except that two assets of one partition that arrive together meet in one waiting run.

    Airflow (3.3.2) locks the row of the arriving asset while it looks for the waiting run of a DAG and partition. Two
    different assets lock two different rows, so when `crm` and `usage` finish landing within the same milliseconds
    both find no waiting run, each makes one of its own, and `build_marts` waits for ever. Here the lock is on what
    must be unique: the DAG and the partition. Set by `[core] asset_manager_class`; superfluous once Airflow does it.
    """

    @classmethod
    def _get_or_create_apdr(cls, *, target_key: str, target_dag: Any, session: Any, **rest: Any) -> Any:
        session.execute(
            text("select pg_advisory_xact_lock(hashtext(:waiting))"),
            {"waiting": f"waiting run of {target_dag.dag_id} for {target_key}"},
        )
        return super()._get_or_create_apdr(target_key=target_key, target_dag=target_dag, session=session, **rest)
