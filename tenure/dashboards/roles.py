"""The roles of `superset/roles.yaml` as the installer needs them: which pages and datasets each may use."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tenure.dashboards.bundle import connection_name, of_kind, read_assets
from tenure.dashboards.definitions import read_marts
from tenure.database.logins import ReaderRole, read_roles
from tenure.database.rights import REGIONAL, rights_on

MART = re.compile(r"\bmarts\.(\w+)")


def role_requests(root: Path) -> list[dict[str, Any]]:
    """Each role with its connection and the uuids of its dashboards and of the datasets behind them.

    Of the datasets those that its login may read in Postgres; superset/own_pages.py leaves the charts of others out of
    the pages that it sees.
    """
    assets = read_assets(root)
    readers = _readers_of_datasets(root, of_kind(assets, "datasets"))
    # A page has a file for each language, all of one name.
    dashboards = [(Path(path).stem, page) for path, page in assets.items() if path.startswith("dashboards/")]
    dataset_of = {chart["uuid"]: chart["dataset_uuid"] for chart in of_kind(assets, "charts")}
    return [_request(role, dashboards, dataset_of, readers) for role in read_roles(root)]


def logins_read_as(root: Path) -> list[str]:
    """Every login that a role reads as, once each, in the order of the file."""
    return list(dict.fromkeys(role.login for role in read_roles(root)))


def _readers_of_datasets(root: Path, datasets: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Uuid of a dataset to the readers of `rights.yml` that may read every mart of its SQL."""
    marts = read_marts(root / "dbt_project")

    def readers(mart: str) -> set[str]:
        return set(rights_on(mart, tuple(marts[mart].columns) if mart in marts else ()))

    return {one["uuid"]: set.intersection(*(readers(mart) for mart in MART.findall(one["sql"]))) for one in datasets}


def _request(
    role: ReaderRole,
    dashboards: list[tuple[str, dict[str, Any]]],
    dataset_of: dict[str, str],
    readers: dict[str, set[str]],
) -> dict[str, Any]:
    pages = [page for name, page in dashboards if role.pages is None or name in role.pages]
    reader = REGIONAL if role.regions else f"tenure_{role.login}"
    datasets = {uuid for page in pages for uuid in _datasets(page, dataset_of) if reader in readers[uuid]}
    return {
        "name": role.name,
        "connection": connection_name(role.login),
        "dashboards": sorted(page["uuid"] for page in pages),
        "datasets": sorted(datasets),
        "has_sql_lab": role.has_sql_lab,
    }


def _datasets(page: dict[str, Any], dataset_of: dict[str, str]) -> set[str]:
    """Behind the charts and the filters of a page."""
    charts = [node["meta"]["uuid"] for node in page["position"].values() if _is_chart(node)]
    filters = page["metadata"].get("native_filter_configuration", [])
    return {dataset_of[uuid] for uuid in charts} | {
        target["datasetUuid"] for one in filters for target in one["targets"] if "datasetUuid" in target
    }


def _is_chart(node: Any) -> bool:
    return isinstance(node, dict) and node.get("type") == "CHART"
