"""What each KPI of service comes to, given sums of one month and slice (see expected_kpis.py)."""

from __future__ import annotations

MODEL = "int_service_kpi_component"

COMPONENTS = {
    "offered_call_count": 50,
    "answered_call_count": 45,
    "abandoned_call_count": 5,
    "call_in_time_count": 40,
    "call_wait_seconds": 700,
    "handled_call_count": 44,
    "call_handle_seconds": 13000,
    "outbound_contact_count": 9,
    "outbound_connect_count": 6,
    "issue_count": 30,
    "issue_without_repeat_count": 27,
    "csat_count": 8,
    "csat_score_total": 33,
    "csat_satisfied_count": 7,
    "nps_count": 11,
    "nps_net_promoter_count": -2,
}
EXPECTED = {
    "average_speed_of_answer": (700, 45),
    "service_level": (40, 50),
    "average_handling_time": (13000, 44),
    "abandonment_rate": (5, 50),
    "first_contact_resolution": (27, 30),
    "csat_mean": (33, 8),
    "csat_share": (7, 8),
    "net_promoter_score": (-2, 11),
    "outbound_connect_rate": (6, 9),
}
IN_CURRENCY: set[str] = set()
