"""Where only some lines need the slow parser, the rows are those that it would have made of the whole block."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenure.landing import delimited
from tenure.landing.batches import LINE, Batch
from tenure.landing.decoding import Block
from tenure.landing.delimited import Dialect
from tenure.landing.results import FileRefused

COLUMNS = ["a", "b", "c"]
FIRST_LINE = 7

fields = st.sampled_from(["1", "2.50", "", "x y", '"q,q"', '"2"', 'x"y', '"', '"x', '""', "-3"])
lines = st.one_of(
    st.just("1,2,3"),
    st.lists(fields, min_size=1, max_size=4).map(",".join),
    st.just(""),
)


def _slow(block: Block) -> Batch:
    rows, malformed, totals = delimited._irregular_rows(block, COLUMNS, Dialect(), COLUMNS, ["b"])
    return Batch(rows, block.line_count, malformed, totals)


def _fast(block: Block) -> Batch:
    return delimited._batch(block, COLUMNS, Dialect(), COLUMNS, ["b"])


def _content(batch: Batch) -> tuple[list[tuple[object, ...]], list[tuple[int, str, str]], Decimal | None]:
    rows = batch.rows.select(LINE, *COLUMNS).sort(LINE).rows()
    broken = sorted((item.line, item.rule, item.message) for item in batch.malformed)
    return rows, broken, None if batch.totals is None else batch.totals["b"]


@settings(max_examples=300)
@given(st.lists(lines, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_block__is_read_as_by_the_slow_parser(texts: list[str], end: str) -> None:
    block = Block("".join(text + end for text in texts).encode(), FIRST_LINE)
    try:
        expected = _content(_slow(block))
    except FileRefused as refusal:
        with pytest.raises(FileRefused) as found:
            _fast(block)
        assert str(found.value) == str(refusal)
        return
    rows, broken, total = _content(_fast(block))
    assert (rows, broken) == expected[:2]
    assert total is None or total == expected[2]


def test_open_quote__in_the_last_odd_line_is_not_closed_by_the_end() -> None:
    block = Block(b'1,2,3\n4,"5,6\n7,8,9\n1,2,3\n', FIRST_LINE)
    with pytest.raises(FileRefused, match="line 8: a quoted field runs over the line end"):
        _fast(block)


def test_most_lines_regular__odd_ones_keep_their_numbers() -> None:
    text = "".join(f"{number},{number}.5,x\n" for number in range(50)) + '50,"1,5",x\nshort\n\n51,1.5,y\n'
    found = _fast(Block(text.encode(), FIRST_LINE))
    assert found.row_count == 54
    assert found.rows.sort(LINE)[LINE].to_list() == [*range(FIRST_LINE, FIRST_LINE + 51), FIRST_LINE + 53]
    assert found.rows.filter(pl.col(LINE) == FIRST_LINE + 50).select(COLUMNS).rows() == [("50", "1,5", "x")]
    assert [(item.line, item.rule) for item in found.malformed] == [
        (FIRST_LINE + 51, "field_count"),
        (FIRST_LINE + 52, "blank_line"),
    ]
    assert found.totals == {"b": Decimal("1251.5")}
