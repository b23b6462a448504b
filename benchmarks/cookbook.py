"""The cookbook's queries on summaries against the same answers from base facts, of an operator of many lines.

Base facts are single days, documents, contacts and line-months; their queries stand in `cookbook_base/`, by the number
of the question. The other questions ask lists and line-months themselves, or what no fact has. A simulated operator is
landed and built, and then made larger: every base fact is copied with the id of another line, and what summaries count
and add up is multiplied alike, because the new lines are in the same slices. Lines are what summaries do without; that
the length of the history is no matter is a test (tests/warehouse/test_cookbook_plans.py).
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.landing_warehouse import landing_warehouse
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from tenure.cookbook import Question, questions
from tenure.settings import ROOT

# Lines at the start of the operator; what is made of each.
LINES = 600
FOLD = 24
MONTHS = 14
TARGET = 1 / 50
BASE = Path(__file__).resolve().parent / "cookbook_base"
SCHEMA = "cookbook"
_MART = re.compile(r"\bmarts\.(\w+)")
# Marts of the base queries that have a row for each line, by what a copy of a line is called in.
OF_LINES = ("subscription_monthly", "fct_usage_daily", "fct_revenue", "fct_interaction")
# Columns of numbers that do not grow with the lines.
STEADY = re.compile(r"_(rate|ratio|sk|rank)$|^value_tier$")

Connection = psycopg.Connection[Any]


def cookbook() -> dict[str, Any]:
    """Seconds of all queries that have a base query, on summaries / on base facts."""
    lines, runs = rows_asked(LINES), runs_asked()
    asked = {question.number: question for question in questions(ROOT)}
    pairs = {int(path.stem): (asked[int(path.stem)], path.read_text()) for path in sorted(BASE.glob("*.sql"))}
    with landing_warehouse() as (warehouse, folder):
        warehouse.tenure("simulate", "--out", str(folder / "operator"), "--seed", "11", "--days", "5",
                         "--subscriptions", str(lines), "--months", str(MONTHS))  # fmt: skip
        warehouse.tenure("land", str(folder / "operator"))
        warehouse.tenure("build")
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            _enlarge(connection, pairs)
            seconds = [_run(connection, pairs) for _ in range(runs)]
            (used,) = connection.execute("select count(*) from cookbook.fct_usage_daily").fetchone() or (0,)
        server = warehouse.server_version()
    ratios = [sum(ours for ours, _ in run.values()) / sum(theirs for _, theirs in run.values()) for run in seconds]
    each = ", ".join(
        f"{number}: {1000 * median(run[number][0] for run in seconds):.1f} ms"
        f" against {1000 * median(run[number][1] for run in seconds):.0f} ms"
        for number in pairs
    )
    detail = (
        f"{len(pairs)} of {len(asked)} questions, whose answer base facts give too; {lines} lines at the start"
        f" x {FOLD}, {MONTHS} months, {used} rows of fct_usage_daily; medians by question: {each};"
        " answers equal in every run"
    )
    return result("cookbook", ratios, TARGET, "lower", detail, ("psycopg",), postgresql=server)


def _enlarge(connection: Connection, pairs: dict[int, tuple[Question, str]]) -> None:
    """Copies of all tables that the queries name, with their indexes, of an operator of `FOLD` times as many lines."""
    connection.execute(f"create schema {SCHEMA}")
    for name in sorted({name for question, base in pairs.values() for name in _MART.findall(question.sql + base)}):
        table = sql.Identifier(name)
        connection.execute(sql.SQL("create table {}.{} (like marts.{} including all)").format(
            sql.Identifier(SCHEMA), table, table))  # fmt: skip
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'marts' and table_name = %s order by ordinal_position",
            (name,),
        ).fetchall()
        copies, values = 1, [sql.Identifier(column) for column, _ in columns]
        if name in OF_LINES:
            copies = FOLD
            values = [
                sql.SQL("subscription_id || case when copy > 0 and subscription_id not in ('unknown', 'unallocated')"
                        " then '~' || copy else '' end") if column == "subscription_id" else sql.Identifier(column)
                for column, _ in columns
            ]  # fmt: skip
        elif name not in ("publication",) and not name.startswith("dim_"):
            values = [
                sql.SQL("{} * {}").format(sql.Identifier(column), sql.Literal(FOLD))
                if kind in ("bigint", "numeric") and not STEADY.search(column)
                else sql.Identifier(column)
                for column, kind in columns
            ]
        connection.execute(sql.SQL("insert into {}.{} select {} from marts.{}, generate_series(1, {}) as copy").format(
            sql.Identifier(SCHEMA), table, sql.SQL(", ").join(values), table, sql.Literal(copies)))  # fmt: skip
        connection.execute(sql.SQL("vacuum analyze {}.{}").format(sql.Identifier(SCHEMA), table))


def _run(connection: Connection, pairs: dict[int, tuple[Question, str]]) -> dict[int, tuple[float, float]]:
    """Seconds of each question on summaries and on base facts, one after the other.

    Raises RunDoesNotCount when an answer differs.
    """
    seconds = {}
    for number, (question, base) in pairs.items():
        ours, answer = _timed(connection, question.sql)
        theirs, expected = _timed(connection, base)
        if answer != expected:
            raise RunDoesNotCount(f"question {number} is answered {answer[:2]} and from base facts {expected[:2]}")
        seconds[number] = (ours, theirs)
    return seconds


def _timed(connection: Connection, query: str) -> tuple[float, list[tuple[Any, ...]]]:
    started = time.perf_counter()
    rows = connection.execute(query.replace("marts.", f"{SCHEMA}.").encode()).fetchall()
    return time.perf_counter() - started, rows
