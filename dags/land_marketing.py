"""
### Land the extracts of `marketing`: campaigns, contacts, leads, loyalty points and care actions

Entities: campaign, campaign_contact, lead, loyalty_transaction, care_action.

Without it the effect of a campaign stays as it was last known.
"""

from __future__ import annotations

from airflow.sdk import DAG

from tenure.orchestration.dag_parts import landing_dag

land_marketing: DAG = landing_dag("marketing", str(__doc__))
