"""The asset files as one bundle in the form Superset imports.

The files are Superset's own format with three conveniences, undone here: a chart's `query_context` is written as YAML
and without what repeats its parameters; the definitions of the metrics that a chart shows are added to its
description; `{definitions}` in a dashboard's text stands for those of all its charts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid5

from tenure.dashboards.charts import definitions_of
from tenure.dashboards.files import read_yaml, yaml_text
from tenure.dashboards.language import code_of

KINDS = ("databases", "datasets", "charts", "dashboards")
METADATA = "version: 1.0.0\ntype: assets\ntimestamp: '2026-01-01T00:00:00+00:00'\n"


def read_assets(root: Path) -> dict[str, dict[str, Any]]:
    """Every asset of the checkout: `datasets/kpi_trend.yaml` to its document, as it stands in the file."""
    folder = root / "superset" / "assets"
    return {
        path.relative_to(folder).as_posix(): read_yaml(path)
        for kind in KINDS
        for path in sorted((folder / kind).rglob("*.yaml"))
    }


def of_kind(assets: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The documents of one kind, in file order."""
    return [document for path, document in assets.items() if path.startswith(f"{kind}/")]


def compile_bundle(
    root: Path, warehouse_url: str, login_urls: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The bundle (path to YAML text) and the passwords (path to password) that go with it.

    warehouse_url: postgresql:// URL of the login that reads everything. login_urls: that of each login that a role
    reads as; every one becomes a connection of its own, from which superset_config.py takes that of a user's role.
    """
    assets = read_assets(root)
    datasets: dict[str, dict[str, Any]] = {}  # of each language by uuid: a chart's definitions are in its own
    for path, document in assets.items():
        if path.startswith("datasets/"):
            datasets.setdefault(code_of(path), {})[document["uuid"]] = document
    charts = {document["uuid"]: document for document in of_kind(assets, "charts")}
    bundle, passwords = {"metadata.yaml": METADATA}, {}
    for path, document in assets.items():
        if path.startswith("databases/"):
            document["sqlalchemy_uri"], passwords[path] = _connection(warehouse_url)
        elif path.startswith("charts/"):
            document = _chart(document, datasets[code_of(path)])
        elif path.startswith("dashboards/"):
            document = _dashboard(document, charts, datasets[code_of(path)])
        bundle[path] = yaml_text(document)
    (warehouse,) = of_kind(assets, "databases")
    for login, url in login_urls.items():
        path = f"databases/{login}.yaml"
        uri, passwords[path] = _connection(url)
        document = {
            **warehouse,
            "uuid": str(uuid5(UUID(warehouse["uuid"]), login)),
            "database_name": connection_name(login),
            "sqlalchemy_uri": uri,
            "expose_in_sqllab": login == "analyst",
        }
        bundle[path] = yaml_text(document)
    return bundle, passwords


def connection_name(login: str) -> str:
    """The connection in Superset that opens the warehouse as this login (without `tenure_`)."""
    return f"Tenure warehouse as {login}"


def _connection(url: str) -> tuple[str, str]:
    """The URL as Superset stores it, with the password masked, and the password."""
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port or 5432}"
    query = f"?{parts.query}" if parts.query else ""
    masked = f"postgresql+psycopg2://{parts.username}:XXXXXXXXXX@{host}{parts.path}{query}"
    return masked, unquote(parts.password or "")


def _chart(chart: dict[str, Any], datasets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    sentences = [chart.get("description", ""), *(f"{label}: {text}" for label, text in definitions_of(chart, datasets))]
    params = {"viz_type": chart["viz_type"], **chart["params"]}
    context = {
        "datasource": {"id": 0, "type": "table"},  # the number is given by Superset at import
        "force": False,
        "queries": chart["query_context"]["queries"],
        "form_data": params,
        "result_format": "json",
        "result_type": "full",
    }
    return {
        **chart,
        "description": "\n\n".join(sentence for sentence in sentences if sentence),
        "params": params,
        "query_context": json.dumps(context),
        "is_managed_externally": True,
    }


def _dashboard(
    dashboard: dict[str, Any], charts: dict[str, dict[str, Any]], datasets: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    shown = [node["meta"]["uuid"] for node in dashboard["position"].values() if _is_chart(node)]
    lines: dict[str, str] = {}
    for uuid in shown:
        for label, definition in definitions_of(charts[uuid], datasets):
            lines.setdefault(label, definition)
    text = "\n".join(f"- **{label}** — {definition}" for label, definition in lines.items())
    for node in dashboard["position"].values():
        if isinstance(node, dict) and node.get("type") == "MARKDOWN":
            node["meta"]["code"] = node["meta"]["code"].replace("{definitions}", text)
    return {**dashboard, "is_managed_externally": True}


def _is_chart(node: Any) -> bool:
    return isinstance(node, dict) and node.get("type") == "CHART"
