"""How the answers of the cookbook are asked for, and how a figure is rounded by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg

from tenure.cookbook import Question, questions
from tenure.settings import ROOT
from tests.oracle.operator import Operator, months_later

QUESTIONS: dict[int, Question] = {question.number: question for question in questions(ROOT)}


def last_full(operator: Operator) -> date:
    """The month before that of the as-of date."""
    return months_later(operator.as_of.replace(day=1), -1)


def full_months(operator: Operator, count: int) -> list[date]:
    """The last delivered full months, at most so many."""
    known = operator.months()
    return [
        month for back in range(count, 0, -1) if (month := months_later(operator.as_of.replace(day=1), -back)) in known
    ]


def share(part: Any, whole: Any, digits: int = 4) -> Decimal | None:
    """part / whole, half away from zero; None where there is nothing to divide by."""
    if not whole or part is None:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def assert_answer(marts: psycopg.Connection[Any], number: int, expected: Iterable[tuple[Any, ...]]) -> None:
    """The query of the page answers exactly these rows, in whatever order. Numbers are compared by value."""
    found = Counter(tuple(row) for row in marts.execute(QUESTIONS[number].sql).fetchall())
    wanted = Counter(tuple(row) for row in expected)
    more, less = list((found - wanted).elements()), list((wanted - found).elements())
    assert not more and not less, (QUESTIONS[number].title, "only in the answer", more[:5], "only counted", less[:5])
