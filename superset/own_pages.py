"""A page as each viewer gets it: without links to pages and without charts that are not for him.

The files hold every page once. What a login may read is decided in Postgres; install.py gives a role the datasets that
its login can read. A chart of another dataset would be an empty box for ever, so the page is given out without it, and
its neighbours in the row take its place. A page drawn for a mail has no list of customers either: a mail goes further
than anybody's rights.
"""

import json
import re
from typing import Any

from flask import g, request
from report_mails import REPORTER
from werkzeug.wrappers import Response

LINK = re.compile(r"\[[^\]]*\]\(/superset/dashboard/([\w-]+)/\)")


def show_own(response: Response) -> Response:
    """The answer of the API with a page, or with the charts of one, as far as it is for this viewer."""
    if request.endpoint not in ("DashboardRestApi.get", "DashboardRestApi.get_charts") or response.status_code != 200:
        return response
    from superset.models.dashboard import Dashboard

    page = Dashboard.get(request.view_args["id_or_slug"])
    answer, hidden = response.get_json(), hidden_charts(page)
    if request.endpoint == "DashboardRestApi.get_charts":
        answer["result"] = [chart for chart in answer["result"] if chart["id"] not in hidden]
    elif text := answer["result"].get("position_json"):
        position = json.loads(text)
        if page.is_managed_externally:
            links = position["MARKDOWN-links"]["meta"]
            links["code"] = _links_of(g.user, links["code"])
        for name, node in list(position.items()):
            if isinstance(node, dict) and node.get("type") == "CHART" and node["meta"].get("chartId") in hidden:
                _leave_out(position, name)
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


def hidden_charts(page: Any) -> set[int]:
    """Numbers of the charts that the viewer does not get.

    Of a page of ours those whose dataset his role has not been given; drawn for a mail, of any page, those that list
    single rows.
    """
    from superset.extensions import security_manager

    hidden = set()
    if getattr(g.user, "username", None) == REPORTER:
        hidden = {chart.id for chart in page.slices if json.loads(chart.params or "{}").get("query_mode") == "raw"}
    if page.is_managed_externally and not security_manager.can_access_all_datasources():
        own = security_manager.user_view_menu_names("datasource_access")
        hidden |= {chart.id for chart in page.slices if chart.datasource.perm not in own}
    return hidden


def _leave_out(position: dict[str, Any], name: str) -> None:
    """Take a node out of a layout; what stands beside it in a row gets its width, and what is left empty goes too."""
    gone = position.pop(name)
    parents = [key for key, node in position.items() if isinstance(node, dict) and name in node.get("children", [])]
    for key in parents:
        parent = position[key]
        parent["children"].remove(name)
        kept = [position[child]["meta"] for child in parent["children"]]
        if not kept and parent["type"] in ("ROW", "COLUMN"):
            _leave_out(position, key)
        elif parent["type"] == "ROW":
            free = gone["meta"]["width"]
            for number, meta in enumerate(kept):
                meta["width"] += free // len(kept) + (number < free % len(kept))
