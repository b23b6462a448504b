"""Horrors of lines: quotes, delimiters and what other programs write between the rows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.landing.horrors import BAD_LINE, Horror, Reject, ids, kept, refused, text

FIELDS = "it has {} fields instead of 6: quote fields that hold the delimiter"
BLANK = (BAD_LINE, "", "blank_line", "the line is blank: leave it out")


def _line(name: str, line: str, *rejects: Reject) -> Horror:
    return Horror(name, (text(name) + line).encode(), ids(name), rejects)


def _fields(count: int, line: int = BAD_LINE) -> Reject:
    return (line, "", "field_count", FIELDS.format(count))


def horrors() -> Iterator[Horror]:
    """Each of another kind."""
    yield from _ragged()
    yield from _quoted()


def _ragged() -> Iterator[Horror]:
    yield _line("too_few_fields", "few-1,13900000001\n", _fields(2))
    yield _line("too_many_fields", "many-1,13900000001,2026-01-10T01:01:00Z,5.00,CNY,app,more\n", _fields(7))
    yield _line("unquoted_thousands", "thousands-1,13900000001,2026-01-10T01:01:00Z,1,234.56,CNY,app\n", _fields(7))
    yield _line("blank_last_line", "\n", BLANK)
    name = "blank_line_between"
    lines = text(name).splitlines(keepends=True)
    yield Horror(name, "".join([*lines[:3], "\n", *lines[3:]]).encode(), ids(name), [(4, *BLANK[1:])])
    yield _line("spaces_only", "   \n", _fields(1))
    # What ends a COPY of Postgres before its time is a line like any other here.
    name = "end_of_copy"
    lines = text(name).splitlines(keepends=True)
    yield Horror(name, "".join([*lines[:4], "\\.\n", *lines[4:]]).encode(), ids(name), [_fields(1, 5)])
    yield _line("comment", "# exported by billing, page 1\n", _fields(2))
    yield _line("footer_of_a_query", "\n6 rows selected.\n", BLANK, _fields(1, BAD_LINE + 1))
    name = "delimiter_at_every_end"
    header, *rows = text(name).splitlines()
    yield refused(
        name, "\n".join([header, *(f"{row}," for row in rows)]) + "\n",
        f"6 of 6 rows are refused, more than 10%; the first: line 2: {FIELDS.format(7)}",
    )  # fmt: skip
    yield refused(
        "line_of_more_than_1_mib", text("x", {"channel_type": "x" * (1 << 20)}), "it has a line of more than 1 MiB"
    )
    name = "field_of_900_kib"
    yield Horror(
        name, text(name, {"channel_type": "x" * (900 << 10)}).encode(), ids(name),
        [(BAD_LINE, "channel_type", "max_length", "it is longer than 60 characters")],
    )  # fmt: skip


def _quoted() -> Iterator[Horror]:
    over = "a quoted field runs over the line end (a stray quote?); "
    yield refused(
        "quote_never_closed", text("x", {"channel_type": "@"}, {}).replace("@", '"app'),
        f"line 8: {over}8 lines would become 7 rows",
    )  # fmt: skip
    # Two stray quotes that fit swallow the rows between them: a count of lines made without the parser tells.
    swallowed = text("x", {"channel_type": "@"}, {}, {"channel_type": "@"}).replace("@", '"app', 1).replace("@", 'app"')
    yield refused("two_stray_quotes", swallowed, f"line 8: {over}9 lines would become 7 rows")
    yield refused(
        "line_end_in_a_field", text("x", {"channel_type": "hall\nnorth"}),
        f"line 8: {over}8 lines would become 7 rows",
    )  # fmt: skip
    yield kept("delimiter_in_quotes", "channel_type", "hall, north")
    yield kept("quote_in_quotes", "channel_type", 'the "big" hall')
    yield kept("lone_quote_in_a_field", "channel_type", '6" hall')
    name = "quote_inside_unquoted"
    yield Horror(
        name, text(name, {"channel_type": "@"}).replace("@", '6" hall').encode(), [*ids(name), f"{name}-bad0"],
        values={"channel_type": '6" hall'},
    )  # fmt: skip
    name = "every_field_quoted"
    header, *rows = text(name).splitlines()
    quoted = ['"' + row.replace(",", '","') + '"' for row in rows]
    yield Horror(name, ("\n".join([header, *quoted]) + "\n").encode(), ids(name))
    name = "quoted_nothing"
    yield Horror(
        name, text(name, {"channel_type": "@"}).replace("@", '""').encode(), [*ids(name), f"{name}-bad0"],
        values={"channel_type": None},
    )  # fmt: skip
    name = "quoted_line_end_of_copy"
    yield kept(name, "channel_type", "\\.")
    name = "text_after_closing_quote"
    yield Horror(
        name, text(name, {"channel_type": "@"}).replace("@", '"hall" north').encode(), [*ids(name), f"{name}-bad0"],
        values={"channel_type": "hall north"},
    )  # fmt: skip
