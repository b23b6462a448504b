"""Brings a Superset metadata database to exactly the state of the asset files. Runs in Superset's own environment.

Input: one JSON document on stdin (made by `tenure.dashboards.provisioning`):
  admin: {username, password}; bundle: {path: YAML text}; passwords: {path: text};
  roles: [{name, connection, datasets: [uuid], dashboards: [uuid], has_sql_lab}], connection: the name of a database;
  reports: {role, schedules: [...]} as `tenure.dashboards.reports` describes;
  initialise: whether tables, permissions and the stock roles have to be brought up to date first.
Output: `step NAME` before each step, and one last line `done JSON` with the seconds per step and the object counts.
One process and one `create_app` for everything: three separate `superset` commands take more than twice the time.
"""

import json
import secrets
import sys
import time
from pathlib import Path
from typing import Any


class Steps:
    """Announces each step on stdout and keeps its duration in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._name = ""
        self._since = time.monotonic()

    def __call__(self, name: str) -> None:
        """Begin the step of this name, which ends the one before; an empty name only ends it."""
        now = time.monotonic()
        if self._name:
            self.seconds[self._name] = round(now - self._since, 1)
        self._name, self._since = name, now
        if name:
            print(f"step {name}", flush=True)


def upgrade_metadata() -> None:
    """Create or upgrade the tables of the metadata database."""
    from flask_migrate import upgrade

    import superset

    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))


def create_permissions() -> None:
    """Register every view's permissions and the stock roles (Admin, Alpha, Gamma, ...)."""
    from superset.extensions import appbuilder, db, security_manager

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    db.session.commit()


def ensure_admin(username: str, password: str) -> Any:
    """The administrator, created or given this password again."""
    from superset.extensions import db, security_manager
    from werkzeug.security import check_password_hash

    admin = security_manager.find_user(username=username)
    if admin is None:
        admin = security_manager.add_user(
            username=username,
            first_name="Tenure",
            last_name="Administrator",
            email=f"{username}@tenure.localhost",
            role=security_manager.find_role("Admin"),
            password=password,
        )
    elif not check_password_hash(admin.password, password):
        security_manager.reset_password(admin.id, password)
    db.session.commit()
    return security_manager.find_user(username=username)


def import_assets(admin: Any, bundle: dict[str, str], passwords: dict[str, str]) -> None:
    """Create or overwrite databases, datasets, charts and dashboards, in one transaction."""
    import yaml
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.utils.core import override_user

    # Superset reads the files with `yaml.safe_load`: in pure Python that takes longer than all the rest.
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]
    with override_user(admin):
        ImportAssetsCommand(dict(bundle), passwords=passwords).run()


def remove_leftovers(bundle: dict[str, str]) -> int:
    """Delete objects that an earlier version installed and this one does not have. Returns how many.

    Only what is marked as managed externally: what people made themselves is theirs.
    """
    import yaml
    from superset.connectors.sqla.models import SqlaTable
    from superset.extensions import db
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    wanted = {str(document["uuid"]) for text in bundle.values() if "uuid" in (document := yaml.safe_load(text))}
    removed = 0
    for model in (Dashboard, Slice, SqlaTable, Database):
        for row in db.session.query(model).filter(model.is_managed_externally.is_(True)).all():
            if str(row.uuid) not in wanted:
                db.session.delete(row)
                removed += 1
    db.session.commit()
    return removed


# What somebody who looks at pages does: read, filter, drill, export and share. Named one by one, so that a release of
# Superset gives nothing more by itself. Not `can_explore_json`: its cache knows no user.
VIEWER = {
    "Api": ("can_query", "can_query_form_data", "can_time_range"),
    "AdvancedDataType": ("can_read",),
    "AvailableDomains": ("can_read",),
    "Chart": ("can_read", "can_export"),
    "CssTemplate": ("can_read",),
    "CurrentUserRestApi": ("can_read", "can_write"),
    "Dashboard": ("can_read", "can_drill", "can_view_chart_as_table", "can_view_query"),
    "DashboardFilterStateRestApi": ("can_read", "can_write"),
    "DashboardPermalinkRestApi": ("can_read", "can_write"),
    "Dashboards": ("menu_access",),
    "Dataset": ("can_read", "can_get_drill_info"),
    "Datasource": ("can_get",),
    "Explore": ("can_read",),
    "ExploreFormDataRestApi": ("can_read", "can_write"),
    "Home": ("menu_access",),
    "Log": ("can_recent_activity",),
    "MenuApi": ("can_get",),
    "ResetMyPasswordView": ("can_this_form_get", "can_this_form_post"),
    "SecurityRestApi": ("can_read",),
    "Superset": (
        "can_csv", "can_dashboard", "can_dashboard_permalink", "can_explore", "can_language_pack", "can_log",
        "can_slice",
    ),
    "Theme": ("can_read",),
    "UserDBModelView": ("can_userinfo", "resetmypassword"),
}  # fmt: skip


def ensure_roles(roles: list[dict[str, Any]]) -> None:
    """Make each role of roles.yaml and nothing more: its login, its pages with their datasets, SQL Lab if it has it.

    A role that an earlier version made and the file does not name keeps its users and loses every right.
    """
    from superset.connectors.sqla.models import SqlaTable
    from superset.extensions import db, security_manager
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard

    logins = db.session.query(Database).filter(Database.is_managed_externally.is_(True)).all()
    perms = {database.database_name: database.perm for database in logins}
    named = {wanted["name"] for wanted in roles}
    for role in security_manager.get_all_roles():
        if role.name not in (*named, "Admin") and {pair.view_menu.name for pair in role.permissions} & {
            *perms.values()
        }:
            role.permissions = []
    for wanted in roles:
        role = security_manager.add_role(wanted["name"])
        pairs = [(permission, view) for view, permissions in VIEWER.items() for permission in permissions]
        pairs.append(("database_access", perms[wanted["connection"]]))
        datasets = db.session.query(SqlaTable).filter(SqlaTable.uuid.in_(wanted["datasets"])).all()
        pairs += [("datasource_access", dataset.perm) for dataset in datasets]
        permissions = [security_manager.add_permission_view_menu(*pair) for pair in pairs]
        if wanted["has_sql_lab"]:
            permissions += security_manager.find_role("sql_lab").permissions
        role.permissions = list(dict.fromkeys(permissions))
    for dashboard in db.session.query(Dashboard).filter(Dashboard.is_managed_externally.is_(True)).all():
        # A page that nobody is given stays with Admin: without any role Superset would ask for its datasets only.
        of_page = [one["name"] for one in roles if str(dashboard.uuid) in one["dashboards"]] or ["Admin"]
        dashboard.roles = [security_manager.find_role(name) for name in of_page]
    db.session.commit()


def ensure_reports(role: str | None, schedules: list[dict[str, Any]]) -> int:
    """Exactly these alerts and reports, beside what people made themselves. Returns how many were removed.

    What was last found and told stays with each: an installation is no reason to send an alarm again.
    """
    from flask import current_app
    from superset.extensions import db
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice
    from superset.reports.models import ReportRecipients, ReportSchedule

    ensure_reporter(role)
    every = db.session.query(ReportSchedule).all()
    ours = {mark: one for one in every if (mark := one.extra.get("tenure"))}
    by_name = {(one.type, one.name): one for one in every}
    wanted = {one["key"] for one in schedules}
    leftovers = [one for mark, one in ours.items() if mark not in wanted]
    for one in leftovers:
        db.session.delete(one)
    db.session.flush()
    warehouse = db.session.query(Database).filter_by(database_name=current_app.config["WAREHOUSE"]).one()
    for asked in schedules:
        one = ours.get(asked["key"]) or by_name.get((asked["type"], asked["name"]))
        if one is None or one in leftovers:
            one = ReportSchedule()
            db.session.add(one)
        for name in ("name", "type", "description", "crontab", "timezone", "sql", "grace_period", "working_timeout",
                     "log_retention"):  # fmt: skip
            setattr(one, name, asked[name])
        one.active = bool(asked["recipients"])
        one.extra_json = json.dumps({"tenure": asked["key"], "language": asked["language"]})
        one.email_subject = asked["name"]
        one.report_format = "PNG"
        one.owners = []
        one.chart = db.session.query(Slice).filter_by(uuid=asked["chart"]).one() if asked["chart"] else None
        dashboard = asked["dashboard"]
        one.dashboard = db.session.query(Dashboard).filter_by(uuid=dashboard).one() if dashboard else None
        if asked["type"] == "Alert":
            one.database = warehouse
            one.validator_type, one.validator_config_json = "not null", "{}"
        to = json.dumps({"target": asked["recipients"], "ccTarget": "", "bccTarget": ""})
        one.recipients = [ReportRecipients(type="Email", recipient_config_json=to)] if one.active else []
    db.session.commit()
    return len(leftovers)


def ensure_reporter(role: str | None) -> None:
    """The user who asks and draws for mails: of this role, and with a password that nobody knows."""
    from report_mails import REPORTER
    from superset.extensions import db, security_manager

    roles = [security_manager.find_role(role)] if role else []
    reporter = security_manager.find_user(username=REPORTER)
    if reporter is None:
        reporter = security_manager.add_user(
            username=REPORTER, first_name="Tenure", last_name="Reports", email=f"{REPORTER}@tenure.localhost",
            role=roles, password=secrets.token_urlsafe(48),
        )  # fmt: skip
    reporter.roles, reporter.active = roles, True
    db.session.commit()


def count_objects() -> dict[str, int]:
    """How many objects installed from files there are, by kind."""
    from superset.connectors.sqla.models import SqlaTable
    from superset.extensions import db
    from superset.models.core import Database
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    kinds = {"databases": Database, "datasets": SqlaTable, "charts": Slice, "dashboards": Dashboard}
    return {
        kind: db.session.query(model).filter(model.is_managed_externally.is_(True)).count()
        for kind, model in kinds.items()
    }


def main() -> None:
    """Read the request from stdin and do it."""
    request = json.load(sys.stdin)
    step = Steps()
    step("start Superset")
    from superset.app import create_app

    app = create_app()
    with app.app_context():
        if request["initialise"]:
            step("create the metadata tables")
            upgrade_metadata()
            step("create permissions and roles")
            create_permissions()
        step("create the administrator")
        admin = ensure_admin(**request["admin"])
        step("install dashboards")
        import_assets(admin, request["bundle"], request["passwords"])
        removed = remove_leftovers(request["bundle"])
        ensure_roles(request["roles"])
        removed += ensure_reports(**request["reports"])
        app.sync_config_to_db()
        step("")
        print("done " + json.dumps({"seconds": step.seconds, "objects": count_objects(), "removed": removed}))


if __name__ == "__main__":
    main()
