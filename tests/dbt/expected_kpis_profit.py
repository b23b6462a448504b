"""What each KPI of profit comes to, given sums of one month and slice: as `expected_kpis.py` does for the base."""

from __future__ import annotations

MODEL = "int_profit_kpi_component"

COMPONENTS = {
    "acquisition_cost_amount": 900,
    "retention_cost_amount": 250,
    "contribution_margin_amount": 4000,
    "margin_revenue_amount": 6000,
    "gross_addition_count": 15,
    "joiner_margin_amount": 450,
}
EXPECTED = {
    "sac": (900, 15),
    "payback": (900, 450),
    "retention_cost": (250, None),
    "contribution_margin": (4000, None),
    "contribution_margin_rate": (4000, 6000),
}
IN_CURRENCY = {"sac", "payback", "retention_cost", "contribution_margin", "contribution_margin_rate"}
