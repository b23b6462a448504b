"""The glossary page, made from the dbt metrics and a small catalogue of terms: `python -m tenure.glossary`.

A KPI is defined once, in `dbt_project/models/marts/kpi/metrics*.yml`; nobody edits `docs/glossary.md` by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tenure.errors import TenureError

PAGE = "docs/glossary.md"
TERMS = "docs/glossary_terms.yml"
METRICS = "dbt_project/models/marts/kpi"

UNITS = {
    "subscriptions": "subscriptions",
    "ratio": "ratio: 0.05 is 5 %",
    "currency": "money, in `currency_code`",
    "minutes": "minutes a subscription and month",
    "total_minutes": "minutes",
    "mb": "MB (1,000,000 bytes) a subscription and month",
    "count": "number",
    "seconds": "seconds",
    "days": "days",
    "months": "months",
    "score": "mean score",
    "points": "difference of two shares, -1 to 1",
    "times": "number: 1 is as many on one side as on the other",
}


@dataclass(frozen=True)
class Kpi:
    """A KPI as dbt defines it; `numerator` and `denominator` in words (no denominator: it is a count or a sum)."""

    code: str
    label: str
    chinese: str
    definition: str
    unit: str
    numerator: str
    denominator: str


def kpis(root: Path) -> list[Kpi]:
    """Every metric marked `is_kpi`, in the order of the files. Raises TenureError naming one that is incomplete."""
    files = sorted((root / METRICS).glob("metrics*.yml"), key=lambda path: path.stem)
    metrics = {entry["name"]: entry for path in files for entry in _read(path)["metrics"]}
    return [
        _kpi(name, metric, metrics)
        for name, metric in metrics.items()
        if metric.get("config", {}).get("meta", {}).get("is_kpi")
    ]


def _kpi(name: str, metric: Mapping[str, Any], metrics: Mapping[str, Mapping[str, Any]]) -> Kpi:
    meta = metric["config"]["meta"]
    missing = [key for key in ("name_zh", "unit") if not meta.get(key)]
    if missing:
        raise TenureError(f"metric {name} has no {' and no '.join(missing)}", hint=f"add it to its meta in {METRICS}")
    if meta["unit"] not in UNITS:
        raise TenureError(f"metric {name} has the unknown unit {meta['unit']!r}", hint=f"use one of {', '.join(UNITS)}")
    is_ratio = metric["type"] == "ratio"
    parameters = metric["type_params"]
    return Kpi(
        code=name,
        label=metric["label"],
        chinese=meta["name_zh"],
        definition=_one_line(metric["description"]),
        unit=UNITS[meta["unit"]],
        numerator=_side(parameters["numerator"], metrics) if is_ratio else metric["label"],
        denominator=_side(parameters["denominator"], metrics) if is_ratio else "",
    )


def _side(name: str, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    try:
        return str(metrics[name]["label"])
    except KeyError:
        raise TenureError(f"a ratio metric names {name!r}, which is none", hint=f"see {METRICS}") from None


def page(root: Path) -> str:
    """The whole page as Markdown."""
    return "\n".join([*_opening(), *_kpi_table(kpis(root)), *_terms(root)]) + "\n"


def _opening() -> Iterator[str]:
    yield "# Glossary"
    yield ""
    yield f"Made by `python -m tenure.glossary` from [the dbt metrics](../{METRICS}) and"
    yield "[the catalogue of terms](glossary_terms.yml): edit those, not this page."


def _kpi_table(found: list[Kpi]) -> Iterator[str]:
    yield ""
    yield "## KPIs"
    yield ""
    yield "All are in `marts.kpi_monthly`, by month, region, brand, service line, plan type and value tier, with their"
    yield "numerator and denominator. The value of a ratio over several rows is `sum(numerator) / sum(denominator)`,"
    yield "never a mean of ratios. Amounts of different currencies are never added."
    yield ""
    yield "| KPI | 中文 | `kpi_code` | definition | numerator / denominator | unit |"
    yield "|---|---|---|---|---|---|"
    for kpi in found:
        sides = f"{kpi.numerator} / {kpi.denominator}" if kpi.denominator else kpi.numerator
        yield f"| {kpi.label} | {kpi.chinese} | `{kpi.code}` | {_cell(kpi.definition)} | {sides} | {kpi.unit} |"


def _terms(root: Path) -> Iterator[str]:
    for section in _read(root / TERMS):
        yield ""
        yield f"## {section['section']}"
        yield ""
        yield "| term | 中文 | meaning | seen in |"
        yield "|---|---|---|---|"
        for term in section["terms"]:
            tables = ", ".join(f"`{name}`" for name in term["seen_in"])
            yield f"| {term['term']} | {term['chinese']} | {_cell(_one_line(term['meaning']))} | {tables} |"


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise TenureError(f"cannot read {path.name}: {str(error).splitlines()[0]}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def write_page(root: Path) -> list[Path]:
    """Write the page of the checkout `root` where it is another than before; returns it in that case."""
    path, text = root / PAGE, page(root)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return []
    path.write_text(text, encoding="utf-8")
    return [path]


def main() -> int:
    """Write the page of this checkout. Returns 1, with one line, when the definitions cannot be used."""
    try:
        changed = write_page(Path(__file__).resolve().parent.parent)
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        return 1
    print(f"wrote {PAGE}" if changed else f"{PAGE} says it already")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
