"""What dbt says: the KPI metrics and the columns of the marts, read from the YAML of the dbt project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenure.dashboards.files import read_yaml
from tenure.errors import TenureError

# How a value of each unit is written, in the notation of d3-format. Amounts get their currency from the data.
FORMATS = {
    "subscriptions": ",d",
    "ratio": ".2%",
    "currency": ",.2f",
    "minutes": ",.1f",
    "total_minutes": ",.0f",
    "mb": ",.0f",
    "count": ",d",
    "seconds": ",.1f",
    "days": ",.1f",
    "months": ",.1f",
    "score": ".2f",
    "points": "+.2f",
    "times": ".2f",
}

DOC_BLOCK = re.compile(r"\{%-?\s*docs\s+(\w+)\s*-?%\}(.*?)\{%-?\s*enddocs\s*-?%\}", re.DOTALL)
DOC_REFERENCE = re.compile(r"\{\{\s*doc\(\s*['\"](?:\w+['\"]\s*,\s*['\"])?(\w+)['\"]\s*\)\s*\}\}")


@dataclass(frozen=True)
class Metric:
    """A KPI as dbt defines it.

    `unit` is a key of FORMATS; `name_zh` its name in Chinese; `is_ratio` tells whether it has a denominator; `is_money`
    whether its sides are amounts of a currency, so that it may not be read over several: also days or a ratio made of
    amounts.
    """

    name: str
    label: str
    definition: str
    unit: str
    is_ratio: bool
    is_money: bool
    name_zh: str

    @property
    def number_format(self) -> str:
        """How its values are written (d3-format): totals of money without cents, everything else by its unit."""
        return ",.0f" if self.unit == "currency" and not self.is_ratio else FORMATS[self.unit]


@dataclass(frozen=True)
class Mart:
    """A published table: `columns` is name to (data type, description), in the order of its contract."""

    name: str
    description: str
    columns: dict[str, tuple[str, str]] = field(default_factory=dict)


def read_metrics(dbt_dir: Path) -> dict[str, Metric]:
    """The metrics marked `is_kpi` by name, in file order. Raises TenureError on a unit without a format."""
    metrics = {}
    for path, entry in _entries(dbt_dir, "metrics"):
        meta = _meta(entry)
        if not meta.get("is_kpi"):
            continue  # one side of a ratio, not shown by itself
        metric = Metric(
            name=entry["name"],
            label=entry["label"],
            definition=_one_line(entry["description"]),
            unit=meta["unit"],
            is_ratio=entry["type"] == "ratio",
            is_money=meta.get("is_money", False),
            name_zh=meta.get("name_zh", ""),
        )
        if metric.unit not in FORMATS:
            raise TenureError(
                f"metric {metric.name} in {path} has the unit {metric.unit!r}",
                hint=f"use one of {', '.join(FORMATS)}",
            )
        metrics[metric.name] = metric
    return metrics


def read_marts(dbt_dir: Path) -> dict[str, Mart]:
    """Every model below models/marts by name, with its contract columns."""
    marts = {}
    blocks = _doc_blocks(dbt_dir)
    for path, entry in _entries(dbt_dir / "models" / "marts", "models"):
        columns = {
            column["name"]: (
                str(column.get("data_type", "")),
                _resolved(column.get("description", ""), blocks, path),
            )
            for column in entry.get("columns", [])
        }
        marts[entry["name"]] = Mart(entry["name"], _resolved(entry.get("description", ""), blocks, path), columns)
    return marts


def _entries(folder: Path, key: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(folder.rglob("*.yml")):
        document = read_yaml(path)
        for entry in document.get(key) or []:
            yield path, entry


def _meta(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry.get("meta", {}), **entry.get("config", {}).get("meta", {})}


def _doc_blocks(dbt_dir: Path) -> dict[str, str]:
    """The texts that several descriptions share, by name."""
    return {
        name: text
        for path in sorted(dbt_dir.rglob("*.md"))
        for name, text in DOC_BLOCK.findall(path.read_text(encoding="utf-8"))
    }


def _resolved(description: str, blocks: dict[str, str], path: Path) -> str:
    """The description with the text of each `{{ doc('name') }}` in its place."""

    def text_of(reference: re.Match[str]) -> str:
        if reference[1] not in blocks:
            raise TenureError(f"{path} refers to the text {reference[1]!r}", hint="no {% docs %} block has that name")
        return blocks[reference[1]]

    return _one_line(DOC_REFERENCE.sub(text_of, description))


def _one_line(text: str) -> str:
    return " ".join(text.split())
