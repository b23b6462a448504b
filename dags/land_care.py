"""
### Land the extracts of `care`: interactions, tickets and survey responses

Entities: interaction, ticket, survey_response.

Without it waiting times, complaints and satisfaction stop at the last landed day.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_care: DAG = landing_dag("care", str(__doc__))
