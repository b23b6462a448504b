"""Superset's datasets, written from superset/datasets.yaml and the definitions in dbt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tenure.dashboards.definitions import Mart, Metric, read_marts, read_metrics
from tenure.errors import TenureError
from tenure.settings import Settings

DATABASE_UUID = "5d7a9a0e-6f0c-5c1e-9a55-0f7a3b1c2d01"
HEADER = "# Written by `tenure dashboards --generate` from superset/datasets.yaml and the dbt metrics. Do not edit.\n"

# A row of a trend dataset is repeated for every reporting month it is shown under. This is how often, and NULL where
# several reporting months and several months are mixed, for then no divisor is right: better nothing than wrong.
ONCE = (
    "case when count(distinct month) = 1 or count(distinct reporting_month) = 1 "
    "then count(distinct reporting_month) end"
)
# Amounts of different currencies are never added: without a single currency there is no value.
SINGLE_CURRENCY = "case when count(distinct currency_code) = 1"


def generate(settings: Settings) -> list[Path]:
    """Write assets/datasets/*.yaml anew and remove those no longer described. Returns the files that changed."""
    folder = settings.root / "superset" / "assets" / "datasets"
    wanted = rendered(settings.root)
    changed = []
    for path in folder.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
            changed.append(path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return sorted(changed)


def stale_files(root: Path) -> list[str]:
    """Names of dataset files in this checkout that differ from what the definitions say now."""
    folder = root / "superset" / "assets" / "datasets"
    wanted = rendered(root)
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.yaml")}
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def rendered(root: Path) -> dict[str, str]:
    """File name to text of every dataset file, as the definitions in this checkout say."""
    dbt_dir = root / "dbt_project"
    metrics, marts = read_metrics(dbt_dir), read_marts(dbt_dir)
    specifications = yaml.safe_load((root / "superset" / "datasets.yaml").read_text(encoding="utf-8"))
    return {f"{entry['name']}.yaml": HEADER + _dump(_dataset(entry, metrics, marts)) for entry in specifications}


def _dataset(entry: dict[str, Any], metrics: dict[str, Metric], marts: dict[str, Mart]) -> dict[str, Any]:
    columns = [_column(entry, name, source, marts) for name, source in entry["columns"].items()]
    descriptions = {column["column_name"]: column["description"] for column in columns}
    shown = [_kpi_metric(metric) for metric in metrics.values() if _is_wanted(entry, metric)]
    shown += [_metric(entry, name, settings, descriptions) for name, settings in entry.get("metrics", {}).items()]
    dataset: dict[str, Any] = {
        "uuid": entry["uuid"],
        "version": "1.0.0",
        "database_uuid": DATABASE_UUID,
        "schema": "marts",
        "table_name": entry["name"],
        "description": entry["description"],
        "sql": entry.get("sql"),
        "main_dttm_col": entry.get("time_column"),
        "currency_code_column": entry.get("currency_column"),
        "filter_select_enabled": True,
        "is_managed_externally": True,
        "columns": columns,
        "metrics": shown,
    }
    return dataset


def _column(entry: dict[str, Any], name: str, source: Any, marts: dict[str, Mart]) -> dict[str, Any]:
    if isinstance(source, dict):
        data_type, description = source["type"], source["description"]
    else:
        mart = marts.get(source)
        if mart is None or name not in mart.columns:
            raise TenureError(
                f"dataset {entry['name']} shows {source}.{name}, which no mart has",
                hint="correct superset/datasets.yaml",
            )
        data_type, description = mart.columns[name]
    return {
        "column_name": name,
        "verbose_name": _words(name),
        "description": description,
        "type": data_type.upper(),
        "is_dttm": data_type.lower() == "date" or data_type.lower().startswith("timestamp"),
        "groupby": True,
        "filterable": True,
        "is_active": True,
    }


def _is_wanted(entry: dict[str, Any], metric: Metric) -> bool:
    return entry.get("kpi_metrics") == ("money" if metric.is_money else "other")


def _kpi_metric(metric: Metric) -> dict[str, Any]:
    of_kpi = f"case when kpi_code = '{metric.name}' then {{}} end"
    value = f"sum({of_kpi.format('numerator')})"
    if metric.is_ratio:
        value = f"1.0 * {value} / nullif(sum({of_kpi.format('denominator')}), 0)"
        guard = "case when count(distinct month) = 1 or count(distinct reporting_month) = 1"
        expression = f"{guard} then {value} end"
    else:
        expression = f"{value} / {ONCE}"
    if metric.is_money:
        expression = f"{SINGLE_CURRENCY} then {expression} end"
    return _metric_entry(metric.name, metric.label, expression, metric.number_format, metric.definition)


def _metric(entry: dict[str, Any], name: str, settings: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    expression = settings["expression"].format(once=ONCE, single_currency=SINGLE_CURRENCY)
    description = settings.get("description")
    if description is None:
        # The one dbt column inside `sum(...)` says what it counts.
        named = [column for column in columns if f"({column})" in expression]
        if len(named) != 1:
            raise TenureError(f"metric {name} of dataset {entry['name']} needs a description")
        description = columns[named[0]]
    return _metric_entry(name, settings["label"], expression, settings["format"], description)


def _metric_entry(name: str, label: str, expression: str, number_format: str, description: str) -> dict[str, Any]:
    return {
        "metric_name": name,
        "verbose_name": label,
        "expression": expression,
        "d3format": number_format,
        "description": description,
    }


def _words(name: str) -> str:
    words = re.sub(r"_(name|amount|id|code|count)$", "", name).replace("_", " ")
    return words[0].upper() + words[1:]


class _Dumper(yaml.SafeDumper):
    """Block style for SQL, so that a diff shows the line that changed."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)


def _dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)
