"""Installing the dashboards on a real Superset: exactly the files' objects, as often as one likes."""

from __future__ import annotations

from uuid import UUID, uuid5

import psycopg
import pytest
import requests

from tenure.dashboards import provision, refresh
from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.language import code_of, read_languages
from tenure.dashboards.reports import alarm_sql, read_reports
from tenure.dashboards.roles import logins_read_as
from tests.superset.conftest import SupersetServer
from tests.superset.mails import READERS

TABLES = {"databases": "dbs", "datasets": "tables", "charts": "slices", "dashboards": "dashboards"}
COPY_OF_A_CHART = """
insert into slices (uuid, slice_name, viz_type, datasource_id, datasource_type, datasource_name, params, perm,
                    is_managed_externally)
select gen_random_uuid(), %s, viz_type, datasource_id, datasource_type, datasource_name, params, perm, %s
from slices where slice_name = 'Market share of rivals' order by uuid limit 1
"""
COPY_OF_AN_ALARM = """
insert into report_schedule (id, type, name, crontab, timezone, sql, extra_json, active)
select nextval('report_schedule_id_seq'), 'Alert', %s, crontab, timezone, sql, %s, false
from report_schedule where name = 'The balance is broken'
"""
PERMISSIONS_OF_EXECUTIVES = """
select permission.name, view.name
from ab_role as role
join ab_permission_view_role as granted on granted.role_id = role.id
join ab_permission_view as pair on pair.id = granted.permission_view_id
join ab_permission as permission on permission.id = pair.permission_id
join ab_view_menu as view on view.id = pair.view_menu_id
where role.name = 'Executive'
"""


def installed_uuids(server: SupersetServer, kind: str) -> list[str]:
    with psycopg.connect(server.settings.url("superset")) as connection:
        rows = connection.execute(f"select uuid::text from {TABLES[kind]} where is_managed_externally")
        return sorted(uuid for (uuid,) in rows)


def file_uuids(server: SupersetServer, kind: str) -> list[str]:
    root = server.settings.root
    found = [document["uuid"] for document in of_kind(read_assets(root), kind)]
    if kind == "databases":
        found += [str(uuid5(UUID(found[0]), login)) for login in logins_read_as(root)]
    return sorted(found)


def installed_alarms(server: SupersetServer) -> set[tuple[str, str, str | None, str | None]]:
    """Name, type, SQL and reader of each alert and report."""
    with psycopg.connect(server.settings.url("superset")) as connection:
        rows = connection.execute(
            "select r.name, r.type, case when r.active then r.sql end,"
            " (select recipient_config_json::jsonb ->> 'target' from report_recipient where report_schedule_id = r.id)"
            " from report_schedule as r"
        )
        return set(rows.fetchall())


def file_alarms(server: SupersetServer) -> set[tuple[str, str, str | None, str | None]]:
    """What superset/reports.yaml says, in each language."""
    found: set[tuple[str, str, str | None, str | None]] = set()
    for language in read_languages(server.settings.root):
        for entry in read_reports(server.settings.root):
            sql = alarm_sql(entry, language, server.settings.time_zone) if "sql" in entry else None
            kind = "Alert" if "sql" in entry else "Report"
            found.add((language.text(entry["title"]), kind, sql, READERS[language.code]))
    return found


def chart_ids(server: SupersetServer) -> dict[str, int]:
    with psycopg.connect(server.settings.url("superset")) as connection:
        rows = connection.execute(
            "select slice_name || ' ' || uuid, id from slices where is_managed_externally order by 1"
        )
        return dict(rows.fetchall())


@pytest.mark.parametrize("kind", sorted(TABLES))
def test_exactly_the_objects_of_the_files_are_installed(superset_server: SupersetServer, kind: str) -> None:
    assert installed_uuids(superset_server, kind) == file_uuids(superset_server, kind)
    assert superset_server.installed.is_changed
    assert superset_server.installed.objects[kind] == len(file_uuids(superset_server, kind))


def test_exactly_the_alarms_of_the_file_are_installed(superset_server: SupersetServer) -> None:
    assert installed_alarms(superset_server) == file_alarms(superset_server)
    assert len(file_alarms(superset_server)) == 8


@pytest.mark.parametrize("code", ["en", pytest.param("zh", marks=pytest.mark.long)])
def test_every_chart_answers_with_data_through_the_data_api(superset_server: SupersetServer, code: str) -> None:
    assets = read_assets(superset_server.settings.root)
    uuids = {chart["uuid"] for path, chart in assets.items() if path.startswith("charts/") and code_of(path) == code}
    asked = {name: number for name, number in chart_ids(superset_server).items() if name.split()[-1] in uuids}
    assert len(asked) == len(uuids) > 100
    empty = []
    for name, number in asked.items():
        for result in superset_server.chart_data(number):
            assert result["error"] is None, name
            rows = result["data"]
            assert isinstance(rows, list)
            if not rows or all(value is None for row in rows for value in row.values()):
                empty.append(name)
    assert empty == []


def test_nobody_gets_in_without_logging_in(superset_server: SupersetServer) -> None:
    base = superset_server.base
    assert base.startswith("http://127.0.0.1:")
    page = requests.get(f"{base}/superset/dashboard/executive-overview/", timeout=60)
    assert "/login/" in page.url
    number = next(iter(chart_ids(superset_server).values()))
    assert requests.get(f"{base}/api/v1/chart/{number}/data/", timeout=60).status_code in (401, 403, 404)
    refused = requests.post(
        f"{base}/api/v1/security/login",
        json={"username": "admin", "password": "admin", "provider": "db"},
        timeout=60,
    )
    assert refused.status_code == 401


def test_pages_load_nothing_from_elsewhere(superset_server: SupersetServer) -> None:
    policy = requests.get(f"{superset_server.base}/login/", timeout=60).headers["Content-Security-Policy"]
    assert "http://" not in policy and "https://" not in policy and "scarf" not in policy


def test_a_second_installation_finds_nothing_to_do(superset_server: SupersetServer) -> None:
    assert not provision(superset_server.settings, lambda line: None).is_changed


def test_installation_restores_edited_objects_removes_leftovers_and_keeps_what_people_made(
    superset_server: SupersetServer,
) -> None:
    settings = superset_server.settings
    with psycopg.connect(settings.url("superset")) as connection:
        before = connection.execute("select count(*) from slices").fetchone()
        connection.execute("update slices set slice_name = 'Defaced' where slice_name = 'Loyalty points'")
        connection.execute("delete from slices where slice_name = 'Lines by stage'")
        for name, is_ours in (("Leftover of an older version", True), ("Somebody's own chart", False)):
            connection.execute(COPY_OF_A_CHART, (name, is_ours))
        connection.execute(
            "update report_schedule set sql = 'select 1', active = false where name = 'The data is late'"
        )
        connection.execute("update report_schedule set last_state = 'Success' where name = 'The balance is broken'")
        connection.execute("delete from report_recipient")
        connection.execute("delete from report_schedule where name = 'Executive overview of the week'")
        for name, mark in (("Alarm of an older version", '{"tenure": "older"}'), ("Somebody's own alarm", "{}")):
            connection.execute(COPY_OF_AN_ALARM, (name, mark))
    outcome = provision(settings, lambda line: None)
    assert outcome.is_changed and outcome.removed == 2
    for kind in TABLES:
        assert installed_uuids(superset_server, kind) == file_uuids(superset_server, kind), kind
    with psycopg.connect(settings.url("superset")) as connection:
        names = {name for (name,) in connection.execute("select slice_name from slices")}
        assert {"Loyalty points", "Lines by stage", "Somebody's own chart"} <= names
        assert not names & {"Defaced", "Leftover of an older version"}
        assert installed_alarms(superset_server) == file_alarms(superset_server) | {
            ("Somebody's own alarm", "Alert", None, None)
        }
        connection.execute("delete from report_schedule where name = %s", ("Somebody's own alarm",))
        told = connection.execute(
            "select last_state from report_schedule where name = 'The balance is broken'"
        ).fetchone()
        assert told == ("Success",), "what was told is remembered"
        connection.execute("update report_schedule set last_state = 'Not triggered'")
        connection.execute("delete from slices where slice_name = %s", ("Somebody's own chart",))
        assert connection.execute("select count(*) from slices").fetchone() == before
    assert not provision(settings, lambda line: None).is_changed


def test_cached_answers_end_with_their_publication_and_not_before(superset_server: SupersetServer) -> None:
    settings = superset_server.settings
    refresh(settings)
    number = next(number for name, number in chart_ids(superset_server).items() if name.startswith("Loyalty points"))
    superset_server.chart_data(number)
    assert superset_server.chart_data(number)[0]["is_cached"]
    assert refresh(settings) == 0
    assert superset_server.chart_data(number)[0]["is_cached"]
    # As if another version had been shown last.
    with psycopg.connect(settings.url("superset")) as connection:
        connection.execute("update tenure_installation set value = 'an older one' where what = 'publication'")
    assert refresh(settings) == len(file_uuids(superset_server, "datasets"))
    assert not superset_server.chart_data(number)[0]["is_cached"]


def test_the_executive_role_may_query_the_warehouse_and_is_no_administrator(superset_server: SupersetServer) -> None:
    with psycopg.connect(superset_server.settings.url("superset")) as connection:
        rows = connection.execute(PERMISSIONS_OF_EXECUTIVES).fetchall()
    granted = {name for name, _ in rows}
    connections = [view for name, view in rows if name == "database_access"]
    assert [view.startswith("[Tenure warehouse as dashboard]") for view in connections] == [True]
    assert "can_read" in granted
    assert not {"all_database_access", "all_datasource_access", "can_sql_json", "can_explore_json"} & granted
    assert not any(view in ("SQL Lab", "List Users", "List Roles") for _, view in rows)
