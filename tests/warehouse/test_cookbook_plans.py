"""The cookbook's queries read summaries or named months, also when the history is sixteen times as long.

The published marts are copied with their indexes into a schema that is taken back, fifteen more times with all dates
moved back by the length of the history. What PostgreSQL then reads is counted, not timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tenure.cookbook import Question, questions
from tenure.settings import ROOT
from tenure.transform import Mart, marts
from tests.conftest import BuiltWarehouse

FOLD = 16
# "At most a few hundred thousand rows": what all scans of a query may read together.
MOST_ROWS = 300_000
# Has no months in its grain, and yet a row for everything that ever was.
GROWING = ("campaign_effect",)
# Its question is about every campaign there was, so that its answer grows with the history.
ABOUT_ALL_TIME = (17,)
QUESTIONS = questions(ROOT)


@dataclass(frozen=True)
class LongHistory:
    """A connection on which schema `history` has the marts of the cookbook at sixteen-fold history."""

    connection: psycopg.Connection[Any]
    marts: dict[str, Mart]

    def rows(self, question: Question, schema: str) -> list[tuple[Any, ...]]:
        """The answer from one of the schemas."""
        return self.connection.execute(_on(question, schema)).fetchall()

    def scans(self, question: Question) -> list[dict[str, Any]]:
        """Every node of the executed plan that reads a table."""
        statement = f"explain (analyze, timing off, format json) {_on(question, 'history')}"
        plan = self.connection.execute(statement).fetchone()[0][0]["Plan"]
        return [node for node in _nodes(plan) if "Relation Name" in node or node["Node Type"] == "Bitmap Heap Scan"]


def _on(question: Question, schema: str) -> str:
    return question.sql.replace("marts.", f"{schema}.")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@pytest.fixture(scope="module")
def history(built_warehouse: BuiltWarehouse) -> Iterator[LongHistory]:
    settings = built_warehouse.settings
    known = {mart.name: mart for mart in marts(settings)}
    with psycopg.connect(settings.url("owner")) as connection:
        connection.execute("create schema history")
        (months,) = connection.execute("select count(distinct month) from marts.base_movement_monthly").fetchone()
        for name in sorted({mart for question in QUESTIONS for mart in question.marts}):
            grows = name in GROWING or (name in known and known[name].partition_column is not None)
            _copy(connection, name, months, FOLD if grows else 1)
        yield LongHistory(connection, known)
        connection.rollback()


def _copy(connection: psycopg.Connection[Any], name: str, months: int, fold: int) -> None:
    columns = connection.execute(
        "select column_name, data_type from information_schema.columns"
        " where table_schema = 'marts' and table_name = %s order by ordinal_position",
        (name,),
    ).fetchall()
    moved = sql.SQL("({column} - copy * interval '{months} months')::date")
    values = [
        moved.format(column=sql.Identifier(column), months=sql.SQL(str(months)))
        if kind == "date" and fold > 1
        else sql.Identifier(column)
        for column, kind in columns
    ]
    table = sql.Identifier(name)
    connection.execute(sql.SQL("create table history.{} (like marts.{} including all)").format(table, table))
    connection.execute(
        sql.SQL("insert into history.{} select {} from marts.{}, generate_series(0, {}) as copy").format(
            table, sql.SQL(", ").join(values), table, sql.Literal(fold - 1)
        )
    )
    connection.execute(sql.SQL("analyze history.{}").format(table))


def _rows_read(scan: dict[str, Any]) -> float:
    return float(
        (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0) + scan.get("Rows Removed by Index Recheck", 0))
        * scan["Actual Loops"]
    )


def _is_of_lines(mart: Mart | None) -> bool:
    """Whether a mart has a row for each line, account or customer in each month, or is a fact."""
    if mart is None:
        return False
    by_line = any(f"{entity}_id" in mart.grain for entity in ("subscription", "account", "customer"))
    return mart.name.startswith("fct_") or (by_line and mart.partition_column is not None)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.number))
def test_question_reads_little_of_a_long_history(history: LongHistory, question: Question) -> None:
    scans = history.scans(question)
    assert scans
    assert sum(_rows_read(scan) for scan in scans) <= MOST_ROWS
    whole = {
        scan["Relation Name"]
        for scan in scans
        if scan["Node Type"] == "Seq Scan" and _is_of_lines(history.marts.get(scan["Relation Name"]))
    }
    assert whole == set()


@pytest.mark.parametrize(
    "question",
    [question for question in QUESTIONS if question.number not in ABOUT_ALL_TIME],
    ids=lambda question: str(question.number),
)
def test_answer_does_not_depend_on_how_long_the_history_is(history: LongHistory, question: Question) -> None:
    assert history.rows(question, "history") == history.rows(question, "marts")


def test_a_query_over_all_lines_and_months_would_be_found(history: LongHistory) -> None:
    """The rules can fail: this one reads everything."""
    careless = Question(0, "", "select count(*) filter (where is_closing) from marts.subscription_monthly", ())
    (scan,) = history.scans(careless)
    assert scan["Node Type"] == "Seq Scan" and _is_of_lines(history.marts["subscription_monthly"])
    careless = Question(0, "", "select sum(numerator) from marts.kpi_monthly where kpi_code = 'churn_rate'", ())
    assert sum(_rows_read(scan) for scan in history.scans(careless)) > MOST_ROWS
