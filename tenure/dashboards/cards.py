"""Cards: each KPI of a month with the month before, the same month last year, its target and its course, as text.

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
    "times": (1, "FM999,990.00", "", True),
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


_LOWEST, _HEIGHTS, _MONTHS = 0x2581, 8, 13


def card_metrics(language: Language) -> dict[str, dict[str, Any]]:
    """The lines of a card, in the form of superset/datasets: label, expression, format, description.

    Every text says what it is, for a card has no header.
    """
    texts = _texts(language)
    month, year, target = (language.text(word) for word in ("vs last month", "vs last year", "Target"))
    # What stands before an amount; days, shares and the like that are made of amounts have a unit instead.
    currency = "case when max(money_code) <> '' and max(unit_text) = '' then max(money_code) || ' ' else '' end"
    headline = f"{currency} || {texts['now']}"
    return {
        "kpi_headline": _entry("This month", headline, "The KPI in the chosen month."),
        "kpi_trend": _entry(
            "Thirteen months", f"case when {_ONE} then {_blocks()} end",
            "The thirteen months up to the chosen one, the lowest value as the lowest block.",
        ),
        "kpi_against_month": _entry(
            "vs last month", f"coalesce({texts['month']} || ' {month}', '')",
            "Change against the month before: in percent; for shares and scores, and from 0 or less, as a difference in"
            " their unit.",
        ),
        "kpi_against_year": _entry(
            "vs last year", f"coalesce({texts['year']} || ' {year}', '')",
            "Change against the same month of last year; empty when there is no such month yet.",
        ),
        "kpi_against_target": _entry(
            "Target", f"coalesce('{target} ' || {texts['target']}, '')",
            "What the operator aims at; empty without a target.",
        ),
        "kpi_order": _entry("Order", "min(kpi_order)", "The order in which dbt defines the KPIs."),
    }  # fmt: skip


def _texts(language: Language) -> dict[str, str]:
    """SQL of the KPI as text, of its change in a month and a year, and of its target."""
    now, before, year = (_value(f"period = '{period}'") for period in ("now", "month", "year"))
    points = language.text("pt")
    return {
        "now": _text(now),
        "month": _change(now, before, points),
        "year": _change(now, year, points),
        "target": _text(_value("period = 'now'", "target_")),
    }


def _entry(label: str, expression: str, description: str) -> dict[str, Any]:
    text = expression.replace("{", "{{").replace("}", "}}")
    return {"label": label, "expression": text, "format": "", "description": description}


def _value(rows: str, kind: str = "") -> str:
    numerator, denominator = (f"sum({kind}{side}) filter (where {rows})" for side in ("numerator", "denominator"))
    return f"case when bool_and(is_ratio) then 1.0 * {numerator} / nullif({denominator}, 0) else {numerator} end"


def _text(value: str) -> str:
    return f"case when {_ONE} then to_char(max(factor) * ({value}), max(pattern)) || max(unit_text) end"


def _change(now: str, before: str, points: str) -> str:
    """SQL of the change. Against nothing or less, as net additions may be, a percentage would say what is not so."""
    difference = f"max(factor) * (({now}) - ({before}))"
    in_points = f"to_char({difference}, 'FMS999,990.00') || replace(max(unit_text), '%', '{points}')"
    in_unit = f"to_char({difference}, replace(max(pattern), 'FM', 'FMS')) || max(unit_text)"
    share = f"to_char(100.0 * (({now}) / ({before}) - 1), 'FMS999,990.0') || ' %'"
    told = f"when bool_and(is_difference) then {in_points} when ({before}) > 0 then {share} else {in_unit}"
    return f"case when {_ONE} then case {told} end end"


def _blocks() -> str:
    """A block letter for each month, the oldest first; a space where the KPI has no value."""
    months = ", ".join(_value(f"months_back = {back}") for back in reversed(range(_MONTHS)))
    letters = "".join(chr(_LOWEST + height) for height in range(_HEIGHTS))
    share = "(v - min(v) over ()) / nullif(max(v) over () - min(v) over (), 0)"
    # What a quotient lacks beyond its decimals is not to decide between two blocks.
    height = f"1 + cast(round(round({_HEIGHTS - 1} * {share}, 6)) as int)"
    drawn = f"coalesce(substr('{letters}', {height}, 1), ' ')"
    each = f"select n, {drawn} as letter from unnest(array[{months}]) with ordinality as m (v, n)"  # noqa: S608 (our own names)
    return f"(select string_agg(letter, '' order by n) from ({each}) as b)"  # noqa: S608
