"""Answers into Superset's cache what a browser asks when somebody opens a page: for every page, language and login.

Runs in Superset's own environment: as a script after a publication (tenure/dashboards/warming.py), and each minute in
the worker of the containers, whose pipeline has no Superset. Whoever comes first does it, once a publication.

Everything is asked as a user of the role: read with his login, and kept under the key of that login and no other's.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from first_view import Filter, Query, queries_of_chart, query_of_filter
from own_pages import hidden_charts
from report_mails import REPORTER
from superset.extensions import celery_app

logger = logging.getLogger("tenure.warm_pages")

# The instant of the last publication or installation. It is part of the key of every answer.
NEWEST = "select max(changed_on)::text from tables where is_managed_externally"
KNOWN = "select value from tenure_installation where what = 'warmed'"
REMEMBER = """
insert into tenure_installation values ('warmed', :value) on conflict (what) do update set value = excluded.value
"""


def warm() -> None:
    """Ask everything, if that has not been done since the last publication, and remember that it is done.

    Again, if another publication has come in the meantime; not beside another process that does it. A chart that fails
    is told to the log. What is remembered: `newest` (see NEWEST), counts of `logins`, `answers` and `failed` charts,
    and `seconds`. Needs the context of Superset's application.
    """
    from superset.extensions import db

    with _only_one() as is_ours:
        while is_ours and (newest := db.session.scalar(db.text(NEWEST))) is not None:
            known = db.session.scalar(db.text(KNOWN))
            if known and json.loads(known)["newest"] == newest:
                return
            started = time.monotonic()
            counts = _ask_everything()
            done = {"newest": newest, **counts, "seconds": round(time.monotonic() - started, 1)}
            db.session.execute(db.text(REMEMBER), {"value": json.dumps(done)})
            # Ends the transaction too, so that the next look sees what others have written.
            db.session.commit()
            logger.info("%(answers)d answers for %(logins)d logins in %(seconds)s s, %(failed)d charts failed", done)


@celery_app.task(name="tenure.warm_pages")
def warm_pages() -> None:
    """The look of each minute."""
    warm()


@contextmanager
def _only_one() -> Iterator[bool]:
    """Whether no other process is at it. The server lets go of the lock when a process dies."""
    from superset.extensions import db

    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_ours = connection.scalar(db.text("select pg_try_advisory_lock(hashtext('tenure warm pages'))"))
        try:
            yield is_ours
        finally:
            if is_ours:
                connection.execute(db.text("select pg_advisory_unlock(hashtext('tenure warm pages'))"))


def _ask_everything() -> dict[str, int]:
    """One user for each set of roles stands for all who have it: answers differ by login, what may be asked by role."""
    from flask import current_app
    from superset.extensions import security_manager
    from superset.utils.core import override_user

    logins: dict[str, Asker] = {}
    seen = set()
    for user in security_manager.get_all_users():
        roles = frozenset(role.name for role in security_manager.get_user_roles(user))
        login = security_manager.reads_as(user)
        if user.active and user.username != REPORTER and login is not None and roles not in seen:
            seen.add(roles)
            with current_app.test_request_context(), override_user(user):
                logins.setdefault(login, Asker()).open_pages()
    return {
        "logins": len(logins),
        "answers": sum(asker.answers for asker in logins.values()),
        "failed": sum(asker.failed for asker in logins.values()),
    }


class Asker:
    """What is asked with one login: each chart and each filter's values once."""

    def __init__(self) -> None:
        self.answers = 0
        self.failed = 0
        self._charts: set[int] = set()
        self._values: dict[tuple[int, str], Any] = {}

    def open_pages(self) -> None:
        """Open every page of ours that the present user may open."""
        from flask import g
        from superset.extensions import db, security_manager
        from superset.models.dashboard import Dashboard

        roles = set(security_manager.get_user_roles(g.user))
        is_admin = any(role.name == "Admin" for role in roles)
        for page in db.session.query(Dashboard).filter(Dashboard.is_managed_externally.is_(True)).all():
            if is_admin or roles & set(page.roles):
                self._open(page)

    def _open(self, page: Any) -> None:
        filters = json.loads(page.json_metadata)["native_filter_configuration"]
        chosen = [(one["scope"]["excluded"], self._chosen(one, page)) for one in filters]
        hidden = hidden_charts(page)
        for chart in page.slices:
            if chart.id in self._charts or chart.id in hidden:
                continue
            self._charts.add(chart.id)
            reaching = [condition for excluded, condition in chosen if condition and chart.id not in excluded]
            form = {**chart.form_data, "dashboardId": page.id}
            queries = queries_of_chart(chart.viz_type, json.loads(chart.params), reaching)
            self._ask(chart.datasource_id, queries, form, chart.slice_name)

    def _chosen(self, one: dict[str, Any], page: Any) -> Filter | None:
        """The condition with which a filter begins: one that takes its first value; None for one that is empty."""
        (target,) = one["targets"]
        dataset, column, how = target["datasetId"], target["column"]["name"], one["controlValues"]
        if (dataset, column) not in self._values:
            query = query_of_filter(column, how["sortAscending"])
            rows = self._ask(dataset, [query], {"dashboardId": page.id, "viz_type": "filter_select"}, one["name"])
            self._values[dataset, column] = rows[0][column] if rows else None
        value = self._values[dataset, column]
        if not how["defaultToFirstItem"] or value is None:
            return None
        return {"col": column, "op": "IN", "val": [value]}

    def _ask(self, dataset: int, queries: list[Query], form: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """The rows of the first query. Superset keeps all of them."""
        from superset.charts.schemas import ChartDataQueryContextSchema
        from superset.commands.chart.data.get_data_command import ChartDataCommand

        body = {
            "datasource": {"id": dataset, "type": "table"}, "queries": queries, "form_data": form,
            "result_format": "json", "result_type": "full",
        }  # fmt: skip
        try:
            command = ChartDataCommand(ChartDataQueryContextSchema().load(body))
            command.validate()
            answered = command.run()["queries"]
        except Exception as failure:
            logger.warning("%s is not warmed: %s", name, failure)
            self.failed += 1
            return []
        self.answers += len(answered)
        rows: list[dict[str, Any]] = answered[0]["data"]
        return rows


def main() -> None:
    """As a script: behind whoever is waiting for a page."""
    from superset.app import create_app

    os.nice(10)
    with create_app().app_context():
        warm()


if __name__ == "__main__":
    main()
