"""Who sees what, as the operator wrote it in `superset/roles.yaml`: roles, their login, regions and pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tenure.errors import TenureError
from tenure.settings import REGIONAL_LOGIN

ROLES_FILE = "superset/roles.yaml"
REGION_COLUMNS = ("region_id", "city_name", "province_name")
_COMPANY_WIDE = ("dashboard", "retention", "analyst")


@dataclass(frozen=True)
class ReaderRole:
    """One role: its name in Superset, its Postgres login without `tenure_`, its pages (None: all) and SQL Lab.

    regions: pairs of a column of `dim_region` and a value, each of which makes regions visible.
    """

    name: str
    login: str
    pages: tuple[str, ...] | None
    has_sql_lab: bool
    regions: tuple[tuple[str, str], ...]


def read_roles(root: Path) -> list[ReaderRole]:
    """The roles of the file, checked. Raises TenureError that names the role and what is wrong with it."""
    path = root / ROLES_FILE
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TenureError(f"{ROLES_FILE} is not YAML: {str(error).splitlines()[0]}") from None
    known = {page.stem for page in (root / "superset" / "pages").glob("*.yaml")}
    roles = [_role(entry, known) for entry in entries or []]
    for what, values in (
        ("name", [role.name for role in roles]),
        ("login", [role.login for role in roles if role.regions]),
    ):
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise _wrong(twice[0], f"the {what} stands there twice")
    return roles


def regional_logins(root: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Login without `tenure_` to its regions, of every regional manager."""
    return {role.login: role.regions for role in read_roles(root) if role.regions}


def _role(entry: Any, known: set[str]) -> ReaderRole:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise _wrong(str(entry)[:60], "it has no name")
    name, login, pages = entry["name"], str(entry.get("login", "")), entry.get("pages")
    if unknown := sorted(set(entry) - {"name", "login", "regions", "pages", "sql_lab"}):
        raise _wrong(name, f"{unknown[0]} means nothing here")
    is_regional = REGIONAL_LOGIN.fullmatch(login) is not None
    if not (login in _COMPANY_WIDE or is_regional):
        raise _wrong(name, f"login {login!r} is none of {', '.join(_COMPANY_WIDE)} or region_<name>")
    if pages != "all" and not (isinstance(pages, list) and pages):
        raise _wrong(name, "pages is neither all nor a list of names")
    if pages != "all" and (unknown := sorted(set(pages) - known)):
        raise _wrong(name, f"there is no page {unknown[0]}")
    regions = _regions(name, entry.get("regions") or {})
    if bool(regions) != is_regional:
        raise _wrong(name, "regions belong to a region_ login, and such a login needs them")
    if entry.get("sql_lab") and login != "analyst":
        raise _wrong(name, "SQL Lab is for the login analyst")
    return ReaderRole(name, login, None if pages == "all" else tuple(pages), bool(entry.get("sql_lab")), regions)


def _regions(name: str, given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict) or set(given) - set(REGION_COLUMNS):
        raise _wrong(name, f"regions are given by {', '.join(REGION_COLUMNS)}")
    if any(not isinstance(values, list) for values in given.values()):
        raise _wrong(name, "regions are lists, such as province_name: [North]")
    return tuple((column, str(value)) for column, values in given.items() for value in values)


def _wrong(name: str, reason: str) -> TenureError:
    return TenureError(f"role {name} of {ROLES_FILE}: {reason}", hint="the head of that file says what may stand there")
