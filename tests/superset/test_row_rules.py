"""Rules of rows that an administrator writes in Superset, beside those of Postgres."""

from __future__ import annotations

from typing import Any

import psycopg
import requests

from tests.superset.conftest import SupersetServer
from tests.superset.people import create_user, log_in
from tests.superset.test_who_sees_what import pairs

READER, ROLE = "reader-of-rules", "Executive"
DATASET, QUERY = "revenue_trend", {"columns": ["region_name"], "metrics": ["net_revenue"]}


def ask(server: SupersetServer, session: requests.Session, dataset: int) -> dict[str, Any]:
    body = {"datasource": {"id": dataset, "type": "table"}, "queries": [{**QUERY, "filters": [], "row_limit": 1000}]}
    answer = session.post(f"{server.base}/api/v1/chart/data", json=body, timeout=60)
    assert answer.status_code == 200, answer.text[:300]
    found: dict[str, Any] = answer.json()["result"][0]
    return found


def test_a_rule_for_a_table__counts_at_once_for_every_dataset_that_reads_it(superset_server: SupersetServer) -> None:
    """Also where the answer from before it is cached; and without it the old answer is the right one again."""
    api, base = superset_server.api, superset_server.base
    create_user(superset_server, READER, [ROLE])
    session = log_in(superset_server, READER)
    with psycopg.connect(superset_server.settings.url("superset")) as connection:
        roles = pairs(connection, "select name, id from ab_role")
        databases = pairs(connection, "select database_name, id from dbs")
        datasets = pairs(connection, "select table_name, id from tables")
    before = ask(superset_server, session, datasets[DATASET])
    regions = {row["region_name"] for row in before["data"]}
    assert len(regions) > 2
    token = api.get(f"{base}/api/v1/security/csrf_token/", timeout=60).json()["result"]
    headers = {"X-CSRFToken": token, "Referer": base}
    table = {"database": databases["Tenure warehouse"], "schema": "marts", "table_name": "dim_region"}
    made = api.post(f"{base}/api/v1/dataset/", json=table, headers=headers, timeout=60)
    assert made.status_code == 201, made.text[:300]
    number = made.json()["id"]
    with psycopg.connect(superset_server.settings.url("superset")) as connection:
        # As the datasets of the pages, which name no catalog; Superset takes it for another table otherwise.
        connection.execute("update tables set catalog = null where id = %s", (number,))
    rule = {
        "name": "one region", "filter_type": "Regular", "tables": [number], "roles": [roles[ROLE]], "group_key": "",
        "clause": f"region_name = '{min(regions)}'",
    }  # fmt: skip
    written = api.post(f"{base}/api/v1/rowlevelsecurity/", json=rule, headers=headers, timeout=60)
    try:
        assert written.status_code == 201, written.text[:300]
        after = ask(superset_server, session, datasets[DATASET])
        assert not after["is_cached"]
        assert {row["region_name"] for row in after["data"]} != regions
    finally:
        if written.status_code == 201:
            api.delete(f"{base}/api/v1/rowlevelsecurity/{written.json()['id']}", headers=headers, timeout=60)
        api.delete(f"{base}/api/v1/dataset/{number}", headers=headers, timeout=60)
    again = ask(superset_server, session, datasets[DATASET])
    assert again["is_cached"] and again["data"] == before["data"]
