"""Steps of a build that need not be done again: nothing that goes into them has changed, nor what they made.

Seeds, the models and checks that no landed row goes into, and views, which hold no rows. All else depends on what has
landed or on the business date, and is looked at by every build.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from tenure.db import ROW_DIGEST
from tenure.fingerprints import macros_called, text_of
from tenure.gate import finished_nodes

Connection = psycopg.Connection[Any]
Manifest = dict[str, Any]


def signatures(manifest: Manifest, variables: str) -> dict[str, str]:
    """Of each such step (unique id) a digest of its text, settings and macros and of all that it is made from."""
    general = [variables, manifest["metadata"]["dbt_version"], json.dumps(manifest["metadata"].get("vars") or {})]
    # None: landed rows go into what it holds.
    found: dict[str, str | None] = {}
    # Views through which landed rows are read: whatever is not a view and reads them is made of those rows.
    through: set[str] = set()

    def of(unique_id: str) -> str | None:
        if unique_id not in found:
            found[unique_id] = signature(unique_id)
        return found[unique_id]

    def signature(unique_id: str) -> str | None:
        node = manifest["nodes"].get(unique_id)
        if node is None or node["resource_type"] not in ("seed", "model", "test"):
            return None
        is_view = node["config"].get("materialized") == "view"
        parts = [*general, text_of(node)]
        for parent in sorted(manifest["parent_map"].get(unique_id, [])):
            source = manifest["sources"].get(parent)
            known = of(parent) if source is None else text_of(source)
            if known is None or (not is_view and (source is not None or parent in through)):
                return None
            if source is not None or parent in through:
                through.add(unique_id)
            parts.append(known)
        called = macros_called(manifest, node["depends_on"].get("macros", []))
        parts += [manifest["macros"][name]["macro_sql"] for name in sorted(called)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    return {unique_id: known for unique_id in manifest["nodes"] if (known := of(unique_id)) is not None}


def unchanged(connection: Connection, manifest: Manifest, signed: Mapping[str, str]) -> set[str]:
    """Those of the `signed` steps whose signature and content, and those of all before them, are what was noted."""
    noted = connection.execute("select unique_id, signature, content from reference.node_settled")
    known = {unique_id: (signature, content) for unique_id, signature, content in noted}
    same = [node for node, signature in signed.items() if node in known and known[node][0] == signature]
    now = _contents(connection, manifest, same)
    # In order of time as well: the gate asks for the checks of a seed again that was loaded since, if with equal rows.
    as_noted = finished_nodes(connection, manifest, [node for node in same if now.get(node) == known[node][1]], 0)
    while True:
        after_a_change = {
            node
            for node in as_noted
            if any(parent in signed and parent not in as_noted for parent in manifest["parent_map"].get(node, []))
        }
        if not after_a_change:
            return as_noted
        as_noted -= after_a_change


def note(connection: Connection, manifest: Manifest, signed: Mapping[str, str], done: Iterable[str]) -> None:
    """Note by what those of the steps just done that ended well were made, and what they made."""
    nodes = finished_nodes(connection, manifest, [node for node in done if node in signed], 0)
    now = _contents(connection, manifest, nodes)
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into reference.node_settled as known (unique_id, signature, content) values (%s, %s, %s)
            on conflict (unique_id) do update set signature = excluded.signature, content = excluded.content
            """,
            [(node, signed[node], now[node]) for node in nodes if node in now],
        )


def _contents(connection: Connection, manifest: Manifest, nodes: Iterable[str]) -> dict[str, str]:
    """Digests of the rows of tables and of the definitions of views; a check has none, and what is not there is left
    out."""
    kinds = {
        row[:2]: row[2]
        for row in connection.execute(
            "select relnamespace::regnamespace::text, relname, relkind from pg_class where relkind in ('r', 'v')"
        )
    }
    found, queries = {}, []
    for unique_id in nodes:
        node = manifest["nodes"][unique_id]
        kind = kinds.get((node["schema"], node["alias"]))
        if node["resource_type"] == "test":
            found[unique_id] = ""
        elif kind is not None:
            relation = sql.Identifier(node["schema"], node["alias"])
            name = sql.Literal(relation.as_string(connection))
            content = sql.SQL("md5(pg_get_viewdef({}::regclass))").format(name)
            if kind == "r":
                content = sql.SQL("(select count(*) || ' ' || {} from {} as t)").format(sql.SQL(ROW_DIGEST), relation)
            queries.append(sql.SQL("select {}, {}").format(sql.Literal(unique_id), content))
    if queries:
        found |= dict(connection.execute(sql.SQL(" union all ").join(queries)).fetchall())
    return found
