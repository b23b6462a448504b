"""The documentation of the tables: one page to open as a file, for those who know SQL and not us.

It is dbt's own page with what an analyst also needs: tables under the schema that they are read in, the joins of each,
the questions of the cookbook that it answers, the content of the tables that the operator edits (analysts cannot read
their schema), and a first page with the rules, the cookbook and the glossary.
"""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from tenure import cookbook, glossary
from tenure.settings import Settings
from tenure.transform import PROJECT, run_dbt

START = "docs/start.md"
AREAS = {
    "kpi": "KPIs",
    "customers": "Customers, lifecycle, care",
    "usage": "Usage",
    "revenue": "Revenue, receivables, credit",
    "profit": "Profit and value levers",
    "service": "Service and network",
    "marketing": "Campaigns, points, leads, prices",
    "enterprise": "Opportunities of group customers",
    "market": "Competition",
    "scores": "Scores and lists made with them",
    "conformed": "Dimensions: who, what, where, when",
}
_LINK_OUT = re.compile(r"\[([^\]]+)\]\([^)#]*\.(?:md|yml)[^)]*\)|\[([^\]]+)\]\(\.\./[^)]*\)")
_ONE_ROW = re.compile(r"one row per (\w+)( and version)?")
_SEED = re.compile(r"(\bseeds? )`?(\w+)`?")

Json = dict[str, Any]


def write_documentation(settings: Settings) -> Path:
    """Write the page with every table, column, test and lineage. Returns its path.

    Raises TenureError when dbt cannot read the project or the warehouse.
    """
    run_dbt(settings, ["docs", "generate"])
    target = settings.home / "dbt" / "target"
    manifest: Json = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    catalog: Json = json.loads((target / "catalog.json").read_text(encoding="utf-8"))
    marts = {
        key: node
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] == "build"
    }
    _show_where_they_are_read(manifest, catalog)
    start = _first_page(settings.root, marts)
    dimensions = _dimensions(manifest)
    seeds = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "seed"}
    names = {node["name"] for node in seeds.values()}
    for node in marts.values():
        told = _link_seeds(node["description"], names)
        node["description"] = told + _joins(node, dimensions) + _questions(settings.root, node["name"])
        for column in node["columns"].values():
            column["description"] = _link_seeds(column["description"], names)
    for node in seeds.values():
        node["description"] += _seed_rows(settings.root, node)
    for metric in manifest["metrics"].values():
        if (metric["config"].get("meta") or {}).get("is_kpi"):
            metric["description"] += (
                f"\n\nRead it in {_mart_link('kpi_monthly')} where `kpi_code = '{metric['name']}'`."
            )
    manifest["docs"]["doc.tenure.__overview__"] = {
        "name": "__overview__",
        "resource_type": "doc",
        "package_name": "tenure",
        "path": "overview.md",
        "original_file_path": "overview.md",
        "unique_id": "doc.tenure.__overview__",
        "block_contents": start,
    }
    # The two places that dbt fills in when it makes its own static page.
    text = (target / "index.html").read_text(encoding="utf-8")
    for name, content in (("MANIFEST", manifest), ("CATALOG", catalog)):
        text = text.replace(f'"{name}.JSON INLINE DATA"', json.dumps(content, ensure_ascii=False))
    page = settings.home / "docs" / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")
    return page


def _show_where_they_are_read(manifest: Json, catalog: Json) -> None:
    """Marts are built in `build` and published to `marts`, the only one of the two that analysts can read."""
    for node in manifest["nodes"].values():
        if node.get("schema") == "build":
            node["schema"] = "marts"
            node["relation_name"] = (node.get("relation_name") or "").replace('"build"', '"marts"')
    for node in catalog["nodes"].values():
        if node["metadata"]["schema"] == "build":
            node["metadata"]["schema"] = "marts"


def _dimensions(manifest: Json) -> dict[str, tuple[str, bool]]:
    """By key column, the dimension that has one row for it (or, if `True`, one row for it and each version)."""
    found = {}
    for node in manifest["nodes"].values():
        grain = _ONE_ROW.fullmatch(str(node["config"].get("meta", {}).get("grain", "")))
        if node["resource_type"] == "model" and node["name"].startswith("dim_") and grain:
            found[grain[1]] = (node["name"], bool(grain[2]))
            versions = f"{node['name'].removeprefix('dim_')}_sk"
            if versions in node["columns"]:
                found[versions] = (node["name"], False)
    return found


def _joins(node: Json, dimensions: dict[str, tuple[str, bool]]) -> str:
    """What a mart's columns lead to, as a list: those that are named after the key of a dimension."""
    lines = []
    for column in node["columns"]:
        for key, (name, has_versions) in dimensions.items():
            if name != node["name"] and (column == key or column.endswith(f"_{key}")):
                today = " and `is_current`, for attributes of today" if has_versions else ""
                lines.append(f"- `{column}` = {_mart_link(name)}`.{key}`{today}")
    return "\n\n**Joins**\n\n" + "\n".join(lines) if lines else ""


def _seed_rows(root: Path, node: Json) -> str:
    """The content of a table that the operator edits, as this checkout has it."""
    with (root / PROJECT / node["original_file_path"]).open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    table = [head, ["---"] * len(head), *rows]
    cells = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table)
    return f"\n\n**Content** (of the file in this release; the operator edits it)\n\n{cells}"


def _link_seeds(text: str, seeds: set[str]) -> str:
    """`seed lever_rule` becomes a link to it."""
    return _SEED.sub(
        lambda said: f"{said[1]}[{said[2]}](#!/seed/seed.tenure.{said[2]})" if said[2] in seeds else said[0], text
    )


def _questions(root: Path, mart: str) -> str:
    """The questions of the cookbook that are answered from a mart, with their SQL."""
    asked = [question for question in cookbook.questions(root) if mart in question.marts]
    lines = [f"**{question.number}. {question.title}**\n\n```sql\n{question.sql}\n```" for question in asked]
    return "\n\n**In the cookbook** ([first page](#!/overview))\n\n" + "\n\n".join(lines) if lines else ""


def _mart_link(name: str) -> str:
    return f"[{name}](#!/model/model.tenure.{name})"


def _first_page(root: Path, marts: Json) -> str:
    by_area: dict[str, list[str]] = defaultdict(list)
    for node in marts.values():
        area = node["fqn"][2]
        by_area[area].append(f"| {_mart_link(node['name'])} | {node['config']['meta']['grain']} |")
    lists = [
        f"### {title}\n\n| table of `marts` | one row |\n|---|---|\n" + "\n".join(sorted(by_area[area]))
        for area, title in AREAS.items()
    ]
    pages = [
        (root / START).read_text(encoding="utf-8"),
        (root / cookbook.PAGE).read_text(encoding="utf-8"),
        *cookbook.parts(root),
        "# The tables by subject\n\n" + "\n\n".join(lists),
        glossary.page(root),
    ]
    return _LINK_OUT.sub(lambda link: link[1] or link[2], "\n\n".join(pages))
