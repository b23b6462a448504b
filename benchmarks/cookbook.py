"""The cookbook's queries on summaries against the same answers from base facts, of an operator of many lines.

Base facts are single days, documents, contacts and line-months, and the delivered states of leads, opportunities and
offers; their queries stand in `cookbook_base/`, by the number of the question. A question without one asks lines or a
list themselves (4, 16, 25), or sums of which each has facts of its own (13: fourteen levers): it is timed alone. A
simulated operator is landed and built, and then made larger: every base fact is copied under the id of another line,
account, campaign or offer, and what summaries count and add up is multiplied alike, because the new ones are in the
same slices. Lines are what summaries do without; that the length of the history is no matter is a test
(tests/warehouse/test_cookbook_plans.py).
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
_RELATION = re.compile(r"\b(marts|intermediate|staging|reference)\.(\w+)")
# Relations with a row for each line, account, customer, campaign, opportunity or offer: these are copied.
COPIED = frozenset((
    "subscription_monthly", "fct_usage_daily", "fct_revenue", "fct_interaction", "fct_ticket", "fct_subscription_event",
    "fct_porting", "fct_loyalty_point", "fct_campaign_contact", "campaign_effect", "dim_campaign",
    "dim_customer", "dim_account", "dim_subscription", "lost_customer", "churn_watchlist", "vip_care_queue",
    "receivable_monthly", "customer_profit_monthly", "opportunity_pipeline", "rival_line_expiry",
    "int_receivable_entry", "int_receivable_charge", "int_account_credit_use", "int_subscription_cost",
    "int_subscription_lifetime", "int_campaign_outcome", "int_campaign_contact_value", "int_new_service_month",
    "stg_marketing__lead", "stg_enterprise__opportunity", "stg_enterprise__group_member", "stg_market__porting",
    "stg_market__rival_offer", "stg_market__rival_campaign",
))  # fmt: skip
# What a copy is called anew in, wherever it stands. An invoice is looked for within its account.
KEYS = frozenset((
    "subscription_id", "customer_id", "account_id", "campaign_id", "campaign_contact_id", "lead_id", "opportunity_id",
    "group_member_id", "rival_offer_id", "rival_campaign_id",
))  # fmt: skip
# Says of a row that it belongs to nobody: so do its copies.
NOBODY = ("unknown", "unallocated")
# The network and what describes the rest do not grow with the lines, nor do these columns of numbers.
STEADY_RELATION = re.compile(r"^(dim_\w+|publication|stg_network__\w+)$")
STEADY = re.compile(
    r"_(rate|ratio|sk|rank|day_count)$|^(value_tier|point_value_amount|outage_minutes|months_since_base)$"
)
# What is rounded once for many lines is not the sum of what would be rounded for few.
ROUNDED = {
    "liability_amount": "round({fold} * closing_points * point_value_amount * (1 - coalesce(breakage_rate, 0)), 2)"
}

Connection = psycopg.Connection[Any]


def cookbook() -> dict[str, Any]:
    """Seconds of all queries that have a base query, on summaries / on base facts."""
    lines, runs = rows_asked(LINES), runs_asked()
    asked = {question.number: question for question in questions(ROOT)}
    bases = {int(path.stem): path.read_text() for path in sorted(BASE.glob("*.sql"))}
    with landing_warehouse() as (warehouse, folder):
        warehouse.build_operator(folder, lines, MONTHS)
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            _enlarge(connection, [*(question.sql for question in asked.values()), *bases.values()])
            seconds = [_run(connection, asked, bases) for _ in range(runs)]
            (used,) = connection.execute("select count(*) from cookbook.fct_usage_daily").fetchone() or (0,)
        server = warehouse.server_version()
    ratios = [
        sum(run[number][0] for number in bases) / sum(theirs for _, theirs in run.values() if theirs is not None)
        for run in seconds
    ]
    ours = {number: 1000 * median(run[number][0] for run in seconds) for number in asked}
    each = ", ".join(
        f"{number}: {ours[number]:.1f} ms against {1000 * median(run[number][1] or 0 for run in seconds):.0f} ms"
        for number in bases
    )
    alone = ", ".join(f"{number}: {ours[number]:.1f} ms" for number in asked if number not in bases)
    detail = (
        f"{len(bases)} of {len(asked)} questions, whose answer base facts give too; {lines} lines at the start"
        f" x {FOLD}, {MONTHS} months, {used} rows of fct_usage_daily; medians by question: {each};"
        f" answers equal in every run; the others read lines or lists themselves, or sums of many facts: {alone}"
    )
    return result("cookbook", ratios, TARGET, "lower", detail, ("psycopg",), postgresql=server)


def _enlarge(connection: Connection, queries: list[str]) -> None:
    """Copies of all relations that the queries name, with their indexes, of an operator of `FOLD` times as many lines.

    Views of the staging schema become tables, which is to the advantage of base facts.
    """
    connection.execute(f"create schema {SCHEMA}")
    for schema, name in sorted({relation for query in queries for relation in _RELATION.findall(query)}):
        source, copy = sql.Identifier(schema, name), sql.Identifier(SCHEMA, name)
        connection.execute(sql.SQL("create table {} (like {} including all)").format(copy, source))
        columns = connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = %s and table_name = %s order by ordinal_position",
            (schema, name),
        ).fetchall()
        is_steady = schema == "reference" or STEADY_RELATION.match(name)
        if name in COPIED:
            copies, values = FOLD, [_renamed(column) for column, _ in columns]
        elif is_steady:
            copies, values = 1, [sql.Identifier(column) for column, _ in columns]
        else:
            copies, values = 1, [_multiplied(column, kind) for column, kind in columns]
        connection.execute(sql.SQL("insert into {} select {} from {}, generate_series(1, {}) as copy").format(
            copy, sql.SQL(", ").join(values), source, sql.Literal(copies)))  # fmt: skip
        connection.execute(sql.SQL("vacuum analyze {}").format(copy))


def _renamed(column: str) -> sql.Composable:
    if column not in KEYS:
        return sql.Identifier(column)
    nobody = sql.SQL(", ").join(map(sql.Literal, NOBODY))
    return sql.SQL("case when {column} in ({nobody}) then {column} else {column} || '~' || copy end").format(
        column=sql.Identifier(column), nobody=nobody
    )


def _multiplied(column: str, kind: str) -> sql.Composable:
    if column in ROUNDED:
        return sql.SQL(ROUNDED[column].format(fold=FOLD))
    if kind in ("bigint", "integer", "numeric") and not STEADY.search(column):
        return sql.SQL("{} * {}").format(sql.Identifier(column), sql.Literal(FOLD))
    return sql.Identifier(column)


def _run(
    connection: Connection, asked: dict[int, Question], bases: dict[int, str]
) -> dict[int, tuple[float, float | None]]:
    """Seconds of each question on summaries and, where there is such a query, on base facts, one after the other.

    Raises RunDoesNotCount when an answer differs.
    """
    seconds: dict[int, tuple[float, float | None]] = {}
    for number, question in asked.items():
        ours, answer = _timed(connection, question.sql)
        theirs = None
        if number in bases:
            theirs, expected = _timed(connection, bases[number])
            if answer != expected:
                raise RunDoesNotCount(f"question {number} is answered {answer[:2]} and from base facts {expected[:2]}")
        seconds[number] = (ours, theirs)
    return seconds


def _timed(connection: Connection, query: str) -> tuple[float, list[tuple[Any, ...]]]:
    started = time.perf_counter()
    rows = connection.execute(_RELATION.sub(rf"{SCHEMA}.\2", query).encode()).fetchall()
    return time.perf_counter() - started, rows
