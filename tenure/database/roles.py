"""Roles, databases and schemas: who may do what, the same on the embedded and on any other server.

| role | may |
|---|---|
| owner | create the roles and schemas; nobody works as it |
| loader | write `ops` and `raw_*` |
| transformer | read those and `scores`; write staging, intermediate, build, features, reference; publish to `marts` |
| scorer | read `features` and `build`; write `scores` |
| dashboard, analyst | read `marts`, nothing else, never write |
| retention | read what the work on lists of customers needs of `marts` (`rights.yml`) |
| region_<name> | read the rows of its regions in `marts`: a login for each manager of `superset/roles.yaml` |
| vault | read the vault and `raw_crm`; nobody else reads the vault |
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from tenure.database.logins import regional_logins
from tenure.database.rights import REGIONAL
from tenure.database.score_tables import SCORE_TABLES
from tenure.database.vault_tables import VAULT_TABLES
from tenure.errors import TenureError
from tenure.settings import ROLES, SERVICE_DATABASES, Settings
from tenure.sources import SOURCES

Connection = psycopg.Connection[Any]

SCHEMAS = {
    "ops": "loader",
    **{f"raw_{source}": "loader" for source in SOURCES},
    "reference": "transformer",
    "staging": "transformer",
    "intermediate": "transformer",
    "features": "transformer",
    "build": "transformer",
    "marts": "transformer",
    # Which regions a regional login sees; the rights on each mart are those of tenure/database/rights.py.
    "rights": "transformer",
    "scores": "scorer",
}
READERS = {
    "ops": ("transformer",),
    **{f"raw_{source}": ("transformer",) for source in SOURCES},
    # Whose number it is, and what that customer consented to.
    "raw_crm": ("transformer", "vault"),
    "features": ("scorer",),
    "build": ("scorer",),
    "scores": ("transformer",),
    "marts": ("dashboard", "analyst"),
}
_READER = {"default_transaction_read_only": "on", "statement_timeout": "120s", "search_path": "marts"}
ROLE_SETTINGS = {
    "dashboard": _READER,
    "retention": _READER,
    "analyst": {**_READER, "statement_timeout": "600s"},
}
# What anybody may call in a new database, and readers have no use for: large objects are writes, and with an advisory
# lock a reader could hold up a build or a publication.
_FUNCTIONS_OF_WRITERS = """
select p.oid::regprocedure::text from pg_proc as p
where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^lo_|^lowrite$|advisory'
    and has_function_privilege('public', p.oid, 'execute')
"""
MINIMUM_VERSION = 160000


def prepare_roles(settings: Settings) -> None:
    """Create what is missing of databases, roles, schemas, rights and score tables. Running it again changes nothing.

    Raises TenureError when the server is too old or the owner may not create roles.
    """
    if settings.is_embedded:
        _create_database(settings, settings.url("owner").rsplit("/", 1)[0] + "/postgres", "tenure", None)
    with _owner(settings.url("owner")) as connection:
        if connection.info.server_version < MINIMUM_VERSION:
            raise TenureError(
                f"the server is PostgreSQL {connection.info.server_version // 10000}", hint="16 or later is needed"
            )
        # Two commands may prepare at once: roles are shared by the whole server.
        connection.execute("select pg_advisory_lock(hashtext('tenure roles'))")
        _create_roles(connection, settings)
        _create_regional_logins(connection, settings)
    for name in SERVICE_DATABASES:
        _create_database(settings, settings.url("owner"), name, f"tenure_{name}")
    with _owner(settings.url("owner")) as connection, connection.transaction():
        connection.execute("select pg_advisory_xact_lock(hashtext('tenure roles'))")
        _create_schemas(connection)
        _grant(connection)
        for statement in VAULT_TABLES:
            connection.execute(statement)
        connection.execute("set local role tenure_scorer")
        for statement in SCORE_TABLES:
            connection.execute(statement)


def _owner(url: str) -> Connection:
    try:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise TenureError(
            f"cannot connect to the warehouse: {str(error).strip().splitlines()[-1]}",
            hint="start it with `tenure db start`, or check TENURE_DATABASE_URL",
        ) from None


def _create_database(settings: Settings, url: str, name: str, owner: str | None) -> None:
    with _owner(url) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
            return
        statement = sql.SQL("create database {}").format(sql.Identifier(name))
        if owner:
            statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
        try:
            connection.execute(statement)
        except psycopg.errors.DuplicateDatabase:
            return
        except psycopg.errors.InsufficientPrivilege:
            raise TenureError(
                f"database {name} is missing and the role of TENURE_DATABASE_URL may not create it",
                hint=f"create it, or give the role CREATEDB: {name} holds the metadata of {name.title()}",
            ) from None


def _create_roles(connection: Connection, settings: Settings) -> None:
    names = [role for role in ROLES if role != "owner"] + list(SERVICE_DATABASES)
    for name in names:
        role = sql.Identifier(f"tenure_{name}")
        known = connection.execute("select 1 from pg_roles where rolname = %s", (f"tenure_{name}",)).fetchone()
        try:
            if not known:
                connection.execute(sql.SQL("create role {} login").format(role))
            _set_password(connection, settings, name)
            for key, value in ROLE_SETTINGS.get(name, {}).items():
                connection.execute(
                    sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(key), sql.Literal(value))
                )
            connection.execute(sql.SQL("grant {} to current_user").format(role))
        except psycopg.errors.InsufficientPrivilege:
            raise TenureError(
                f"the role of TENURE_DATABASE_URL may not create role tenure_{name}", hint="give it CREATEROLE"
            ) from None


def _create_regional_logins(connection: Connection, settings: Settings) -> None:
    """One login for each regional manager of the file; those that stand there no more cannot log in."""
    group = sql.Identifier(REGIONAL)
    known = dict(
        connection.execute("select rolname, rolcanlogin from pg_roles where rolname ~ '^tenure_region'").fetchall()
    )
    if REGIONAL not in known:
        connection.execute(sql.SQL("create role {} nologin").format(group))
    wanted = regional_logins(settings.root)
    for login in wanted:
        role = sql.Identifier(f"tenure_{login}")
        if not known.get(f"tenure_{login}"):
            verb = "alter" if f"tenure_{login}" in known else "create"
            connection.execute(sql.SQL(f"{verb} role {{}} login").format(role))
        _set_password(connection, settings, login)
        for key, value in _READER.items():
            connection.execute(
                sql.SQL("alter role {} set {} = {}").format(role, sql.Identifier(key), sql.Literal(value))
            )
        # What the group may, without the right to become it.
        connection.execute(sql.SQL("grant {} to {} with inherit true, set false").format(group, role))
    for name, can_login in known.items():
        if can_login and name.removeprefix("tenure_") not in wanted:
            connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(name)))


def _set_password(connection: Connection, settings: Settings, name: str) -> None:
    password = settings.password(name)
    # Hashed here, so that the clear password never travels in a statement that a server may log.
    hashed = connection.pgconn.encrypt_password(password.encode(), f"tenure_{name}".encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(f"tenure_{name}"), sql.Literal(hashed.decode()))
    )


def _create_schemas(connection: Connection) -> None:
    for schema, owner in SCHEMAS.items():
        connection.execute(
            sql.SQL("create schema if not exists {} authorization {}").format(
                sql.Identifier(schema), sql.Identifier(f"tenure_{owner}")
            )
        )


def _grant(connection: Connection) -> None:
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("revoke all on database {} from public").format(database))
    connection.execute("revoke all on schema public from public")
    for role in ROLES:
        if role != "owner":
            right = "connect, temporary" if role in ("loader", "transformer", "scorer") else "connect"
            connection.execute(
                sql.SQL("grant {} on database {} to {}").format(
                    sql.SQL(right), database, sql.Identifier(f"tenure_{role}")
                )
            )
    connection.execute(sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(REGIONAL)))
    connection.execute(sql.SQL("grant usage on schema marts to tenure_retention, {}").format(sql.Identifier(REGIONAL)))
    _keep_functions_from_readers(connection)
    # dbt asks for its schemas with `create schema if not exists`, which needs the right even where they exist.
    connection.execute(sql.SQL("grant create on database {} to tenure_transformer").format(database))
    for schema, readers in READERS.items():
        for reader in readers:
            names = {
                "schema": sql.Identifier(schema),
                "reader": sql.Identifier(f"tenure_{reader}"),
                "owner": sql.Identifier(f"tenure_{SCHEMAS[schema]}"),
            }
            connection.execute(sql.SQL("grant usage on schema {schema} to {reader}").format(**names))
            connection.execute(sql.SQL("grant select on all tables in schema {schema} to {reader}").format(**names))
            connection.execute(
                sql.SQL(
                    "alter default privileges for role {owner} in schema {schema} grant select on tables to {reader}"
                ).format(**names)
            )


def _keep_functions_from_readers(connection: Connection) -> None:
    """Only the server's superuser may; on a server of others, readers keep what it lets everybody do."""
    row = connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone()
    if row != (True,):
        return
    names = [name for (name,) in connection.execute(_FUNCTIONS_OF_WRITERS).fetchall()]
    if names:
        writers = sql.SQL(", ").join(
            sql.Identifier(f"tenure_{role}") for role in ("loader", "transformer", "scorer", "vault")
        )
        functions = sql.SQL(", ").join(sql.SQL(name) for name in names)
        connection.execute(sql.SQL("revoke execute on function {} from public").format(functions))
        connection.execute(sql.SQL("grant execute on function {} to {}").format(functions, writers))
