"""The file of roles with the file of rights: what of its pages a role gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.roles import role_requests
from tenure.database.logins import read_roles
from tenure.errors import TenureError
from tenure.settings import ROOT

# Page to its charts that show the whole company: no regional manager gets them.
COMPANY_WIDE = {
    "business": {"day_part"}, "lifecycle": {"playbook"}, "retention": {"destroying", "months_left", "survival"},
    "revenue": {"ledger"},
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(read_roles(ROOT))))
def test_role__gets_every_chart_and_filter_of_its_pages_but_those_of_the_whole_company(number: int) -> None:
    role, request = read_roles(ROOT)[number], role_requests(ROOT)[number]
    assets = read_assets(ROOT)
    missing: dict[str, set[str]] = {}
    for file in (Path(path) for path in assets if path.startswith("charts/")):
        page, is_given = file.parent.name, assets[file.as_posix()]["dataset_uuid"] in request["datasets"]
        if (role.pages is None or page in role.pages) and not is_given:
            missing.setdefault(page, set()).add(file.stem)
    assert missing == (COMPANY_WIDE if role.regions else {})
    for dashboard in of_kind(assets, "dashboards"):
        if dashboard["uuid"] in request["dashboards"]:
            filters = dashboard["metadata"]["native_filter_configuration"]
            assert {target["datasetUuid"] for one in filters for target in one["targets"]} <= set(request["datasets"])


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
