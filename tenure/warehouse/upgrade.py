"""Moving a warehouse with data from the layout of an earlier release to this one, step by step.

Each step is one transaction that also notes it as done (`ops.upgrade_step`), so that an upgrade that dies goes on where
it stopped. Steps are never changed or removed, only added at the end. Marts need no step: a model whose definition has
changed is built in full by the next `tenure build`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenure.database import prepare_roles, start_database
from tenure.db import connect
from tenure.failpoints import reach
from tenure.landing.schema import PARTITION_VERSION
from tenure.settings import Settings
from tenure.warehouse.prepare import prepare_warehouse
from tenure.warehouse.refresh_tables import REFRESH_TABLES


@dataclass(frozen=True)
class Step:
    """One change of the layout: its name for ever, the role that makes it, its statements."""

    name: str
    role: str
    statements: tuple[str, ...]


STEPS = (
    Step("0.2.0 versions of landed days", "loader", PARTITION_VERSION),
    Step("0.2.0 what models were built from", "transformer", (REFRESH_TABLES,)),
)

_TABLE = """
create table if not exists ops.upgrade_step (
    step_name text primary key,
    finished_at timestamptz not null default clock_timestamp()
)
"""


def upgrade(settings: Settings, say: Callable[[str], None]) -> int:
    """Do the steps that this warehouse has not had. Returns how many these were.

    Raises TenureError when the server does not answer; what was done until then stays done.
    """
    start_database(settings)
    prepare_roles(settings)
    with connect("loader", settings=settings) as connection:
        connection.execute(_TABLE)
        connection.execute("grant insert on ops.upgrade_step to tenure_transformer")
        done = {row[0] for row in connection.execute("select step_name from ops.upgrade_step")}
    count = 0
    for step in STEPS:
        if step.name in done:
            continue
        with connect(step.role, settings=settings) as connection:
            connection.execute("select pg_advisory_xact_lock(hashtext('tenure upgrade'))")
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(
                "insert into ops.upgrade_step (step_name) values (%s) on conflict do nothing", (step.name,)
            )
            reach("before_upgrade_commit")
        reach("after_upgrade_commit")
        say(f"done: {step.name}")
        count += 1
    prepare_warehouse(settings)
    return count
