"""What the short forms of a dataset stand for: the SQL of its shape and the expressions of its metrics.

shape: trend    each row under every full month ("reporting month") in whose 13 months it lies; the open month in none
shape: month    each full month under itself alone
shape: latest   the mart as it is, for what has no months
"""

from __future__ import annotations

import re
from typing import Any

from tenure.dashboards.language import Language
from tenure.errors import TenureError

# A row of a trend dataset is repeated for every reporting month it is shown under. This is how often, and NULL where
# several reporting months and several months are mixed, for then no divisor is right: better nothing than wrong.
ONCE = (
    "case when count(distinct month) = 1 or count(distinct reporting_month) = 1 "
    "then count(distinct reporting_month) end"
)
# A ratio needs no divisor, but the same guard.
ONE_MONTH = "case when count(distinct month) = 1 or count(distinct reporting_month) = 1"
# Amounts of different currencies are never added: without a single currency there is no value.
SINGLE_CURRENCY = "case when count(distinct currency_code) = 1"

MONTH_TEXT = "substr(cast({0} as varchar), 1, 7) as reporting_month"
MONTH_COLUMNS: dict[str, dict[str, str]] = {
    "reporting_month": {
        "type": "text",
        "description": "The month chosen on the dashboard, as YYYY-MM; trends end with it.",
    },
    "is_newest": {
        "type": "boolean",
        "description": "Whether this is the newest full month, which an export or alert without filters shows.",
    },
    "is_chosen_month": {
        "type": "boolean",
        "description": "Whether the row is of the reporting month itself, not of the twelve months before it.",
    },
}
SHAPE_COLUMNS = {
    "trend": ("reporting_month", "is_newest", "is_chosen_month"),
    "month": ("reporting_month", "is_newest"),
    "latest": (),
}


def with_shape(entry: dict[str, Any], language: Language) -> dict[str, Any]:
    """The dataset's entry in its long form: `sql`, `marts` and `columns` written out, in the language."""
    if "shape" not in entry:
        return {**entry, "sql": language.sql(entry["sql"])}
    shape, mart = entry["shape"], entry["mart"]
    if shape not in SHAPE_COLUMNS:
        raise TenureError(f"dataset {entry['name']} has the shape {shape!r}", hint=f"use {', '.join(SHAPE_COLUMNS)}")
    joins = {**({"dim_region": "region_id"} if "region_name" in entry["columns"] else {}), **entry.get("joins", {})}
    alias = dict(zip(joins, "gjkl", strict=False))
    columns: dict[str, Any] = {name: MONTH_COLUMNS[name] for name in SHAPE_COLUMNS[shape]}
    selected = _month_expressions(shape)
    for item in entry["columns"]:
        name, source = next(iter(item.items())) if isinstance(item, dict) else (item, mart)
        if name == "region_name":
            columns[name], text = "dim_region", f"coalesce({alias['dim_region']}.region_name, m.region_id) as {name}"
        elif isinstance(source, dict) and "sql" in source:
            columns[name], text = source, f"{language.sql(source['sql'])} as {name}"
        elif isinstance(source, dict):
            # A column of the mart under a label of its own.
            columns[name], text = {**source, "mart": mart}, f"m.{name}"
        else:
            reference = f"{alias.get(source, 'm')}.{name}"
            value = language.column(reference)
            columns[name], text = source, value if value == reference else f"{value} as {name}"
        selected.append(text)
    lines = [*_reporting(shape, mart), "select", *(f"    {text}," for text in selected[:-1]), f"    {selected[-1]}"]
    lines.append(f"from marts.{mart} as m")
    lines += _shown_under(shape)
    for name, key in joins.items():
        lines.append(f"left join marts.{name} as {alias[name]} on m.{key} = {alias[name]}.{key}")
    if "where" in entry:
        lines.append(f"where {entry['where']}")
    return {
        **entry,
        "sql": "\n".join(lines) + "\n",
        "marts": [mart, *([] if shape == "latest" else ["dim_date"]), *joins, *entry.get("reads", [])],
        "columns": columns,
    }


def _reporting(shape: str, mart: str) -> list[str]:
    """The full months that a mart has, asked month by month: the history is never read for it."""
    if shape == "latest":
        return []
    return [
        "with reporting as (",
        "    select d.calendar_date as reporting_month",
        "    from marts.dim_date as d",
        "    where d.calendar_date = d.calendar_month and exists (",
        f"        select 1 from marts.{mart} as x where x.month = d.calendar_date and not x.is_open_month",  # noqa: S608 (our own names)
        "    )",
        ")",
    ]


def _shown_under(shape: str) -> list[str]:
    if shape == "latest":
        return []
    span = {
        "trend": "m.month <= r.reporting_month and m.month > r.reporting_month - interval '13 months'",
        "month": "m.month = r.reporting_month",
    }
    return ["inner join reporting as r", f"    on {span[shape]}"]


def _month_expressions(shape: str) -> list[str]:
    if shape == "latest":
        return []
    newest = "r.reporting_month = (select max(reporting_month) from reporting) as is_newest"
    chosen = ["m.month = r.reporting_month as is_chosen_month"] if shape == "trend" else []
    return [MONTH_TEXT.format("r.reporting_month"), newest, *chosen]


def expression_of(entry: dict[str, Any], name: str, settings: dict[str, Any]) -> str:
    """SQL of a metric.

    `sum: a - b` adds columns up; `ratio: [a, b]` divides two such sums; `count: column` counts its different values;
    `one: column` shows the value where there is only one row, for what may not be added; `expression` is SQL itself.
    Money is guarded against more than one currency, and trends against more than one mixture of months.
    """
    form = next((key for key in ("sum", "ratio", "count", "one", "expression") if key in settings), None)
    if form is None:
        raise TenureError(f"metric {name} of dataset {entry['name']} says neither sum, ratio, count nor one")
    text = settings[form]
    is_trend = entry.get("shape") == "trend"
    if form == "expression":
        return str(text).format(once=ONCE, single_currency=SINGLE_CURRENCY)
    if form == "one":
        return f"case when count(*) = 1 then max({text}) end"
    if form == "count":
        return f"count(distinct {text})" if text else "count(*)"
    columns = set(entry["columns"])
    if form == "sum":
        value = _summed(str(text), columns)
        value = f"({value}) / {ONCE}" if is_trend else value
    else:
        value = f"1.0 * ({_summed(str(text[0]), columns)}) / nullif({_summed(str(text[1]), columns)}, 0)"
        value = f"{ONE_MONTH} then {value} end" if is_trend else value
    if "currency_code" in columns and "_amount" in str(text):
        value = f"{SINGLE_CURRENCY} then {value} end"
    return value


def _summed(text: str, columns: set[str]) -> str:
    return re.sub(r"[a-z][a-z0-9_]*", lambda word: f"sum({word[0]})" if word[0] in columns else word[0], text)
