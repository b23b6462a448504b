"""
### Land the extracts of `crm`: customers, subscriptions, offers and what happened to them

Entities: region, channel, customer, account, offer, subscription, subscription_event, subscribed_offer, contract.

Without it nobody joins or leaves: base, churn and net additions stay at the last published day.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_crm: DAG = landing_dag("crm", str(__doc__))
