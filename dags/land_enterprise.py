"""
### Land the extracts of `enterprise`: group members and opportunities

Entities: opportunity, opportunity_event, group_member.

Without it the pipeline of group customers stays at the last landed day.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_enterprise: DAG = landing_dag("enterprise", str(__doc__))
