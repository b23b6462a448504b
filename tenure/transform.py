"""Running dbt on the warehouse, and reading what it knows of the marts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from tenure import parsed_project, resume, unchanged
from tenure.errors import TenureError
from tenure.fingerprints import fingerprints, note_fingerprints
from tenure.gate import NodeRecorder, finished_nodes
from tenure.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunner, dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest

    Invoke = Callable[[dbtRunner, Sequence[str]], dbtRunnerResult]

PROJECT = "dbt_project"


@dataclass(frozen=True)
class Mart:
    """A published table: its grain in words, and the raw sources that it is made from.

    `looked_up_by`: the columns by which readers find a part of a month, if they do.
    `is_tracked`: it is built by partitions, so that what each of them holds is known (`reference.partition_version`).
    """

    name: str
    grain: str
    partition_column: str | None
    looked_up_by: tuple[str, ...] = ()
    is_tracked: bool = False
    sources: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class DbtNode:
    """One model, seed or test of a dbt run: what it was, how it ended, seconds."""

    unique_id: str
    status: str
    message: str
    seconds: float


@dataclass(frozen=True)
class DbtRun:
    """The nodes of one dbt command."""

    nodes: tuple[DbtNode, ...]

    def count(self, *statuses: str) -> int:
        """How many nodes ended in one of these states."""
        return sum(node.status in statuses for node in self.nodes)


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The variables that `dbt_project/profiles.yml` reads, and dbt's own folders, all outside the checkout's files."""
    parts = urlsplit(settings.url("transformer"))
    return {
        "TENURE_DBT_HOST": parts.hostname or "127.0.0.1",
        "TENURE_DBT_PORT": str(parts.port or 5432),
        "TENURE_DBT_USER": unquote(parts.username or ""),
        "TENURE_DBT_PASSWORD": unquote(parts.password or ""),
        "TENURE_DBT_DBNAME": parts.path.lstrip("/"),
        "TENURE_DBT_THREADS": str(settings.dbt_threads),
        "DBT_PROJECT_DIR": str(settings.root / PROJECT),
        "DBT_PROFILES_DIR": str(settings.root / PROJECT),
        "DBT_TARGET_PATH": str(settings.home / "dbt" / "target"),
        "DBT_LOG_PATH": str(settings.logs_dir / "dbt"),
        # A line for each node, and errors whole. Every statement would bury them, and takes time to write.
        "DBT_LOG_LEVEL_FILE": "info",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def dbt_variables(settings: Settings) -> str:
    """The value of dbt's `--vars`: the operator's time zone and the days after which a month closes."""
    return json.dumps({"time_zone": settings.time_zone, "month_close_days": settings.month_close_days})


def run_dbt(settings: Settings, arguments: Sequence[str], quiet: bool = True) -> DbtRun:
    """Run a dbt command in this process, e.g. `run_dbt(settings, ["build", "--select", "tag:base"])`.

    Raises TenureError naming the first node that failed; nothing is published by dbt itself.
    """
    from dbt.cli.main import dbtRunner

    with_variables = ["--vars", dbt_variables(settings)] if arguments[0] not in ("clean", "debug", "deps") else []
    # dbt creates its log folder itself, but not its parents.
    settings.logs_dir.mkdir(parents=True, exist_ok=True)
    with _environment(dbt_environment(settings)):
        flags = (["--quiet"] if quiet else []) + ["--no-use-colors"]

        def invoke(runner: dbtRunner, words: Sequence[str]) -> dbtRunnerResult:
            return runner.invoke([*flags, *words, *with_variables])

        runner = dbtRunner()
        known: dict[str, Any] | None = None
        if arguments[0] in ("build", "run", "seed", "test", "compile"):
            manifest, known = _parse(settings, invoke)
            runner = dbtRunner(manifest=manifest)
        if known is not None and arguments[0] in ("build", "run"):
            note_fingerprints(settings, fingerprints(known, dbt_variables(settings)))
        if known is not None and arguments[0] in ("build", "run", "seed", "test"):
            with NodeRecorder(settings) as recorder:
                if arguments[0] == "build":
                    result = _build(settings, recorder, runner, known, arguments, invoke)
                else:
                    runner.callbacks.append(recorder)
                    result = invoke(runner, arguments)
        else:
            result = invoke(runner, arguments)
    nodes = tuple(
        DbtNode(item.node.unique_id, str(item.status), str(item.message or ""), item.execution_time)
        for item in getattr(result.result, "results", []) or []
    )
    if not result.success:
        raise _failure(nodes, result.exception, settings)
    return DbtRun(nodes)


def _parse(settings: Settings, invoke: Invoke) -> tuple[Manifest, dict[str, Any]]:
    """The project as dbt's manifest, and as it writes that. Raises TenureError where the files are wrong."""
    from dbt.cli.main import dbtRunner

    environment = dbt_environment(settings)
    key = parsed_project.key_of(settings.root / PROJECT, dbt_variables(settings), environment)
    target = Path(environment["DBT_TARGET_PATH"])
    found = parsed_project.load(key, target)
    if found is not None:
        return found
    parsed = invoke(dbtRunner(), ["parse"])
    if not parsed.success:
        raise _failure((), parsed.exception, settings)
    parsed_project.keep(key, target)
    return cast("Manifest", parsed.result), read_manifest(settings)


def _build(
    settings: Settings,
    recorder: NodeRecorder,
    runner: dbtRunner,
    manifest: dict[str, Any],
    arguments: Sequence[str],
    invoke: Invoke,
) -> dbtRunnerResult:
    """`dbt build`, without what an earlier one had finished that was cut short, and what nothing has changed in."""
    connection = recorder.connection
    variables = dbt_variables(settings)
    settled = unchanged.signatures(manifest, variables)
    unfinished_since = resume.begin(connection, arguments, resume.signature(connection, manifest, variables))
    as_it_was: set[str] = set()
    if "--full-refresh" not in arguments:
        as_it_was = unchanged.unchanged(connection, manifest, settled)
    words = list(arguments)
    if as_it_was or unfinished_since is not None:
        wanted = _wanted(runner, manifest, arguments, invoke)
        left = [node for node in wanted if node not in as_it_was]
        if len(left) < len(wanted):
            told = f"{len(wanted) - len(left)} of {len(wanted)}"
            print(f"{told} steps have nothing to do: what goes into them has not changed")
        if unfinished_since is not None:
            finished = finished_nodes(connection, manifest, left, unfinished_since)
            print(f"going on with a build that was cut short: {len(finished)} of {len(wanted)} steps are done")
            left = [node for node in left if node not in finished]
        # A run of nothing is an error to dbt; the last step again is one like any other.
        words = ["build", "--select", *resume.selectors(manifest, left or wanted[-1:]), "--indirect-selection", "empty"]
        words += ["--exclude-resource-type", "unit_test"]
        words += ["--full-refresh"] if "--full-refresh" in arguments else []
    runner.callbacks.append(recorder)
    result = invoke(runner, words)
    done = [item.node.unique_id for item in getattr(result.result, "results", []) or []]
    unchanged.note(connection, manifest, settled, done)
    if result.success:
        resume.end(connection, arguments)
    return result


def _wanted(runner: dbtRunner, manifest: dict[str, Any], arguments: Sequence[str], invoke: Invoke) -> list[str]:
    """Unique ids of the models, seeds and checks that a build is of, in dbt's order."""
    listing = [word for word in arguments[1:] if word != "--full-refresh"]
    # What it finds is printed as well.
    with redirect_stdout(StringIO()):
        found = invoke(runner, ["list", *listing, "--output", "json", "--output-keys", "unique_id"])
    # It also names what is not built, such as sources.
    named = [json.loads(line)["unique_id"] for line in cast("list[str]", found.result or [])]
    return [unique_id for unique_id in named if unique_id in manifest["nodes"]]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _failure(nodes: tuple[DbtNode, ...], exception: BaseException | None, settings: Settings) -> TenureError:
    bad = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    log = settings.logs_dir / "dbt" / "dbt.log"
    if bad:
        kind, _, name = bad[0].unique_id.partition(".")
        reason = " ".join(bad[0].message.split())[:300]
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        return TenureError(f"{kind} {name.partition('.')[2]} failed{more}: {reason}", hint=f"see {log}")
    reason = " ".join(str(exception or "unknown reason").split())[:300]
    return TenureError(f"dbt could not run: {reason}", hint=f"see {log}")


def read_manifest(settings: Settings) -> dict[str, Any]:
    """dbt's manifest of the last command in this home. Raises TenureError when nothing was built yet."""
    path = settings.home / "dbt" / "target" / "manifest.json"
    try:
        loaded: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise TenureError("the marts were never built here", hint="run `tenure build` first") from None
    return loaded


def marts(settings: Settings) -> list[Mart]:
    """All models that are built in schema `build`, that is, all that is published to `marts`, by name."""
    manifest = read_manifest(settings)
    found = []
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and node["schema"] == "build":
            meta = node["config"].get("meta") or {}
            found.append(
                Mart(
                    name=node["alias"] or node["name"],
                    grain=str(meta.get("grain", "")),
                    partition_column=meta.get("partition_by"),
                    looked_up_by=tuple(meta.get("looked_up_by", ())),
                    is_tracked="replaced_by" in meta,
                    sources=frozenset(_sources(manifest, unique_id)),
                )
            )
    return sorted(found, key=lambda mart: mart.name)


def _sources(manifest: dict[str, Any], unique_id: str) -> set[str]:
    seen: set[str] = set()
    waiting = [unique_id]
    names = set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current.startswith("source."):
            names.add(manifest["sources"][current]["source_name"])
        waiting += manifest["parent_map"].get(current, [])
    return names


def main_python() -> str:
    """The interpreter of this environment, for processes that must run in it."""
    return str(Path(sys.executable))
