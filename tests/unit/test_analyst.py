"""`tenure sql`: the analyst's one query, and its CSV, which no spreadsheet may run."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenure.analyst import query, to_csv
from tenure.errors import TenureError
from tenure.settings import Settings

DANGEROUS = "=+-@\t\r\n＝＋－＠"


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "value",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "  =1+1",
        '"=1+1"',
        '=HYPERLINK("http://x.example";"y")',
    ],
)
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(value: str) -> None:
    assert cells(to_csv(["a"], [(value,)])) == [["a"], ["'" + value]]


@pytest.mark.parametrize("value", ["plain", "a=b", "北京", "", "1-2", 'with "quotes", and commas', "two\nlines"])
def test_harmless_text_is_left_as_it_is(value: str) -> None:
    assert cells(to_csv(["a", "b"], [(value, "x")])) == [["a", "b"], [value, "x"]]


def test_numbers_stay_numbers_and_a_missing_value_is_empty() -> None:
    row = (-5, Decimal("-1.50"), None, True)
    assert cells(to_csv(["a", "b", "c", "d"], [row])) == [["a", "b", "c", "d"], ["-5", "-1.50", "", "True"]]


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00")))
def test_no_text_at_all_begins_as_a_formula(value: str) -> None:
    (_, row) = cells(to_csv(["a", "b"], [(value, "x")]))
    shown = row[0].lstrip(' "')
    assert not shown.startswith(tuple(DANGEROUS))
    assert row[0].removeprefix("'") == value.removeprefix("'")


def test_a_query_gives_columns_and_rows(settings: Settings) -> None:
    assert query(settings, "select 1 as one, 'zwei' as two union all select 2, null order by one") == (
        ["one", "two"],
        [(1, "zwei"), (2, None)],
    )


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("selec 1", "syntax error"),
        ("select * from marts.no_such_mart", "does not exist"),
        ("create table marts.mine (a int)", "(read-only transaction|permission denied)"),
        ("select * from raw_crm.customer", "permission denied"),
        ("select 1/0", "division by zero"),
    ],
)
def test_a_refused_query_is_one_line_with_the_servers_reason(settings: Settings, statement: str, reason: str) -> None:
    with pytest.raises(TenureError, match=reason) as refused:
        query(settings, statement)
    assert "\n" not in str(refused.value)
