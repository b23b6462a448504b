"""What each KPI of core retention and penetration comes to, given sums of one month and slice."""

from __future__ import annotations

MODEL = "int_customers_kpi_component"

COMPONENTS = {
    "core_count": 60,
    "retained_core_count": 51,
    "value_retained_core_count": 42,
    "group_core_count": 20,
    "retained_group_core_count": 19,
    "value_retained_group_core_count": 16,
    "mobile_line_count": 90,
    "broadband_line_count": 30,
    "group_line_count": 24,
    "population": 9000,
    "households": 3000,
    "firms": 120,
}
EXPECTED = {
    "core_retention": (51, 60),
    "core_value_retention": (42, 60),
    "group_core_retention": (19, 20),
    "group_core_value_retention": (16, 20),
    "mobile_penetration": (90, 9000),
    "broadband_penetration": (30, 3000),
    "group_penetration": (24, 120),
}
IN_CURRENCY: set[str] = set()
