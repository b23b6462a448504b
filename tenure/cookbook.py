"""The questions of the analyst's cookbook, read from its pages: the SQL stands there and nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = "docs/cookbook.md"
PARTS = "docs/cookbook"
_QUESTION = re.compile(r"^## (\d+)\. (.+?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_SQL = re.compile(r"^```sql\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"^\| (.+) \|\n\|(?:---\|)+$", re.MULTILINE)
_MART = re.compile(r"\bmarts\.(\w+)")


@dataclass(frozen=True)
class Question:
    """A question with its query on schema `marts`, and the columns of the answer that the page shows."""

    number: int
    title: str
    sql: str
    shown_columns: tuple[str, ...]

    @property
    def marts(self) -> tuple[str, ...]:
        """The tables that the query names, by name."""
        return tuple(sorted(set(_MART.findall(self.sql))))


def parts(root: Path) -> list[str]:
    """The texts of the pages with the questions, in the order of their numbers."""
    texts = [path.read_text(encoding="utf-8") for path in (root / PARTS).glob("*.md")]
    return sorted(texts, key=lambda text: int(_QUESTION.findall(text)[0][0]))


def questions(root: Path) -> list[Question]:
    """Every question of the cookbook in the checkout `root`, by number.

    Raises ValueError when a question has not exactly one query and one table.
    """
    found = []
    for text in parts(root):
        for number, title, body in _QUESTION.findall(text):
            (sql,) = _SQL.findall(body)
            (columns,) = _TABLE.findall(body)
            found.append(Question(int(number), title, sql, tuple(columns.split(" | "))))
    return found
