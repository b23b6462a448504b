"""What the KPIs of campaigns, leads, opportunities and competition come to; expected_kpis.py explains the form."""

from __future__ import annotations

MODEL = "int_marketing_kpi_component"

COMPONENTS = {
    "campaign_treated_count": 50,
    "campaign_incremental_count": 5,
    "campaign_net_value_amount": 270,
    "campaign_cost_amount": 180,
    "lead_converted_count": 8,
    "lead_decided_count": 20,
    "opportunity_won_count": 3,
    "opportunity_decided_count": 7,
    "weighted_pipeline_amount": 1500,
    "own_market_line_count": 450,
    "market_line_count": 1000,
    "port_in_count": 12,
    "port_out_count": 15,
}
EXPECTED = {
    "campaign_increment": (5, 50),
    "campaign_roi": (270, 180),
    "lead_conversion": (8, 20),
    "win_rate": (3, 7),
    "weighted_pipeline": (1500, None),
    "market_share": (450, 1000),
    "port_in_out_ratio": (12, 15),
}
IN_CURRENCY = {"campaign_roi", "weighted_pipeline"}
