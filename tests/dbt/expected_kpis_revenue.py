"""What each KPI of payers and credit comes to, given sums of one month and slice."""

from __future__ import annotations

MODEL = "int_revenue_kpi_component"

COMPONENTS = {
    "paying_subscription_count": 80,
    "paying_revenue_amount": 5600,
    "receivable_day_amount": 186000,
    "billed_amount": 6200,
    "written_off_cohort_amount": 31,
}
EXPECTED = {
    "arppu": (5600, 80),
    "dso": (186000, 6200),
    "bad_debt_rate": (31, 6200),
}
IN_CURRENCY = {"arppu", "dso", "bad_debt_rate"}
