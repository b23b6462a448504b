"""Each role on each way to data: page, chart-data API, filter, export, SQL Lab, warmed cache, crafted request."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import psycopg
import pytest
import requests

from tenure.dashboards.bundle import read_assets
from tenure.dashboards.language import code_of
from tenure.dashboards.roles import role_requests
from tenure.database.logins import read_roles
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer
from tests.superset.people import create_user, log_in

ROLES = {role.name: role for role in read_roles(ROOT)}
REQUESTS = {request["name"]: request for request in role_requests(ROOT)}
EXECUTIVE, RETENTION, ANALYST = "Executive", "Retention manager", "Analyst"
MANAGER, OTHER_MANAGER = [name for name, role in ROLES.items() if role.regions][:2]
# One language: the other asks the same of the same marts.
CHARTS = [
    chart["uuid"] for path, chart in read_assets(ROOT).items() if path.startswith("charts/") and code_of(path) == "en"
]
SPREADSHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def pairs(connection: psycopg.Connection[Any], statement: str) -> dict[str, int]:
    return dict(connection.execute(statement).fetchall())


class Office:
    """The people of a running Superset and what it has installed."""

    def __init__(self, server: SupersetServer) -> None:
        self.server = server
        self.sessions: dict[str, requests.Session] = {"admin": server.api}
        with psycopg.connect(server.settings.url("superset")) as connection:
            self.datasets = pairs(connection, "select uuid::text, id from tables")
            self.dataset_ids = pairs(connection, "select table_name, min(id) from tables group by 1")
            self.dashboards = pairs(connection, "select slug, id from dashboards where slug is not null")
            self.databases = pairs(connection, "select database_name, id from dbs")
            self.charts = connection.execute(
                "select s.id, t.uuid::text from slices as s join tables as t on t.id = s.datasource_id"
                " where s.uuid = any(%s::uuid[]) order by 1",
                (CHARTS,),
            ).fetchall()

    def of(self, *roles: str) -> requests.Session:
        """A session of somebody with these roles."""
        name = "-".join(re.sub(r"\W", "", role).lower() for role in roles) or "nobody"
        if name not in self.sessions:
            create_user(self.server, name, roles)
            self.sessions[name] = log_in(self.server, name)
        return self.sessions[name]

    def ask(self, session: requests.Session, dataset: str, **query: Any) -> requests.Response:
        """A request to the chart-data API, as somebody could write it himself."""
        wanted = {"columns": [], "metrics": [], "filters": [], "row_limit": 1000, **query}
        extra = {name: wanted.pop(name) for name in ("result_format", "result_type", "force") if name in wanted}
        body = {"datasource": {"id": self.dataset_ids[dataset], "type": "table"}, "queries": [wanted], **extra}
        return session.post(f"{self.server.base}/api/v1/chart/data", json=body, timeout=60)

    def regions(self, login: str) -> set[str]:
        """Names of the regions that a login sees in Postgres."""
        with psycopg.connect(self.server.settings.url(login)) as connection:
            return {name for (name,) in connection.execute("select region_name from marts.dim_region")}


@pytest.fixture(scope="module")
def office(superset_server: SupersetServer) -> Iterator[Office]:
    found = Office(superset_server)
    yield found
    with psycopg.connect(superset_server.settings.url("superset")) as connection:
        names = ([name for name in found.sessions if name != "admin"],)
        ours = "(select id from ab_user where username = any(%s))"
        connection.execute(f"update logs set user_id = null where user_id in {ours}", names)
        connection.execute(f"delete from ab_user_role where user_id in {ours}", names)
        connection.execute(f"delete from key_value where created_by_fk in {ours}", names)
        connection.execute(f"delete from query where user_id in {ours}", names)
        connection.execute("delete from ab_user where username = any(%s)", names)


def rows_of(answer: requests.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text[:500]
    rows: list[dict[str, Any]] = answer.json()["result"][0]["data"]
    return rows


def names_in(text: str, names: set[str]) -> set[str]:
    return {name for name in names if re.search(rf"\b{re.escape(name)}\b", text)}


def test_manager__gets_every_chart_of_his_pages_and_no_name_of_another_region(office: Office) -> None:
    login = ROLES[MANAGER].login
    foreign = office.regions("dashboard") - office.regions(login) - {"Unknown"}
    assert len(foreign) >= 4
    session, allowed = office.of(MANAGER), set(REQUESTS[MANAGER]["datasets"])
    shown = 0
    for number, dataset in office.charts:
        url = f"{office.server.base}/api/v1/chart/{number}/data/"
        # First as somebody who sees everything, so that the cache has what the manager must not get.
        assert office.of(EXECUTIVE).get(url, timeout=60).status_code == 200
        answer = session.get(url, timeout=60)
        if dataset not in allowed:
            assert answer.status_code in (403, 404), number
            continue
        assert answer.status_code == 200, answer.text[:300]
        for result in answer.json()["result"]:
            assert result["error"] is None
            shown += len(result["data"]) > 0
            assert names_in(json.dumps(result["data"], ensure_ascii=False), foreign) == set(), number
    assert shown > 60


def test_chart_of_the_whole_company__stays_shut_to_a_manager_who_asks_as_its_page_would(office: Office) -> None:
    """Superset opens to whom a page is open the datasets of its charts; Postgres does not."""
    ledger = office.dataset_ids["gl_reconciliation_trend"]
    with psycopg.connect(office.server.settings.url("superset")) as connection:
        chart = pairs(connection, f"select slice_name, id from slices where datasource_id = {ledger}")
    (number,) = chart.values()
    page = {"dashboardId": office.dashboards["revenue"], "slice_id": number}
    body = {
        "datasource": {"id": ledger, "type": "table"},
        "queries": [{"columns": ["account_code"], "metrics": ["ledger_total"], "row_limit": 10}],
        "form_data": page,
    }
    url = f"{office.server.base}/api/v1/chart/data"
    assert rows_of(office.of(EXECUTIVE).post(url, json=body, timeout=60))
    answer = office.of(MANAGER).post(url, json=body, timeout=60)
    assert answer.status_code >= 400 and "data" not in answer.json(), answer.text[:300]


def test_page__is_given_to_a_manager_without_charts_of_the_whole_company(office: Office) -> None:
    url = f"{office.server.base}/api/v1/dashboard/business"
    position = json.loads(office.of(MANAGER).get(url, timeout=60).json()["result"]["position_json"])
    whole = json.loads(office.of(EXECUTIVE).get(url, timeout=60).json()["result"]["position_json"])
    assert whole.keys() - position.keys() == {"CHART-day_part"}
    # What stood beside it has its place.
    nodes = [node for node in position.values() if isinstance(node, dict)]
    (row,) = [node for node in nodes if "CHART-use_per_line" in node.get("children", [])]
    assert row["children"] == ["CHART-use_per_line"]
    assert position["CHART-use_per_line"]["meta"]["width"] == 12
    charts = {one["slice_name"] for one in office.of(MANAGER).get(f"{url}/charts", timeout=60).json()["result"]}
    assert charts == {node["meta"]["sliceName"] for key, node in position.items() if key[:6] == "CHART-"}


def test_cache__answers_only_those_who_read_as_the_same_login(office: Office) -> None:
    query = {"columns": ["region_name"], "metrics": ["closing_base"]}
    answers = {}
    for role in (EXECUTIVE, MANAGER, OTHER_MANAGER, RETENTION):
        session = office.of(role)
        first = office.ask(session, "kpi_trend", **query, force=True)
        again = office.ask(session, "kpi_trend", **query)
        assert again.json()["result"][0]["is_cached"] is True
        assert rows_of(first) == rows_of(again)
        answers[role] = {row["region_name"] for row in rows_of(again)}
        assert answers[role] <= office.regions(ROLES[role].login)
    assert answers[EXECUTIVE] == answers[RETENTION] > answers[MANAGER] | answers[OTHER_MANAGER]
    assert answers[MANAGER] & answers[OTHER_MANAGER] == set()
    # The administrator reads as executives do and shares what was computed for them.
    assert office.ask(office.of("Admin"), "kpi_trend", **query).json()["result"][0]["is_cached"] is True


def test_filter_values__are_those_of_the_own_regions(office: Office) -> None:
    session, own = office.of(MANAGER), office.regions(ROLES[MANAGER].login)
    for dataset in ("filter_values", "kpi_trend", "churn_watchlist"):
        found = rows_of(office.ask(session, dataset, columns=["region_name"]))
        assert {row["region_name"] for row in found} <= own
        url = f"{office.server.base}/api/v1/datasource/table/{office.dataset_ids[dataset]}/column/region_name/values/"
        listed = session.get(url, timeout=60)
        assert listed.status_code in (200, 403)
        if listed.status_code == 200:
            assert set(listed.json()["result"]) <= own


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_export__has_the_own_regions(office: Office, kind: str) -> None:
    answer = office.ask(
        office.of(MANAGER), "kpi_trend", columns=["region_name"], metrics=["closing_base"], result_format=kind
    )
    assert answer.status_code == 200
    cells = {cell for row in sheet(answer.content, kind) for cell in row}
    own = office.regions(ROLES[MANAGER].login)
    assert names_in(" ".join(cells), office.regions("dashboard")) == own


def sheet(content: bytes, kind: str) -> list[list[str]]:
    """Rows of texts of an exported file; a cell with a formula is a failure of its own."""
    if kind == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    with ZipFile(io.BytesIO(content)) as book:
        texts = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314 (of our own server)
        shared = ["".join(part.text or "" for part in item.iter(f"{SPREADSHEET}t")) for item in texts]
        page = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314
        assert not list(page.iter(f"{SPREADSHEET}f")), "a formula"
        return [
            [
                shared[int(cell.findtext(f"{SPREADSHEET}v") or 0)] if cell.get("t") == "s" else ""
                for cell in row.iter(f"{SPREADSHEET}c")
            ]
            for row in page.iter(f"{SPREADSHEET}row")
        ]


CRAFTED = (
    "(select string_agg(distinct region_id, ',') from marts.kpi_monthly)",
    "(select string_agg(region_name, ',') from marts.dim_region)",
    "(select string_agg(customer_name_token, ',') from marts.dim_customer)",
    "(select string_agg(customer_id, ',') from raw_crm.customer)",
    "(select string_agg(login_name || region_id, ',') from rights.region_scope)",
    "(select string_agg(query, ',') from pg_stat_activity where usename <> current_user)",
    "current_setting('is_superuser') || pg_read_file('PG_VERSION')",
    "(select string_agg(most_common_vals::text, ',') from pg_stats where schemaname = 'marts')",
)


def test_a_foreign_name_would_be_seen(office: Office) -> None:
    """The check below can fail: what an executive gets holds names that a manager must not see."""
    answer = office.ask(office.of(EXECUTIVE), "kpi_trend", columns=["region_name"], metrics=["closing_base"])
    foreign = office.regions("dashboard") - office.regions(ROLES[MANAGER].login) - {"Unknown"}
    assert names_in(answer.text, foreign)


@pytest.mark.parametrize("expression", CRAFTED)
@pytest.mark.parametrize(
    "place", ["column", *(pytest.param(one, marks=pytest.mark.long) for one in ("filter", "metric", "order"))]
)
def test_crafted_sql__tells_a_manager_nothing_of_others(office: Office, expression: str, place: str) -> None:
    column = {"expressionType": "SQL", "sqlExpression": expression, "label": "mine"}
    query: dict[str, Any] = {"columns": ["region_name"], "metrics": ["closing_base"]}
    if place == "column":
        query["columns"] = [column]
    elif place == "filter":
        query["extras"] = {"where": f"({expression}) is not null or 1 = 1) or (1 = 1"}
    elif place == "metric":
        query["metrics"] = [{**column, "sqlExpression": f"max({expression})"}]
    else:
        query["orderby"] = [[column, True]]
    answer = office.ask(office.of(MANAGER), "kpi_trend", **query)
    own = office.regions(ROLES[MANAGER].login)
    foreign = office.regions("dashboard") - own - {"Unknown"}
    with psycopg.connect(office.server.settings.url("analyst")) as connection:
        ids = {row[0] for row in connection.execute("select region_id from marts.dim_region")}
    with psycopg.connect(office.server.settings.url(ROLES[MANAGER].login)) as connection:
        ids -= {row[0] for row in connection.execute("select region_id from marts.dim_region")}
    assert names_in(answer.text, foreign | ids - {"unknown"}) == set()
    assert not re.search(r"\bC\d{8}\b|\b1[3-9]\d{9}\b", answer.text)


def test_pages__are_those_of_the_role(office: Office) -> None:
    for name, request in REQUESTS.items():
        session = office.of(name)
        answer = session.get(f"{office.server.base}/api/v1/dashboard/?q=(page_size:100)", timeout=60)
        listed = {item["id"] for item in answer.json()["result"]}
        with psycopg.connect(office.server.settings.url("superset")) as connection:
            wanted = {
                number
                for (number,) in connection.execute(
                    "select id from dashboards where uuid = any(%s::uuid[])", (request["dashboards"],)
                )
            }
        assert listed == wanted, name
        for number in office.dashboards.values():
            status = session.get(f"{office.server.base}/api/v1/dashboard/{number}", timeout=60).status_code
            assert (status == 200) == (number in wanted), (name, number, status)


@pytest.mark.long
def test_datasets__are_those_of_the_pages(office: Office) -> None:
    for name, request in REQUESTS.items():
        allowed = {office.datasets[uuid] for uuid in request["datasets"]}
        for table, number in office.dataset_ids.items():
            if number not in allowed:
                assert office.ask(office.of(name), table, columns=["region_name"]).status_code in (403, 404), (
                    name,
                    table,
                )
    assert len(REQUESTS[MANAGER]["datasets"]) < len(REQUESTS[EXECUTIVE]["datasets"])


def sql_lab(
    office: Office, role: str, statement: str, database: str = "Tenure warehouse as analyst"
) -> requests.Response:
    return office.of(role).post(
        f"{office.server.base}/api/v1/sqllab/execute/",
        json={"database_id": office.databases[database], "sql": statement, "schema": "marts", "runAsync": False},
        timeout=60,
    )


@pytest.mark.parametrize("role", [EXECUTIVE, RETENTION, MANAGER])
def test_sql_lab__is_for_analysts(office: Office, role: str) -> None:
    for database in office.databases:
        assert sql_lab(office, role, "select 1", database).status_code in (401, 403)


def test_sql_lab__reads_and_writes_as_the_analyst_login(office: Office) -> None:
    answer = sql_lab(office, ANALYST, "select count(*) as lines, max(revenue_sk) as last from marts.fct_revenue")
    assert answer.status_code == 200, answer.text[:500]
    assert answer.json()["data"][0]["lines"] > 0
    for statement in (
        "select * from raw_crm.customer",
        "select * from vault.identity",
        "delete from marts.kpi_monthly",
        "create table marts.mine as select 1 as a",
        "with gone as (delete from marts.publication returning *) select * from gone",
    ):
        assert sql_lab(office, ANALYST, statement).status_code >= 400, statement
    # Another connection gives no other login.
    other = sql_lab(office, ANALYST, "select 1 as one", f"Tenure warehouse as {ROLES[MANAGER].login}")
    # Superset answers this refusal with 500 as well.
    assert other.status_code >= 400 and "data" not in other.json(), other.text[:500]


@pytest.mark.parametrize("roles", [(), (MANAGER, OTHER_MANAGER), (EXECUTIVE, MANAGER), ("Gamma",), ("Alpha",)])
def test_user_without_exactly_one_login__reads_nothing(office: Office, roles: tuple[str, ...]) -> None:
    answer = office.ask(office.of(*roles), "kpi_trend", columns=["region_name"], metrics=["closing_base"])
    assert answer.status_code >= 400
    assert names_in(answer.text, office.regions("dashboard")) == set()


@pytest.mark.parametrize("role", [EXECUTIVE, RETENTION, ANALYST, MANAGER])
def test_viewers__change_and_manage_nothing(office: Office, role: str) -> None:
    base, session = office.server.base, office.of(role)
    dataset = {"database": office.databases["Tenure warehouse"], "schema": "marts", "table_name": "fct_revenue"}
    for method, path, body in (
        ("post", "/api/v1/dataset/", dataset),
        ("post", "/api/v1/chart/", {"slice_name": "mine", "datasource_id": 1, "datasource_type": "table"}),
        ("put", f"/api/v1/dashboard/{office.dashboards['executive-overview']}", {"dashboard_title": "mine"}),
        ("put", f"/api/v1/dataset/{office.dataset_ids['kpi_trend']}", {"sql": "select 1"}),
        ("get", "/api/v1/security/users/", None),
        ("get", "/api/v1/security/roles/", None),
        ("post", "/api/v1/database/", {"database_name": "mine", "sqlalchemy_uri": "sqlite://"}),
        ("get", "/superset/explore_json/?form_data={}", None),
        ("get", f"/api/v1/database/{office.databases['Tenure warehouse']}/connection", None),
    ):
        answer = session.request(method, f"{base}{path}", json=body, timeout=60, allow_redirects=False)
        assert answer.status_code in (302, 401, 403, 404), (role, path, answer.status_code)


@pytest.mark.parametrize("role", [EXECUTIVE, RETENTION, MANAGER])
@pytest.mark.parametrize("ending", ["", "-zh"])
def test_a_page_links_to_the_pages_of_the_role(office: Office, role: str, ending: str) -> None:
    pages = {path.stem for path in (ROOT / "superset" / "pages").glob("*.yaml")}
    own = set(ROLES[role].pages or pages)
    answer = office.of(role).get(f"{office.server.base}/api/v1/dashboard/lifecycle{ending}", timeout=60)
    assert answer.status_code == 200, answer.text[:300]
    row = json.loads(answer.json()["result"]["position_json"])["MARKDOWN-links"]["meta"]["code"]
    linked = {slug.replace("-", "_") for slug in re.findall(rf"/superset/dashboard/([\w-]+?){ending}/", row)}
    assert linked == own - {"lifecycle"}
    assert len(re.findall(r"\*\*", row)) == 2 and row.count(" · ") == len(own) - 1


PAYLOADS = (
    "=1+1", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM(1)",
    '"=1+1', "'=1+1", ' "=1', "  =1", "%0A=1", "|calc", "{=1}", '""=1', "=HYPERLINK(1)",
)  # fmt: skip
DANGEROUS = re.compile("^[ \"']*[=+\\-@\t\r\n＝＋－＠]")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_export__runs_nothing_in_a_spreadsheet(office: Office, kind: str) -> None:
    assert len(PAYLOADS) == 20
    cells = {"expressionType": "SQL", "label": "=heading"}
    found = set()
    for text in PAYLOADS:
        quoted = "concat(" + ", ".join(f"chr({ord(one)})" for one in text) + ")"
        answer = office.ask(
            office.of(EXECUTIVE),
            "kpi_trend",
            columns=[{**cells, "sqlExpression": quoted}],
            row_limit=1,
            result_format=kind,
        )
        assert answer.status_code == 200, answer.text[:300]
        for row in sheet(answer.content, kind):
            for cell in row:
                assert not DANGEROUS.match(cell) or cell.startswith("'"), (text, cell)
                found.add(cell)
    assert "'=1+1" in found and "'=heading" in found
