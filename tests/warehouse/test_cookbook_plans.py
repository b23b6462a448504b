"""The cookbook's queries read summaries or named months, also when the history is sixteen times as long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenure.cookbook import Question, questions
from tenure.settings import ROOT
from tenure.transform import Mart
from tests.conftest import BuiltWarehouse
from tests.warehouse.long_history import MOST_ROWS, LongHistory, long_history, rows_read

# Its question is about every campaign there was, so that its answer grows with the history.
ABOUT_ALL_TIME = (17,)
QUESTIONS = questions(ROOT)


@pytest.fixture(scope="module")
def history(built_warehouse: BuiltWarehouse) -> Iterator[LongHistory]:
    names = {mart for question in QUESTIONS for mart in question.marts}
    with long_history(built_warehouse.settings, names) as long:
        yield long


def _is_of_lines(mart: Mart | None) -> bool:
    """Whether a mart has a row for each line, account or customer in each month, or is a fact."""
    if mart is None:
        return False
    by_line = any(f"{entity}_id" in mart.grain for entity in ("subscription", "account", "customer"))
    return mart.name.startswith("fct_") or (by_line and mart.partition_column is not None)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.number))
def test_question_reads_little_of_a_long_history(history: LongHistory, question: Question) -> None:
    scans = history.scans(question.sql)
    assert scans
    assert rows_read(scans) <= MOST_ROWS
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
    assert history.rows(question.sql, "history") == history.rows(question.sql, "marts")


def test_a_query_over_all_lines_and_months_would_be_found(history: LongHistory) -> None:
    """The rules can fail: this one reads everything."""
    (scan,) = history.scans("select count(*) filter (where is_closing) from marts.subscription_monthly")
    assert scan["Node Type"] == "Seq Scan" and _is_of_lines(history.marts["subscription_monthly"])
    assert rows_read(history.scans("select sum(numerator) from marts.kpi_monthly")) > MOST_ROWS
