"""Puts Superset's metadata database into exactly the state of the files, or finds that it is in it already."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tenure.dashboards.bundle import compile_bundle
from tenure.dashboards.reports import report_requests
from tenure.dashboards.roles import logins_read_as, role_requests
from tenure.dashboards.state import read_state, table_exists, write_state
from tenure.dashboards.web import ADMIN, interpreter, superset_environment, working_dir
from tenure.errors import TenureError
from tenure.settings import Settings

Progress = Callable[[str], None]

# What decides on tables, permissions and stock roles.
CONFIGURATION = ("requirements.txt", "superset_config.py", "report_mails.py")

# What people can change in an installed object. `changed_on` is no help, Superset touches it for reasons of its own;
# so it does with the colours that a browser worked out and sent back.
INSTALLED_STATE = """
select md5(coalesce(string_agg(line, '|' order by line), '')) from (
  select md5(concat_ws('|', 'chart', uuid, slice_name, viz_type, params, query_context, description)) as line
    from slices where is_managed_externally
  union all
  select md5(concat_ws('|', 'dashboard', uuid, dashboard_title, slug, position_json, css, published,
    json_metadata::jsonb - array['color_scheme_domain', 'shared_label_colors', 'map_label_colors']))
    from dashboards where is_managed_externally
  union all
  select md5(concat_ws('|', 'dataset', t.uuid, t.table_name, t.schema, t.sql, t.main_dttm_col, t.description,
    (select string_agg(concat_ws(':', column_name, type, expression, verbose_name, description, is_active), ';'
       order by column_name) from table_columns where table_id = t.id),
    (select string_agg(concat_ws(':', metric_name, expression, d3format, verbose_name, description), ';'
       order by metric_name) from sql_metrics where table_id = t.id)))
    from tables t where is_managed_externally
  union all
  select md5(concat_ws('|', 'database', uuid, database_name, sqlalchemy_uri, extra, password is not null))
    from dbs where is_managed_externally
  union all
  select md5(concat_ws('|', 'role', r.name,
      (select string_agg(concat_ws(':', p.name, v.name), ';' order by p.name, v.name)
      from ab_permission_view_role as g join ab_permission_view as pv on pv.id = g.permission_view_id
      join ab_permission as p on p.id = pv.permission_id join ab_view_menu as v on v.id = pv.view_menu_id
      where g.role_id = r.id), (select string_agg(d.slug, ';' order by d.slug)
      from dashboard_roles as dr join dashboards as d on d.id = dr.dashboard_id where dr.role_id = r.id)))
    from ab_role as r where r.id in (select role_id from dashboard_roles)
  union all
  select md5(concat_ws('|', 'report', r.type, r.name, r.description, r.active, r.crontab, r.timezone, r.report_format,
      r.sql, r.grace_period, r.validator_type, r.extra_json, d.database_name, c.uuid, p.uuid,
      (select string_agg(type || recipient_config_json, ';' order by id) from report_recipient
      where report_schedule_id = r.id)))
    from report_schedule as r left join dbs as d on d.id = r.database_id left join slices as c on c.id = r.chart_id
    left join dashboards as p on p.id = r.dashboard_id where r.extra_json like '%"tenure"%'
  union all
  select md5(concat_ws('|', 'user', username, password, active,
      (select string_agg(role_id::text, ';' order by role_id) from ab_user_role where user_id = ab_user.id)))
    from ab_user where username in ('admin', 'tenure_reports')
) as installed
"""


@dataclass(frozen=True)
class Provisioned:
    """What an installation did: whether anything changed, seconds per step, objects by kind, leftovers removed."""

    is_changed: bool
    seconds: dict[str, float] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    removed: int = 0


def provision(settings: Settings, progress: Progress) -> Provisioned:
    """Make Superset's tables, administrator, roles, warehouse connection, datasets, charts, dashboards and reports.

    The result is the same whatever was there before; what people made themselves in Superset is left alone. When
    nothing differs from the files it only looks, which takes a moment. Needs the running database server.
    Raises TenureError with the reason when Superset refuses something.
    """
    logins = {login: settings.url(login) for login in logins_read_as(settings.root)}
    bundle, passwords = compile_bundle(settings.root, settings.url("dashboard"), logins)
    request: dict[str, Any] = {
        "admin": {"username": ADMIN, "password": settings.secret("superset_admin_password")},
        "bundle": bundle,
        "passwords": passwords,
        "roles": role_requests(settings.root),
        "reports": report_requests(settings.root, settings.time_zone, settings.mail_receivers),
    }
    # What the installer does with the request is part of what is asked for.
    installer = (settings.root / "superset" / "install.py").read_text(encoding="utf-8")
    base, whole = _base_fingerprint(settings), _digest(json.dumps([request, installer], sort_keys=True))
    known = _recorded(settings)
    if known.get("base") == base and known.get("request") == whole and known.get("installed") == _installed(settings):
        progress("dashboards are installed and unchanged")
        return Provisioned(is_changed=False)
    request["initialise"] = known.get("base") != base
    outcome = _run_installer(settings, request, progress)
    _record(settings, {"base": base, "request": whole, "installed": _installed(settings)})
    return Provisioned(True, outcome["seconds"], outcome["objects"], outcome["removed"])


def _run_installer(settings: Settings, request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    log = settings.logs_dir / "superset-install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(interpreter(settings)), str(settings.root / "superset" / "install.py")],
            env=superset_environment(settings),
            cwd=working_dir(settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )  # in our own process group, so that whoever ends the group ends it too
        try:
            return _follow(process, request, progress, str(log))
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _follow(process: subprocess.Popen[str], request: dict[str, Any], progress: Progress, log: str) -> dict[str, Any]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 (for the type checker)
    outcome: dict[str, Any] | None = None
    step = "start"
    try:
        process.stdin.write(json.dumps(request))
        process.stdin.close()
    except BrokenPipeError:
        pass  # it ended at once; its exit status and log tell why
    for line in process.stdout:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "step":
            step = rest
            progress(f"Superset: {rest}")
        elif word == "done":
            outcome = json.loads(rest)
    if process.wait() != 0 or outcome is None:
        raise TenureError(f"Superset could not be set up, at the step: {step}", hint=f"see {log}")
    return outcome


def _base_fingerprint(settings: Settings) -> str:
    """Changes when tables, permissions or stock roles may have to change: Superset's version, its settings."""
    parts = [(settings.root / "superset" / name).read_bytes() for name in CONFIGURATION]
    return _digest(b"\0".join(parts))


def _digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _recorded(settings: Settings) -> dict[str, str]:
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        return read_state(connection)


def _installed(settings: Settings) -> str:
    """A digest of what is installed now; an empty text when Superset's tables are not there."""
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        if not table_exists(connection, "slices"):
            return ""
        row = connection.execute(INSTALLED_STATE).fetchone()
        return str(row[0]) if row else ""


def _record(settings: Settings, state: dict[str, str]) -> None:
    with psycopg.connect(settings.url("superset"), connect_timeout=10) as connection:
        write_state(connection, state)
