"""
### Land the extracts of `usage`: usage events and top-ups

Entities: usage_event, topup.

Without it MOU, DOU and inactive churn stop at the last landed day.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_usage: DAG = landing_dag("usage", str(__doc__))
