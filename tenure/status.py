"""What an engineer asks first: how fresh, what came in, what was refused, which models, what runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from rich.console import Console

from tenure.dashboards.warming import line_of, warmth
from tenure.landing import load_status
from tenure.landing.balance_sheet import of_ledger, text_of
from tenure.settings import Settings
from tenure.stack import running

# What is shown of each list; the plain data has all of it.
WIDTH = 100
TABLE_ROWS = 12
BALANCE_DAYS = 2
LONGEST = 32


def gather(settings: Settings) -> dict[str, Any]:
    """All of it as plain data: keys `landing` (of `load_status`), `publication`, `marts`, `models`, `dashboards` (of
    `warmth`), `processes`."""
    return {
        "landing": load_status(settings),
        **published(settings),
        "dashboards": warmth(settings),
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
        if not have >= {"publication", "mart_status"}:
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
    """The same for a terminal of 100 columns; what is long is cut short, and `--json` has all of it."""
    publication = found["publication"]
    if publication is None:
        _line(out, "nothing published yet")
    else:
        _line(
            out,
            f"published version {publication['publication_id']}, as of {publication['as_of_date']}"
            f" ({len(found['marts'])} marts)",
        )
    _landing(found["landing"], out)
    _table(
        out, "models", found["models"],
        ("model_name", "model_run_id", "as_of_date", "auc", "top_decile_lift", "calibration_error"),
    )  # fmt: skip
    if found["dashboards"] is not None:
        _line(out, f"\n{line_of(found['dashboards'])}")
    processes = ", ".join(f"{name} ({pid})" for name, pid in found["processes"].items())
    _line(out, f"running: {processes or 'nothing'}")


def _landing(landing: dict[str, Any], out: Console) -> None:
    totals = landing["totals"]
    _line(
        out,
        f"landed {totals['file_count']:,} files: {totals['row_count']:,} rows = {totals['landed_count']:,} landed + "
        f"{totals['rejected_count']:,} refused + {totals['duplicate_count']:,} duplicate",
    )
    unbalanced = [day for day in landing["balance"] if not day["is_balanced"]]
    days = sorted({day["business_date"] for day in landing["balance"] if day["business_date"]}, reverse=True)
    shown = [day for day in landing["balance"] if day["business_date"] in days[:BALANCE_DAYS] or day in unbalanced]
    _heading(out, "balance", len(landing["balance"]), len(shown), "source-days")
    for line in text_of(of_ledger(shown)):
        _line(out, line)
    if landing["balance"]:
        words = f"{len(unbalanced)} DO NOT ADD UP, marked !" if unbalanced else "all add up"
        _line(out, f" {len(landing['balance'])} source-days: {words}")
    late = {row["entity_name"]: row["row_count"] for row in landing["late"]}
    fresh = [
        {
            "entity": name,
            "covered to": row["period_to"],
            "days behind": row["days_behind"] or "",
            "files": row["file_count"],
            "rows": f"{row['row_count']:,}",
            "late rows": f"{late[name]:,}" if name in late else "",
            "last landed": f"{row['last_landed_at']:%Y-%m-%d %H:%M}",
        }
        for row in landing["freshness"]
        for name in [f"{row['source_name']}.{row['entity_name']}"]
    ]
    _table(out, "freshness", fresh, limit=None)
    rejects = [
        {
            "entity": f"{row['source_name']}.{row['entity_name']}",
            "column": row["column_name"],
            "rule": row["rule_name"],
            "rows": f"{row['reject_count']:,}",
            "message": row["message"],
        }
        for row in landing["rejects"]
    ]
    lists: dict[str, tuple[list[dict[str, Any]], Sequence[str]]] = {
        "gaps in days": (landing["gaps"], ("entity_name", "missing_from", "missing_to", "cadence")),
        "gaps in sequences": (
            landing["sequence_gaps"], ("entity_name", "business_date", "missing_from", "missing_to"),
        ),
        "late rows": (landing["late"], ("entity_name", "row_count", "first_date", "last_date", "file_count")),
        "refused files": (landing["refused_files"], ("entity_name", "file_name", "message")),
        "rejects by reason": (rejects, ()),
        "suspense": (landing["suspense"], ("entity_name", "reason", "row_count")),
    }  # fmt: skip
    for title, (rows, names) in lists.items():
        if rows:
            _table(out, title, rows, names)
    nothing = [title for title, (rows, _) in lists.items() if not rows]
    if nothing:
        _line(out, f"\nnone: {', '.join(nothing)}")
    loads = [
        {
            "load": row["load_id"],
            "file": row["file_name"],
            "status": row["status"],
            "rows": f"{row['row_count']:,}",
            "landed": f"{row['landed_count']:,}",
            "refused": f"{row['rejected_count']:,}",
            "duplicate": f"{row['duplicate_count']:,}",
            "finished": f"{row['finished_at']:%m-%d %H:%M}",
        }
        for row in landing["last_loads"]
    ]
    _table(out, "last loads", loads)


def _line(out: Console, line: str) -> None:
    out.print(line, markup=False, no_wrap=True, overflow="ellipsis", crop=True)


def _heading(out: Console, title: str, there: int, shown: int, what: str = "lines") -> None:
    more = f" ({shown} of {there} {what}; `tenure status --json` has all)" if shown < there else ""
    out.print(f"\n[bold]{title}[/bold]{more}" if there else f"\n[bold]{title}[/bold]: none")


def _table(
    out: Console, title: str, rows: list[dict[str, Any]], names: Sequence[str] = (), limit: int | None = TABLE_ROWS
) -> None:
    shown = rows[:limit]
    _heading(out, title, len(rows), len(shown))
    if not shown:
        return
    cells = {name: ["" if row[name] is None else _text(row[name]) for row in shown] for name in names or shown[0]}
    widths = {name: min(max(len(name), *map(len, texts)), LONGEST) for name, texts in cells.items()}
    if "message" in widths:
        # Words are cut short where the line is full; figures never.
        widths["message"] = WIDTH - sum(width + 2 for name, width in widths.items() if name != "message")
    lines = [{name: name.replace("_", " ") for name in cells}]
    lines += [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    for line in lines:
        parts = [
            _short(line[name], widths[name]).rjust(widths[name])
            if all(map(_is_number, texts))
            else _short(line[name], widths[name]).ljust(widths[name])
            for name, texts in cells.items()
        ]
        _line(out, "  ".join(parts).rstrip())


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _is_number(text: str) -> bool:
    return not text.strip("0123456789.,")


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
