"""The scorecard: each KPI of a month beside the month before, the same month last year and its target, as text.

Units differ from row to row, and Superset formats a column alike in all rows; so the words are made in SQL.
"""

from __future__ import annotations

from typing import Any

from tenure.dashboards.definitions import Metric
from tenure.dashboards.language import Language

# Factor, pattern of to_char, unit behind the number, and whether a change is told as a difference in that unit.
_WRITTEN: dict[str, tuple[int, str, str, bool]] = {
    "subscriptions": (1, "FM999,999,999,990", "", False),
    "count": (1, "FM999,999,999,990", "", False),
    "mb": (1, "FM999,999,999,990", "MB", False),
    "currency": (1, "FM999,999,999,990", "", False),
    "ratio": (100, "FM999,990.00", "%", True),
    "minutes": (1, "FM999,990.0", "min", False),
    "total_minutes": (1, "FM999,999,999,990", "min", False),
    "seconds": (1, "FM999,990.0", "s", False),
    "days": (1, "FM999,990.0", "days", False),
    "months": (1, "FM999,990.0", "months", False),
    "score": (1, "FM990.00", "", True),
    "points": (1, "FMS990.00", "", True),
}
_CENTS = "FM999,999,990.00"
_ONE = "count(distinct kpi_code) = 1 and count(distinct currency_code) = 1 and count(distinct reporting_month) = 1"


def kpi_values(metrics: dict[str, Metric], language: Language) -> str:
    """Rows of a VALUES list: order, code, name, whether a ratio, factor, pattern, unit, whether told as difference."""
    rows = []
    for order, metric in enumerate(metrics.values(), 1):
        factor, pattern, unit, is_difference = _WRITTEN[metric.unit]
        if metric.unit == "currency" and metric.is_ratio:
            pattern = _CENTS
        label = language.text(metric.label).replace("'", "''")
        unit = f" {language.text(unit)}" if unit.isalpha() else unit and f" {unit}"
        flags = [str(value).lower() for value in (metric.is_ratio, is_difference)]
        rows.append(f"({order}, '{metric.name}', '{label}', {flags[0]}, {factor}, '{pattern}', '{unit}', {flags[1]})")
    return ",\n        ".join(rows)


def scorecard_metrics(language: Language) -> dict[str, dict[str, Any]]:
    """The columns of the scorecard, in the form of superset/datasets: label, expression, format, description."""
    now, before, year = (_value(period) for period in ("now", "month", "year"))
    points = language.text("pt")
    target = "sum(target_numerator) filter (where period = 'now')"
    target_ratio = f"{target} / nullif(sum(target_denominator) filter (where period = 'now'), 0)"
    wanted = f"case when bool_and(is_ratio) then {target_ratio} else {target} end"
    return {
        "kpi_now": _entry("This month", _text(now), "The KPI in the chosen month."),
        "kpi_month_change": _entry(
            "vs last month", _change(now, before, points),
            "Change against the month before: in percent, for shares and scores as a difference in their own unit.",
        ),
        "kpi_year_change": _entry(
            "vs last year", _change(now, year, points),
            "Change against the same month of last year; empty when there is no such month yet.",
        ),
        "kpi_target": _entry("Target", _text(wanted), "What the operator aims at; empty without a target."),
        "kpi_order": _entry("Order", "min(kpi_order)", "The order in which dbt defines the KPIs."),
    }  # fmt: skip


def _entry(label: str, expression: str, description: str) -> dict[str, Any]:
    text = expression.replace("{", "{{").replace("}", "}}")
    return {"label": label, "expression": text, "format": "", "description": description}


def _value(period: str) -> str:
    sides = ("numerator", "denominator")
    numerator, denominator = (f"sum({side}) filter (where period = '{period}')" for side in sides)
    return f"case when bool_and(is_ratio) then 1.0 * {numerator} / nullif({denominator}, 0) else {numerator} end"


def _text(value: str) -> str:
    return f"case when {_ONE} then to_char(max(factor) * ({value}), max(pattern)) || max(unit_text) end"


def _change(now: str, before: str, points: str) -> str:
    difference = (
        f"to_char(max(factor) * (({now}) - ({before})), 'FMS999,990.00') || replace(max(unit_text), '%', '{points}')"
    )
    share = f"to_char(100.0 * (({now}) / nullif({before}, 0) - 1), 'FMS999,990.0') || ' %'"
    return f"case when {_ONE} then case when bool_and(is_difference) then {difference} else {share} end end"
