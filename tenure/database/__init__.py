"""The embedded Postgres server, and the roles and schemas of any server."""

from tenure.database.roles import prepare_roles
from tenure.database.server import EmbeddedPostgres, start_database, stop_database

__all__ = ["EmbeddedPostgres", "prepare_roles", "start_database", "stop_database"]
