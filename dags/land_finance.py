"""
### Land the extracts of `finance`: booked costs, unit costs, exchange rates, targets and ledger totals

Entities: cost (monthly), unit_cost, exchange_rate, kpi_target, gl_total (monthly).

Without it KPIs of the month have no target, and revenue is not compared with the ledger.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_finance: DAG = landing_dag("finance", str(__doc__))
