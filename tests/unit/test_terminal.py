"""Tables as commands print them into a pipe: a row is a line, whatever its width, and no column is lost."""

from __future__ import annotations

import pytest

from tenure.terminal import print_rows


def test_rows__are_lines_of_a_pipe_and_columns_may_share_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [f"a_column_with_a_long_name_{n}" for n in range(30)] + ["same", "same"]
    rows = [[f"[bold]{row}-{n}" for n in range(32)] for row in range(3)]
    print_rows(columns, rows)
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == columns
    assert [line.split() for line in lines] == rows


def test_no_rows__are_said_to_be_none(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(["a"], [])
    assert capsys.readouterr().out == "no rows\n"
