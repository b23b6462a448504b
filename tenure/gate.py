"""The gate before publication: what dbt built must have passed every check since, or nothing is published.

What becomes of each model and check is written while dbt runs, so that a run that dies leaves a model that was begun
and never finished. A check counts only if it said "pass" (or warned, where it may) after all it looks at was built.
One that failed, could not run, gave no answer, was left out or never ran keeps the gate shut.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import psycopg

from tenure.db import connect
from tenure.errors import TenureError
from tenure.failpoints import reach
from tenure.settings import Settings

Connection = psycopg.Connection[Any]
Manifest = dict[str, Any]

BUILD_LOCK = "tenure build"

_BEGUN = """
insert into reference.node_state as known (unique_id, status, begun, ended)
values (%s, 'begun', nextval('reference.node_moment'), null)
on conflict (unique_id) do update set status = excluded.status, begun = excluded.begun, ended = null
"""
_ENDED = """
update reference.node_state set status = %s, ended = nextval('reference.node_moment') where unique_id = %s
"""
_GOOD = {"model": ("success",), "seed": ("success",), "test": ("pass", "warn")}


class NodeRecorder:
    """Writes what becomes of the nodes of one dbt run; an instance is a callback for dbt's events."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def __enter__(self) -> NodeRecorder:
        self._connection = connect("transformer", autocommit=True, settings=self._settings)
        # One build at a time: a backfill beside today waits for it. The lock ends with the session.
        self._connection.execute("select pg_advisory_lock(hashtext(%s))", (BUILD_LOCK,))
        # What the server may lose in a power cut is the last of what was written here, never what came before it.
        self._connection.execute("set synchronous_commit = off")
        return self

    @property
    def connection(self) -> Connection:
        """The session that holds the lock of the build. Raises RuntimeError outside of it."""
        if self._connection is None:
            raise RuntimeError("no build is under way")
        return self._connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __call__(self, event: Any) -> None:
        """Note the beginning or the end of a node."""
        if event.info.name not in ("NodeStart", "NodeFinished"):
            return
        node = event.data.node_info
        with self._lock:
            if self._connection is None:
                return
            if event.info.name == "NodeStart":
                self._connection.execute(_BEGUN, (node.unique_id,))
            else:
                self._connection.execute(_ENDED, (str(node.node_status), node.unique_id))
                reach("after_node")


def finished_nodes(connection: Connection, manifest: Manifest, nodes: Sequence[str], first_moment: int) -> set[str]:
    """Those of the `nodes` that began and ended well since a moment, each after its parents among the `nodes` had."""
    known = {
        row[0]: row[1:]
        for row in connection.execute(
            "select unique_id, status, begun, ended from reference.node_state where ended is not null and begun >= %s",
            (first_moment,),
        )
    }
    good = {
        node for node in nodes if node in known and known[node][0] in _GOOD[manifest["nodes"][node]["resource_type"]]
    }
    wanted = set(nodes)
    while True:
        late = {
            node
            for node in good
            for parent in manifest["parent_map"].get(node, [])
            if parent in wanted and (parent not in good or known[parent][2] > known[node][1])
        }
        if not late:
            return good
        good -= late


def check_gate(connection: Connection, manifest: Manifest) -> None:
    """Raises TenureError naming what stands in the way of publication."""
    known = {
        row[0]: row[1:]
        for row in connection.execute("select unique_id, status, begun, ended from reference.node_state")
    }
    nodes = {
        unique_id: node
        for unique_id, node in manifest["nodes"].items()
        if node["resource_type"] in _GOOD and node["config"].get("materialized") != "ephemeral"
    }
    for unique_id, node in nodes.items():
        kind, name = node["resource_type"], node["name"]
        status, _, ended = known.get(unique_id, ("not run", 0, None))
        if status not in _GOOD[kind] or ended is None:
            raise _shut(f"{'check' if kind == 'test' else kind} {name} is '{status}'")
        if kind == "test":
            for parent in node["depends_on"]["nodes"]:
                if parent in nodes and known.get(parent, ("", 0, None))[1] > ended:
                    raise _shut(f"check {name} has not run since {nodes[parent]['name']} was built")


def _shut(reason: str) -> TenureError:
    return TenureError(f"nothing was published: {reason}", hint="run `tenure build`, and mend what it names")
