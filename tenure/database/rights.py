"""Rights on the published marts, made of `rights.yml`: grants, and row-level security that the login decides.

Policies look at `current_user`, so a reader cannot change what he sees by any setting; regional logins are members of
`tenure_regional` without the right to become it. Their regions are rows of `rights.region_scope`, of which each login
sees its own: a manager is added without touching a mart (docs/decisions/0021-who-sees-which-rows.md).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
import yaml
from psycopg import sql

Connection = psycopg.Connection[Any]

REGIONAL = "tenure_regional"
READERS = ("dashboard", "analyst", "retention")

SCOPE_TABLES = f"""
create table if not exists rights.region_scope (
    login_name text not null,
    region_id text not null,
    primary key (login_name, region_id)
);
create table if not exists rights.applied (
    mart_name text primary key,
    table_oid oid not null,
    digest text not null
);
alter table rights.region_scope enable row level security;
drop policy if exists own_regions on rights.region_scope;
create policy own_regions on rights.region_scope for select to {REGIONAL} using (login_name = current_user);
grant usage on schema rights to {REGIONAL};
grant select on rights.region_scope to {REGIONAL};
"""


@dataclass(frozen=True)
class MartRight:
    """What one kind of reader may do with one mart: the columns it reads, and which rows as SQL (`true`: all)."""

    columns: tuple[str, ...]
    rows: str


@lru_cache(maxsize=1)
def read_rights() -> dict[str, Any]:
    """The document `rights.yml`."""
    found: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "rights.yml").read_text(encoding="utf-8"))
    return found


def rights_on(mart: str, columns: Sequence[str]) -> dict[str, MartRight]:
    """Right by reader (`tenure_dashboard`, ..., `tenure_regional`) on a mart with these columns; none: denied."""
    declared = read_rights()
    hidden = declared["personal_columns"].get(mart, [])
    impersonal = tuple(one for one in columns if one not in hidden and not one.endswith("_token"))
    found = {f"tenure_{login}": MartRight(tuple(columns), "true") for login in declared["everything"]}
    if mart in declared["retention"]:
        found["tenure_retention"] = MartRight(impersonal, "true")
    if (rows := _regional_rows(mart, columns, declared["regional"])) is not None:
        found[REGIONAL] = MartRight(impersonal, rows)
    return found


def _regional_rows(mart: str, columns: Sequence[str], declared: dict[str, Any]) -> str | None:
    if mart in declared["shared"]:
        return "true"
    if by := declared["through"].get(mart):
        same = f"owner.{by['key']} = {mart}.{by['key']}"
        return f"exists (select 1 from marts.{by['mart']} as owner where {same} and owner.is_current)"  # noqa: S608
    own = declared["columns"].get(mart, [column for column in columns if column == "region_id"])
    # `in` is hashed once a query; the sub-query shows each login its own rows only.
    mine = "in (select s.region_id from rights.region_scope as s)"
    return " or ".join(f"{column} {mine}" for column in own) or None


def statements(mart: str, columns: Sequence[str]) -> list[sql.Composed]:
    """What gives a mart exactly its rights, whatever it had before."""
    table = sql.Identifier("marts", mart)
    readers = sql.SQL(", ").join(sql.Identifier(name) for name in (*(f"tenure_{one}" for one in READERS), REGIONAL))
    made = [
        sql.SQL("revoke all on {} from {}, public").format(table, readers),
        sql.SQL("alter table {} enable row level security").format(table),
    ]
    for reader, right in rights_on(mart, columns).items():
        name = sql.Identifier(f"rows_of_{reader.removeprefix('tenure_')}")
        shown: sql.Composable = sql.SQL("")
        if set(right.columns) != set(columns):
            shown = sql.SQL(" ({})").format(sql.SQL(", ").join(sql.Identifier(one) for one in right.columns))
        made.append(sql.SQL("grant select{} on {} to {}").format(shown, table, sql.Identifier(reader)))
        made.append(
            sql.SQL("create policy {} on {} for select to {} using ({})").format(
                name, table, sql.Identifier(reader), sql.SQL(right.rows)
            )
        )
    for through in read_rights()["regional"]["through"].values():
        if through["mart"] == mart:
            index = sql.Identifier(f"{mart}_{through['key']}_idx")
            made.append(
                sql.SQL("create index if not exists {} on {} ({})").format(index, table, sql.Identifier(through["key"]))
            )
    return made


def apply_rights(connection: Connection, mart: str) -> bool:
    """Give a published mart its rights if it has not got them; as its owner. Returns whether anything was changed.

    Changing them waits for those who read the mart at the moment.
    """
    row = connection.execute(
        """
        select c.oid, array_agg(a.attname::text order by a.attnum)
        from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'marts'::regnamespace and c.relname = %s group by c.oid
        """,
        (mart,),
    ).fetchone()
    if row is None:
        return False
    oid, columns = row
    wanted = statements(mart, columns)
    text = "\n".join(one.as_string(connection) for one in wanted)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = connection.execute(
        "select 1 from rights.applied where mart_name = %s and table_oid = %s and digest = %s", (mart, oid, digest)
    ).fetchone()
    if known:
        return False
    for (policy,) in connection.execute("select polname from pg_policy where polrelid = %s", (oid,)).fetchall():
        connection.execute(
            sql.SQL("drop policy {} on {}").format(sql.Identifier(policy), sql.Identifier("marts", mart))
        )
    for statement in wanted:
        connection.execute(statement)
    connection.execute(
        "insert into rights.applied values (%(mart)s, %(oid)s, %(digest)s)"
        " on conflict (mart_name) do update set table_oid = excluded.table_oid, digest = excluded.digest",
        {"mart": mart, "oid": oid, "digest": digest},
    )
    return True


def note_scopes(connection: Connection, logins: dict[str, tuple[tuple[str, str], ...]]) -> bool:
    """Write which regions each regional login sees, from the published `dim_region`; as the transformer.

    logins: login without `tenure_` to pairs of a column of `dim_region` and a value. Returns whether that changed.
    """
    wanted = {
        (f"tenure_{login}", region)
        for login, regions in logins.items()
        for column, value in regions
        for (region,) in connection.execute(
            sql.SQL("select region_id from marts.dim_region where {} = %s").format(sql.Identifier(column)), (value,)
        ).fetchall()
    }
    known = set(connection.execute("select login_name, region_id from rights.region_scope").fetchall())
    with connection.cursor() as cursor:
        cursor.executemany(
            "delete from rights.region_scope where (login_name, region_id) = (%s, %s)", sorted(known - wanted)
        )
        cursor.executemany("insert into rights.region_scope values (%s, %s)", sorted(wanted - known))
    return wanted != known
