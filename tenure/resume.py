"""Going on with a build that was cut short: what it had finished, and all that goes in being as it was.

One that was killed or failed is gone on with, so long as the project, its settings, what has landed and what was scored
are the same as when it began. What is left out after one that ended well: tenure/unchanged.py.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from tenure.fingerprints import text_of

Connection = psycopg.Connection[Any]
Manifest = dict[str, Any]

# Landing numbers every change that it makes. The counts of rows written see the rest (an erasure, scores, a restore);
# they may come seconds late or be lost with a crash of the server, which only makes a build begin anew.
_INPUTS = """
select
    (select count(*) || '/' || coalesce(max(version), 0) from ops.partition_version),
    (select count(*) || '/' || coalesce(max(load_id), 0) from ops.load),
    (
        select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)
        from pg_stat_user_tables
        where schemaname like 'raw\\_%' or schemaname in ('ops', 'scores', 'vault')
    )
"""


def signature(connection: Connection, manifest: Manifest, variables: str) -> str:
    """One text for everything that a build is made from: it changes when any of that does."""
    parts = [variables, manifest["metadata"]["dbt_version"], str(connection.execute(_INPUTS).fetchone())]
    # Models are also made from what macros read of the others: contracts of sources, definitions of metrics.
    for kind in ("nodes", "sources", "metrics", "semantic_models"):
        parts += [text_of(node) for _, node in sorted(manifest[kind].items())]
    parts += [macro["macro_sql"] for _, macro in sorted(manifest["macros"].items())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def begin(connection: Connection, command: Sequence[str], signed: str) -> int | None:
    """Note that a build begins; the moment that an unfinished one of the same command and inputs began, if there is."""
    key = json.dumps(list(command))
    known = connection.execute(
        "select first_moment from reference.build_attempt where command = %s and signature = %s and not is_ended",
        (key, signed),
    ).fetchone()
    if known is not None:
        return int(known[0])
    connection.execute(
        """
        insert into reference.build_attempt as known (command, signature, first_moment, is_ended)
        values (%s, %s, nextval('reference.node_moment'), false)
        on conflict (command) do update
        set signature = excluded.signature, first_moment = excluded.first_moment, is_ended = false
        """,
        (key, signed),
    )
    return None


def end(connection: Connection, command: Sequence[str]) -> None:
    """Note that a build ended well."""
    connection.execute(
        "update reference.build_attempt set is_ended = true where command = %s", (json.dumps(list(command)),)
    )


def selectors(manifest: Manifest, nodes: Iterable[str]) -> list[str]:
    """dbt's selectors of exactly these nodes."""
    return ["fqn:" + ".".join(manifest["nodes"][node]["fqn"]) for node in nodes]
