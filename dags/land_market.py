"""
### Land the extracts of `market`: porting, rivals and market shares

Entities: porting, rival_offer, rival_campaign, market_share (monthly).

Without it a rival's campaign cannot be set beside the losses it causes.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_market: DAG = landing_dag("market", str(__doc__))
