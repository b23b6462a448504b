"""The file of roles against the file of rights: no page of a role reads a mart that its login is denied."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.roles import role_requests
from tenure.database.logins import read_roles
from tenure.database.rights import REGIONAL, rights_on
from tenure.errors import TenureError
from tenure.settings import ROOT

SQL = {
    dataset["uuid"]: dataset.get("sql") or f"marts.{dataset['table_name']}"
    for dataset in of_kind(read_assets(ROOT), "datasets")
}
COLUMNS = {
    model["name"]: [column["name"] for column in model["columns"]]
    for path in sorted((ROOT / "dbt_project/models/marts").rglob("*.yml"))
    for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models") or []
}


@pytest.mark.parametrize("number", range(len(read_roles(ROOT))))
def test_pages_of_a_role__read_only_what_its_login_may(number: int) -> None:
    role, request = read_roles(ROOT)[number], role_requests(ROOT)[number]
    reader = REGIONAL if role.regions else f"tenure_{role.login}"
    assert request["dashboards"] and request["datasets"]
    read = {mart for uuid in request["datasets"] for mart in re.findall(r"marts\.(\w+)", SQL[uuid])}
    denied = [mart for mart in sorted(read) if reader not in rights_on(mart, COLUMNS.get(mart, []))]
    assert denied == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("- {name: A, login: region_a, pages: all}", "regions belong to a region_ login"),
        ("- {name: A, login: dashboard, regions: {city_name: [B]}, pages: all}", "regions belong to a region_ login"),
        ("- {name: A, login: owner, pages: all}", "login 'owner' is none of"),
        ("- {name: A, login: dashboard}", "pages is neither"),
        ("- {name: A, login: dashboard, pages: [nowhere]}", "there is no page nowhere"),
        ("- {name: A, login: dashboard, pages: all, sql_lab: true}", "SQL Lab is for the login analyst"),
        ("- {name: A, login: dashboard, pages: all, like: Admin}", "like means nothing here"),
        ("- {name: A, login: region_a, regions: {region: [B]}, pages: all}", "regions are given by"),
    ],
)
def test_role_that_cannot_be_meant__is_refused(tmp_path: Path, entry: str, reason: str) -> None:
    (tmp_path / "superset" / "pages").mkdir(parents=True)
    (tmp_path / "superset" / "roles.yaml").write_text(entry)
    with pytest.raises(TenureError, match=reason):
        read_roles(tmp_path)
