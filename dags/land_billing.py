"""
### Land the extracts of `billing`: invoice lines

Entities: invoice_line (monthly: the lines of service month M are dated the first of the next month).

Without it revenue and ARPU of the month are missing, which the dashboards show as missing and not as zero.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_billing: DAG = landing_dag("billing", str(__doc__))
