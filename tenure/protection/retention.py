"""How long each layer keeps what it has: rejects, held rows, archive; vault rows that nothing landed refers to."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.landing.archive import Archive
from tenure.landing.schema import raw_identifier
from tenure.protection.door import door_closed
from tenure.settings import Settings


@dataclass(frozen=True)
class Removed:
    """What was too old, in files and rows."""

    archived_files: int
    rejects: int
    held_rows: int
    vault_rows: int = 0


def remove_old(settings: Settings) -> Removed:
    """Remove archived files, refused rows and held rows past their retention: what every `land` does at its end."""
    files = Archive(settings).purge()
    with connect("loader", settings=settings) as connection:
        days = {"reject": settings.reject_days, "held_row": settings.held_days}
        removed = dict.fromkeys(days, 0)
        for table, limit in days.items():
            known = connection.execute("select to_regclass(%s) is not null", (f"ops.{table}",)).fetchone()
            if known and known[0]:
                statement = sql.SQL(
                    "delete from {} where load_id in"
                    " (select load_id from ops.load where finished_at < now() - make_interval(days => %s))"
                ).format(sql.Identifier("ops", table))
                removed[table] = connection.execute(statement, (limit,)).rowcount
    return Removed(files, removed["reject"], removed["held_row"])


def apply_retention(settings: Settings) -> Removed:
    """The same, and vault rows older than TENURE_VAULT_DAYS whose token is in no raw table any more."""
    removed = remove_old(settings)
    references = [
        sql.SQL("select {} from {}").format(sql.Identifier(column.landed_name), raw_identifier(contract))
        for contract in load_contracts(settings.root).values()
        for column in contract.columns
        if column.is_vaulted
    ]
    with door_closed(settings, "owner") as connection, connection.transaction():
        connection.execute(
            sql.SQL(
                """
                create temporary table unused_token on commit drop as
                select token from vault.identity where kept_at < now() - make_interval(days => {})
                except select * from ({}) as landed
                """
            ).format(sql.Literal(settings.vault_days), sql.SQL(" union all ").join(references))
        )
        connection.execute("delete from vault.alias where token in (select token from unused_token)")
        gone = connection.execute("delete from vault.identity where token in (select token from unused_token)")
    return Removed(removed.archived_files, removed.rejects, removed.held_rows, gone.rowcount)
