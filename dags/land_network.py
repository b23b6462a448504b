"""
### Land the extracts of `network`: network quality by region and day

Entities: quality_daily.

Without it outages of the day cannot be told apart from other causes of complaints and churn.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_network: DAG = landing_dag("network", str(__doc__))
