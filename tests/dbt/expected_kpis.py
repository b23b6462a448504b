"""What each KPI comes to, given sums of one month and slice: the base, revenue and usage.

Every file `expected_kpis*.py` of this folder speaks of one component model. `COMPONENTS` are the values of its columns
of measures, `EXPECTED` the numerator and denominator of each KPI, `IN_CURRENCY` the KPIs that are amounts of money. A
denominator of another component model comes to what that file gives its columns.
"""

from __future__ import annotations

MODEL = "int_kpi_component_monthly"

COMPONENTS = {
    "opening_count": 100,
    "closing_count": 120,
    "net_addition_count": 20,
    "opening_voluntary_churn_count": 3,
    "opening_involuntary_churn_count": 2,
    "opening_inactive_churn_count": 1,
    "mean_base_count": 110,
    "mean_voice_base_count": 80,
    "mean_data_base_count": 90,
    "service_revenue_amount": 5500,
    "voice_minutes": 4000,
    "network_voice_minutes": 3100,
    "data_mb": 18000,
}
EXPECTED = {
    "opening_base": (100, None),
    "closing_base": (120, None),
    "net_additions": (20, None),
    "churn_rate": (6, 100),
    "voluntary_churn_rate": (3, 100),
    "involuntary_churn_rate": (2, 100),
    "inactive_churn_rate": (1, 100),
    "service_revenue": (5500, None),
    "arpu": (5500, 110),
    "mou": (4000, 80),
    "network_minutes": (3100, None),
    "dou": (18000, 90),
}
IN_CURRENCY = {"arpu", "service_revenue"}
