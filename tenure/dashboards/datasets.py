"""Everything generated below superset/assets: datasets from superset/datasets and dbt, pages from superset/pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tenure.dashboards.cards import card_metrics, kpi_values
from tenure.dashboards.definitions import Mart, Metric, read_marts, read_metrics
from tenure.dashboards.files import read_yaml, yaml_text
from tenure.dashboards.language import Language, english, read_languages
from tenure.dashboards.pages import page_files
from tenure.dashboards.shapes import ONCE, ONE_MONTH, SINGLE_CURRENCY, expression_of, with_shape
from tenure.errors import TenureError
from tenure.settings import Settings

DATABASE_UUID = "5d7a9a0e-6f0c-5c1e-9a55-0f7a3b1c2d01"
# Written by the publication step, not by dbt: see tenure/warehouse/publish.py.
PUBLICATION = {
    "mart_status": Mart(
        "mart_status",
        "To which business date each published mart is complete.",
        {
            "mart_name": ("text", "Name of the published mart."),
            "grain": ("text", "What one row of the mart is, in words."),
            "complete_to_date": ("date", "The business date that the mart is complete to."),
            "row_count": ("bigint", "Rows of the mart in the published version."),
        },
    ),
}
# Written in capitals where they are part of a name.
ABBREVIATIONS = ("auc", "kpi", "roi", "sla")
GENERATED = ("datasets", "charts", "dashboards")
HEADER = "# Written by `tenure dashboards --generate` from superset/datasets, superset/pages and dbt. Do not edit.\n"


def generate(settings: Settings) -> list[Path]:
    """Write the generated assets anew and remove those no longer described. Returns the files that changed."""
    wanted, present = rendered(settings.root), _present(settings.root)
    assets = settings.root / "superset" / "assets"
    for name in present.keys() - wanted.keys():
        (assets / name).unlink()
    for name, text in wanted.items():
        if present.get(name) != text:
            (assets / name).parent.mkdir(parents=True, exist_ok=True)
            (assets / name).write_text(text, encoding="utf-8")
    return sorted(assets / name for name in _different(wanted, present))


def stale_files(root: Path) -> list[str]:
    """Paths below superset/assets in this checkout that differ from what the definitions say now."""
    return _different(rendered(root), _present(root))


def _present(root: Path) -> dict[str, str]:
    assets = root / "superset" / "assets"
    paths = [path for kind in GENERATED for path in sorted((assets / kind).rglob("*.yaml"))]
    return {path.relative_to(assets).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _different(wanted: dict[str, str], present: dict[str, str]) -> list[str]:
    return sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))


def rendered(root: Path) -> dict[str, str]:
    """Path below superset/assets to text of every generated file, as the definitions in this checkout say."""
    files: dict[str, dict[str, Any]] = {}
    for language in read_languages(root):
        datasets = dataset_documents(root, language)
        files |= {f"datasets/{language.folder}{name}.yaml": document for name, document in datasets.items()}
        files |= page_files(root, datasets, language)
    return {name: HEADER + yaml_text(document) for name, document in files.items()}


def read_entries(root: Path, language: Language | None = None) -> list[dict[str, Any]]:
    """The datasets as superset/datasets/*.yaml describe them, short forms written out; in English when not told."""
    language = language or english(root)
    paths = sorted((root / "superset" / "datasets").glob("*.yaml"))
    return [with_shape(entry, language) for path in paths for entry in read_yaml(path)]


def dataset_documents(root: Path, language: Language | None = None) -> dict[str, dict[str, Any]]:
    """The datasets as Superset keeps them, by the name that pages use; in English when not told.

    Raises TenureError on a column no mart has.
    """
    language = language or english(root)
    metrics, marts = read_metrics(root / "dbt_project"), read_marts(root / "dbt_project") | PUBLICATION
    return {
        entry["name"]: _in_language(_dataset(entry, metrics, marts, language), language)
        for entry in read_entries(root, language)
    }


def _in_language(dataset: dict[str, Any], language: Language) -> dict[str, Any]:
    texts = ("verbose_name", "description")
    parts = {
        kind: [{**item, **{key: language.text(item[key]) for key in texts}} for item in dataset[kind]]
        for kind in ("columns", "metrics")
    }
    return {
        **dataset,
        "uuid": language.uuid(dataset["uuid"]),
        "table_name": language.named(dataset["table_name"], "_"),
        "description": language.text(dataset["description"]),
        **parts,
    }


def _dataset(
    entry: dict[str, Any], metrics: dict[str, Metric], marts: dict[str, Mart], language: Language
) -> dict[str, Any]:
    columns = [_column(entry, name, source, marts) for name, source in entry["columns"].items()]
    descriptions = {column["column_name"]: column["description"] for column in columns}
    shown = [_kpi_metric(metric) for metric in metrics.values() if _is_wanted(entry, metric)]
    own = card_metrics(language) if entry.get("kpi_metrics") == "cards" else entry.get("metrics", {})
    shown += [_metric(entry, name, settings, descriptions) for name, settings in own.items()]
    dataset: dict[str, Any] = {
        "uuid": entry["uuid"],
        "version": "1.0.0",
        "database_uuid": DATABASE_UUID,
        "schema": "marts",
        "table_name": entry["name"],
        "description": entry["description"],
        "sql": entry["sql"].replace("{kpi_values}", kpi_values(metrics, language)),
        "main_dttm_col": entry.get("time_column"),
        "currency_code_column": entry.get("currency_column"),
        "filter_select_enabled": True,
        "is_managed_externally": True,
        "columns": columns,
        "metrics": shown,
    }
    return dataset


def _column(entry: dict[str, Any], name: str, source: Any, marts: dict[str, Mart]) -> dict[str, Any]:
    label = source.get("label", "") if isinstance(source, dict) else ""
    if isinstance(source, dict) and "mart" in source:
        source = source["mart"]
    if isinstance(source, dict):
        data_type, description = source["type"], source["description"]
    else:
        mart = marts.get(source)
        if mart is None or name not in mart.columns:
            raise TenureError(
                f"dataset {entry['name']} shows {source}.{name}, which no mart has",
                hint="correct superset/datasets",
            )
        data_type, description = mart.columns[name]
    return {
        "column_name": name,
        "verbose_name": label or _words(name),
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
        expression = f"{ONE_MONTH} then {value} end"
    else:
        expression = f"{value} / {ONCE}"
    if metric.is_money:
        expression = f"{SINGLE_CURRENCY} then {expression} end"
    return _metric_entry(metric.name, metric.label, expression, metric.number_format, metric.definition)


def _metric(entry: dict[str, Any], name: str, settings: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    expression = expression_of(entry, name, settings)
    description = settings.get("description")
    if description is None:
        # The one dbt column that is added up or shown says what it is.
        named = [column for column in columns if re.search(rf"\b(sum|max)\({column}\)", expression)]
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
    words = re.sub(r"_(name|amount|id|code|count)$", "", name).split("_")
    text = " ".join(word.upper() if word in ABBREVIATIONS else word for word in words)
    return text[0].upper() + text[1:]
