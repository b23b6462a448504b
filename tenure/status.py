"""What an engineer asks first: how fresh, what came in, what was refused, which models, what runs."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from tenure.landing import load_status
from tenure.settings import Settings
from tenure.stack import running


def gather(settings: Settings) -> dict[str, Any]:
    """All of it as plain data: keys `landing`, `publication`, `marts`, `models`, `processes`."""
    return {
        "landing": load_status(settings),
        **published(settings),
        "processes": running(settings),
    }


def published(settings: Settings) -> dict[str, Any]:
    """The published version, its marts and the models behind it; empty where nothing was published yet."""
    with psycopg.connect(settings.url("analyst"), row_factory=dict_row) as connection:
        connection.execute("set transaction isolation level repeatable read")
        have = {
            row["table_name"]
            for row in connection.execute(
                "select table_name from information_schema.tables where table_schema = 'marts'"
            )
        }
        if "publication" not in have:
            return {"publication": None, "marts": [], "models": []}
        return {
            "publication": connection.execute(
                "select publication_id, as_of_date, published_at from marts.publication where is_current"
            ).fetchone(),
            "marts": connection.execute("select * from marts.mart_status order by mart_name").fetchall(),
            "models": connection.execute(
                """
                select model_name, model_run_id, as_of_date, auc, top_decile_lift, calibration_error, test_row_count
                from marts.model_run where is_champion order by model_name
                """
            ).fetchall()
            if "model_run" in have
            else [],
        }


def render(found: dict[str, Any], out: Console) -> None:
    """The same for a terminal."""
    publication = found["publication"]
    if publication is None:
        out.print("nothing published yet")
    else:
        out.print(
            f"published version {publication['publication_id']}, as of {publication['as_of_date']}"
            f" ({len(found['marts'])} marts)"
        )
    for title, rows in found["landing"].items():
        _table(out, title.replace("_", " "), rows)
    _table(out, "models", found["models"])
    processes = ", ".join(f"{name} ({pid})" for name, pid in found["processes"].items())
    out.print(f"[bold]running[/bold]: {processes or 'nothing'}")


def _table(out: Console, title: str, rows: Any) -> None:
    if not isinstance(rows, list) or not rows:
        out.print(f"[bold]{title}[/bold]: {rows if rows not in ([], None) else 'none'}")
        return
    table = Table(title=title, title_justify="left", box=None, header_style="dim", pad_edge=False)
    for name in rows[0]:
        table.add_column(str(name), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    out.print(table)
