"""Users of the roles, each logged in to the running Superset."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg
import requests

if TYPE_CHECKING:
    from tests.superset.conftest import SupersetServer

# With the administrator's password, so that none has to be hashed here.
NEW_USER = """
insert into ab_user (id, first_name, last_name, username, password, active, email, created_on, changed_on)
select nextval('ab_user_id_seq'), n.name, 'Test', n.name, password, true, n.name || '@tenure.localhost', now(), now()
from ab_user, (select %(name)s::text as name) as n where username = 'admin' returning id
"""
NEW_ROLE_OF_USER = """
insert into ab_user_role (id, user_id, role_id)
select nextval('ab_user_role_id_seq'), %(user)s, id from ab_role where name = any(%(roles)s)
"""


def create_user(server: SupersetServer, name: str, roles: Iterable[str]) -> None:
    """A user with these roles and the administrator's password; one of the same name keeps his."""
    with psycopg.connect(server.settings.url("superset")) as connection:
        if connection.execute("select 1 from ab_user where username = %s", (name,)).fetchone():
            return
        row = connection.execute(NEW_USER, {"name": name}).fetchone()
        assert row is not None
        made = connection.execute(NEW_ROLE_OF_USER, {"user": row[0], "roles": list(roles)})
        assert made.rowcount == len(list(roles))


def log_in(server: SupersetServer, name: str) -> requests.Session:
    """A session that asks the API as this user."""
    session = requests.Session()
    answer = session.post(
        f"{server.base}/api/v1/security/login",
        json={
            "username": name,
            "password": server.settings.secret("superset_admin_password"),
            "provider": "db",
        },
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:500]
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    token = session.get(f"{server.base}/api/v1/security/csrf_token/", timeout=60)
    if token.status_code == 200:  # not for somebody without a role
        session.headers["X-CSRFToken"] = token.json()["result"]
        session.headers["Referer"] = server.base
    return session
