"""A page as each viewer gets it: without links to pages and without charts that are not for him.

The files hold every page once. What a login may read is decided in Postgres; install.py gives a role the datasets that
its login can read. A chart of another dataset would be an empty box for ever, so the page is given out without it, and
its neighbours in the row take its place.
"""

import json
import re
from typing import Any

from flask import g, request
from werkzeug.wrappers import Response

LINK = re.compile(r"\[[^\]]*\]\(/superset/dashboard/([\w-]+)/\)")


def show_own(response: Response) -> Response:
    """The answer of the API with a page of ours, or with the charts of one, as far as it is for this viewer."""
    if request.endpoint not in ("DashboardRestApi.get", "DashboardRestApi.get_charts") or response.status_code != 200:
        return response
    from superset.models.dashboard import Dashboard

    page = Dashboard.get(request.view_args["id_or_slug"])
    if not page.is_managed_externally:
        return response
    answer, hidden = response.get_json(), _hidden(page)
    if request.endpoint == "DashboardRestApi.get_charts":
        answer["result"] = [chart for chart in answer["result"] if chart["id"] not in hidden]
    elif text := answer["result"].get("position_json"):
        position = json.loads(text)
        links = position["MARKDOWN-links"]["meta"]
        links["code"] = _links_of(g.user, links["code"])
        _leave_out(position, hidden)
        answer["result"]["position_json"] = json.dumps(position, ensure_ascii=False)
    response.set_data(json.dumps(answer, ensure_ascii=False))
    return response


def _links_of(user: Any, text: str) -> str:
    """The row of links to other pages without those that this user may not open."""
    from superset.extensions import db, security_manager
    from superset.models.dashboard import Dashboard

    roles = set(security_manager.get_user_roles(user))
    is_admin = any(role.name == "Admin" for role in roles)
    asked = db.session.query(Dashboard).filter(Dashboard.slug.in_(LINK.findall(text)))
    own = {page.slug for page in asked if is_admin or roles & set(page.roles)}
    parts = [(part, LINK.fullmatch(part)) for part in text.split(" · ")]
    return " · ".join(part for part, link in parts if link is None or link[1] in own)


def _hidden(page: Any) -> set[int]:
    """Numbers of the charts whose dataset the viewer's role has not been given."""
    from superset.extensions import security_manager

    if security_manager.can_access_all_datasources():
        return set()
    own = security_manager.user_view_menu_names("datasource_access")
    return {chart.id for chart in page.slices if chart.datasource.perm not in own}


def _leave_out(position: dict[str, Any], hidden: set[int]) -> None:
    """Take charts out of a layout; what stands beside them gets their width, and a row without any goes."""
    grid = position["GRID_ID"]
    for row in list(grid["children"]):
        blocks = [position[name] for name in position[row]["children"]]
        kept = [block for block in blocks if block["meta"].get("chartId") not in hidden]
        gone = [block for block in blocks if block not in kept]
        for block in gone:
            del position[block["id"]]
        position[row]["children"] = [block["id"] for block in kept]
        free = sum(block["meta"]["width"] for block in gone)
        for number, block in enumerate(kept):
            block["meta"]["width"] += free // len(kept) + (number < free % len(kept))
        if not kept:
            del position[row]
            grid["children"].remove(row)
