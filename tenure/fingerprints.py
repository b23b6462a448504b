"""What a model is made by: its own text and that of everything before it, so that a change of any of it is noticed.

A model that is built by partitions holds rows that an earlier text has made. Its fingerprint covers the checksums of
the model, of all models and seeds upstream, of the macros they call, their contracts, and the settings that dbt gets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tenure.db import connect
from tenure.settings import Settings

Manifest = dict[str, Any]

_OF_ONE_READING = frozenset({"created_at", "root_path", "depends_on", "refs", "sources"})


def fingerprints(manifest: Manifest, variables: str) -> dict[str, str]:
    """The fingerprint of each model that is built by partitions, by its name."""
    found = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and node["config"].get("materialized") == "incremental":
            found[node["name"]] = _fingerprint(manifest, unique_id, variables)
    return found


def _fingerprint(manifest: Manifest, unique_id: str, variables: str) -> str:
    parts = [variables, manifest["metadata"]["dbt_version"], json.dumps(manifest["metadata"].get("vars") or {})]
    macros: set[str] = set()
    for name in sorted(_upstream(manifest, unique_id)):
        node = manifest["nodes"].get(name)
        if node is None:
            continue
        parts += [name, node["checksum"]["checksum"], _contract(node)]
        macros |= macros_called(manifest, node["depends_on"].get("macros", []))
    parts += [manifest["macros"][name]["macro_sql"] for name in sorted(macros)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _contract(node: dict[str, Any]) -> str:
    """Names and types of the columns, where a contract is enforced: what builds a table of another shape."""
    if not (node["config"].get("contract") or {}).get("enforced"):
        return ""
    return json.dumps([(name, column.get("data_type")) for name, column in node["columns"].items()])


def _upstream(manifest: Manifest, unique_id: str) -> set[str]:
    seen: set[str] = set()
    waiting = [unique_id]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += manifest["parent_map"].get(current, [])
    return seen


def macros_called(manifest: Manifest, names: list[str]) -> set[str]:
    """These macros and all that they call."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        current = waiting.pop()
        if current not in seen and current in manifest["macros"]:
            seen.add(current)
            waiting += manifest["macros"][current]["depends_on"].get("macros", [])
    return seen


def text_of(node: Mapping[str, Any]) -> str:
    """All that dbt knows of a node, as one text: the same for the same files, wherever and whenever they were read.

    What it reads, and the macros it calls, dbt lists in an order that differs from one reading to the next; its SQL,
    which is in the text, names them.
    """
    said = {name: value for name, value in node.items() if name not in _OF_ONE_READING}
    return json.dumps(said, sort_keys=True, default=str)


def note_fingerprints(settings: Settings, found: dict[str, str]) -> None:
    """Write what the models are made by now; a model compares it with what built it (macros/refresh.sql)."""
    with connect("transformer", settings=settings) as connection:
        connection.execute("delete from reference.model_fingerprint")
        with connection.cursor() as cursor:
            cursor.executemany("insert into reference.model_fingerprint values (%s, %s)", sorted(found.items()))
