"""Horrors: hand-made files of the kind that extracts really bring, each with what must land of it and what is said.

`horrors()` gives them all. They live in one folder of files of one day, so that one `land` takes them; ids begin with
the horror's name, so that none meets another's keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.landing.deliveries import csv_text, topup

GOOD = 6
"""Good rows that stand before the horrible ones: lines 2 to 7 of a CSV file."""
BAD_LINE = GOOD + 2

Reject = tuple[int, str, str, str]
"""Line, column, rule and message."""


@dataclass(frozen=True)
class Horror:
    """A file, the keys that must land of it, and the rows refused - or the reason why all of it is."""

    name: str
    content: bytes
    lands: Sequence[str] = ()
    rejects: Sequence[Reject] = ()
    refused: str = ""
    warning: str = ""
    ending: str = "csv"
    entity: str = "usage.topup"
    manifest: Mapping[str, Any] | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    """Column and value of the last landed row, as the database gives it."""


def ids(name: str, count: int = GOOD) -> list[str]:
    """Keys of the good rows of a horror."""
    return [f"{name}-{number}" for number in range(1, count + 1)]


def good(name: str, count: int = GOOD) -> list[dict[str, str]]:
    """Good top-ups of a horror."""
    return [topup(number, topup_id=key) for number, key in enumerate(ids(name, count), start=1)]


def text(name: str, *more: dict[str, str]) -> str:
    """A CSV file of good top-ups, and then more of them: `more` are changes of the rows that follow."""
    rows = [topup(50 + n, topup_id=f"{name}-bad{n}") | change for n, change in enumerate(more)]
    return csv_text([*good(name), *rows])


def broken(name: str, column: str, value: str, rule: str, message: str) -> Horror:
    """One top-up with a value that must be refused with exactly this said."""
    return Horror(name, text(name, {column: value}).encode(), ids(name), [(BAD_LINE, column, rule, message)])


def kept(name: str, column: str, value: str, landed: object = None) -> Horror:
    """One top-up with a value that looks wrong and must land as it is (or as `landed`)."""
    key = value if column == "topup_id" else f"{name}-bad0"
    expected = value if landed is None else landed
    return Horror(name, text(name, {column: value}).encode(), [*ids(name), key], values={column: expected})


def refused(name: str, content: bytes | str, message: str, ending: str = "csv", **more: Any) -> Horror:
    """A file of which nothing lands."""
    return Horror(
        name, content.encode() if isinstance(content, str) else content, refused=message, ending=ending, **more
    )


def horrors() -> Iterator[Horror]:
    """All of them."""
    from tests.landing import horrors_files, horrors_lines, horrors_structured, horrors_values

    for module in (horrors_files, horrors_lines, horrors_values, horrors_structured):
        yield from module.horrors()
