"""What a chart has to show, worked out in plain Python from whole marts: the slow way, with no SQL of a dashboard."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import psycopg
import yaml
from psycopg.rows import dict_row

from tenure.dashboards.definitions import Metric
from tenure.settings import ROOT

Row = dict[str, Any]
DIFFICULTY = {"low": 1, "medium": 2, "high": 3}
MEASURES = {
    "age": "Days since the newest month learnt from",
    "score": "Scores: stability index",
    "feature_share": "Share of inputs that have shifted",
}
# Column to the words of its codes.
WORDS: dict[str, dict[str, str]] = {
    name: words
    for name, words in yaml.safe_load(
        (ROOT / "superset" / "language" / "en" / "values.yaml").read_text(encoding="utf-8")
    ).items()
    if isinstance(words, dict)
}
# What the datasets say in SQL, said again.
KEPT: dict[str, Callable[[Row], bool]] = {
    "core_retention_curve": lambda row: not row["is_open_month"],
    "tier_spell": lambda row: not row["is_start_unknown"],
    "campaign_run": lambda row: bool(row["is_window_complete"]),
    "lever_month": lambda row: row["quadrant_name"] != "not known",
    "signal_current": lambda row: bool(row["is_current"]),
    "drift_current": lambda row: bool(
        row["is_current"] and (row["measure_kind"] != "feature" or row["is_beyond_limit"])
    ),
    "survival": lambda row: row["tenure_month"] <= 60,
    "model_tenth": lambda row: bool(row["is_champion"]),
    "blacklist": lambda row: bool(row["is_active"]),
    "pipeline_month": lambda row: bool(row["is_open"]),
    "expiry_calendar": lambda row: row["expiry_days"] is not None and row["expiry_days"] >= 0,
}
MADE: dict[tuple[str, str], Callable[[Row], Any]] = {
    ("model_test", "is_champion"): lambda row: "yes" if row["is_champion"] else "no",
    ("drift_current", "is_beyond"): lambda row: "yes" if row["is_beyond_limit"] else "no",
    ("drift_current", "measure"): lambda row: MEASURES.get(row["measure_kind"], row["measure_name"]),
    ("pipeline_month", "is_overdue"): lambda row: "yes" if row["is_overdue"] else "no",
    ("lead_trend", "stage"): lambda row: f"{row['stage_rank']} {row['status_code'].capitalize()}",
    ("model_tenth", "is_postpaid"): lambda row: row["model_name"] == "churn_postpaid",
    ("model_tenth", "is_prepaid"): lambda row: row["model_name"] == "churn_prepaid",
    ("lead_trend", "is_on_the_way"): lambda row: row["status_code"] != "lost",
    ("pipeline_month", "stage"): lambda row: f"{row['stage_rank']} {row['stage_name']}",
    ("lever_month", "difficulty_score"): lambda row: DIFFICULTY.get(row["execution_difficulty"]),
}


def _standing(row: Row, rows: list[Row]) -> str:
    """The churn rate of the row's region against that of all regions in its month."""
    month = [one for one in rows if one["month"] == row["month"]]
    region = [one for one in month if one["region_id"] == row["region_id"]]
    of_region, of_all = (
        (Decimal(sum(one["opening_churn_count"] for one in some)), sum(one["opening_count"] for one in some))
        for some in (region, month)
    )
    if not of_region[1]:
        return "churn not known"
    share = of_region[0] * of_all[1] / (of_all[0] * of_region[1]) if of_all[0] else Decimal(1)
    word = "above" if share > Decimal("1.1") else "below" if share < Decimal("0.9") else "about"
    return f"churn {word} average"


# What is made of a row and of all others beside it.
MADE_OF_ALL: dict[tuple[str, str], Callable[[Row, list[Row]], Any]] = {
    ("landing_latest", "period_name"): lambda row, rows: (
        f"{row['month']:%Y-%m}" + (" MTD" if row["month"] == max(one["month"] for one in rows) else "")
    ),
    ("region_map", "churn_standing"): _standing,
}
# Code of the stage, what follows its name, and what stands there for no stage.
STAGES = {
    ("lifecycle_trend", "stage"): ("lifecycle_stage_code", "", ""),
    ("lifecycle_transition", "from_stage"): ("from_stage_code", " before", "New"),
    ("lifecycle_transition", "to_stage"): ("to_stage_code", " now", "E+ Aged out"),
}
JOINED = {
    "region_name": ("dim_region", "region_id"),
    "longitude_degrees": ("dim_region", "region_id"),
    "latitude_degrees": ("dim_region", "region_id"),
    "channel_name": ("dim_channel", "channel_id"),
    "tier_rank": ("dim_value_tier", "value_tier"),
    "lever_name": ("dim_value_lever", "lever_number"),
}


def _total(rows: Iterable[Row], column: str) -> Any:
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values) if values else None


def _mean(rows: list[Row], column: str) -> Any:
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values) / len(values) if values else None


SPECIAL: dict[str, Callable[[list[Row]], Any]] = {
    "usage_minutes": lambda rows: None if (seconds := _total(rows, "duration_seconds")) is None else seconds / 60,
    "stage_days": lambda rows: _mean(rows, "stage_age_days"),
    "longitude": lambda rows: rows[0]["longitude_degrees"],
    "latitude": lambda rows: rows[0]["latitude_degrees"],
    "lever_difficulty": lambda rows: max(row["difficulty_score"] for row in rows),
}


class Oracle:
    """Rows of the marts, read once each as they are."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._marts: dict[str, list[Row]] = {}

    def mart(self, name: str) -> list[Row]:
        """All rows of a mart."""
        if name not in self._marts:
            with self._connection.cursor(row_factory=dict_row) as cursor:
                self._marts[name] = cursor.execute(f"select * from marts.{name}").fetchall()
        return self._marts[name]

    def rows(self, entry: Row, is_chosen_month: bool) -> list[Row]:
        """The rows behind a chart of this dataset, for the newest full month, with the names of codes."""
        found = [dict(row) for row in self.mart(entry["mart"]) if KEPT.get(entry["name"], lambda _: True)(row)]
        if entry["shape"] != "latest":
            newest = max(row["month"] for row in self.mart(entry["mart"]) if not row["is_open_month"])
            first = newest if entry["shape"] == "month" or is_chosen_month else _year_before(newest)
            found = [row for row in found if first <= row["month"] <= newest]
        if entry["name"] == "tier_spell":
            full = {row["month"] for row in self.mart("base_movement_monthly") if not row["is_open_month"]}
            found = [row for row in found if row["entered_month"] in full]
        for name in entry["columns"]:
            self._complete(entry, name, found)
        for name in WORDS.keys() & entry["columns"].keys():
            for row in found:
                row[name] = WORDS[name].get(row[name], row[name])
        return found

    def _complete(self, entry: Row, name: str, found: list[Row]) -> None:
        if (entry["name"], name) in MADE:
            for row in found:
                row[name] = MADE[entry["name"], name](row)
        elif (entry["name"], name) in MADE_OF_ALL:
            for row in found:
                row[name] = MADE_OF_ALL[entry["name"], name](row, found)
        elif name in JOINED and (name == "region_name" or entry["columns"][name] != entry["mart"]):
            mart, key = JOINED[name]
            names = {row[key]: row[name] for row in self.mart(mart)}
            for row in found:
                row[name] = names.get(row[key], row[key] if name == "region_name" else None)
        elif (entry["name"], name) in STAGES:
            code, end, without = STAGES[entry["name"], name]
            stages = {row["lifecycle_stage_code"]: row["stage_name"] for row in self.mart("dim_lifecycle_stage")}
            for row in found:
                row[name] = f"{row[code]} {stages[row[code]]}{end}" if row[code] in stages else f"{without}{end}"


def _year_before(month: dt.date) -> dt.date:
    return month.replace(year=month.year - 1)


def metric_value(rows: list[Row], name: str, settings: Row, columns: Iterable[str]) -> Any:
    """The metric over these rows; None where a side is missing, or amounts are of several currencies."""
    if name in SPECIAL:
        return SPECIAL[name](rows)
    if "count" in settings:
        return len({row[settings["count"]] for row in rows}) if settings["count"] else len(rows)
    if "one" in settings:
        return rows[0][settings["one"]] if len(rows) == 1 else None
    is_money = "_amount" in str(settings.get("sum", settings.get("ratio"))) and "currency_code" in columns
    if is_money and len({row["currency_code"] for row in rows}) > 1:
        return None
    if "sum" in settings:
        return _added(rows, settings["sum"])
    numerator, denominator = (_added(rows, side) for side in settings["ratio"])
    return None if numerator is None or not denominator else numerator / denominator


def _added(rows: list[Row], text: str) -> Any:
    total: Any = 0
    for sign, word in re.findall(r"([-+]?)\s*(\w+)", str(text)):
        value = int(word) if word.isdigit() else _total(rows, word)
        if value is None:
            return None
        total = total - value if sign == "-" else total + value
    return total


def kpi_value(rows: list[Row], metric: Metric) -> Any:
    """The KPI over rows of kpi_monthly."""
    mine = [row for row in rows if row["kpi_code"] == metric.name]
    if metric.is_money and len({row["currency_code"] for row in mine}) > 1:
        return None
    numerator, denominator = _total(mine, "numerator"), _total(mine, "denominator")
    if not metric.is_ratio:
        return numerator
    return None if numerator is None or not denominator else numerator / denominator


def grouped(rows: list[Row], columns: list[str]) -> dict[tuple[Any, ...], list[Row]]:
    """The rows by the values of these columns."""
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[column] for column in columns)].append(row)
    return groups
