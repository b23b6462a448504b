"""Blocks of text: cut at line ends, decoded strictly, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.landing import decoding
from tenure.landing.decoding import text_blocks
from tenure.landing.masking import mask, safe_name
from tenure.landing.results import FileRefused

NOWHERE = Path("nowhere")


def _blocks(content: bytes, encoding: str = "utf-8") -> list[tuple[bytes, int]]:
    return [(block.text, block.first_line) for block in text_blocks(NOWHERE, content, "", encoding)]


def test_blocks__are_whole_lines_with_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 10)
    content = "".join(f"第{n}行\n" for n in range(50)).encode()
    blocks = _blocks(content)
    assert b"".join(text for text, _ in blocks) == content
    line = 1
    for text, first in blocks:
        assert first == line
        line += text.count(b"\n")
    assert len(blocks) > 10


def test_gb18030__is_cut_between_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 7)
    text = "丂丄丅,𠀀𠀁,é\n" * 20
    assert b"".join(part for part, _ in _blocks(text.encode("gb18030"), "GBK")).decode() == text


@pytest.mark.parametrize(
    ("content", "encoding", "reason"),
    [
        (b"a\nb\xff\n", "utf-8", "line 2: bytes that are not UTF-8"),
        ("名\n中文\n".encode(), "gb18030", "declared GB18030 but is UTF-8"),
        ("名字,中文\n".encode(), "gb18030", "declared GB18030 but is UTF-8"),
        (b"a\n\x80\n", "gb18030", "line 2: bytes that are not GB18030"),
        (b"a\nb\rc\n", "utf-8", "line 2: its line ends are mixed"),
        (b"a\x00b\n1\n", "utf-8", "it is binary"),
        (b"a", "utf-8", "its last line has no line end"),
        (b"", "utf-8", "it is empty"),
        (b"a\n", "latin-1", "encoding 'latin-1' is not known"),
    ],
)
def test_text__that_cannot_be_trusted_is_refused(content: bytes, encoding: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        _blocks(content, encoding)


@pytest.mark.parametrize(
    ("text", "shape"),
    [("13800138000", "99999999999"), ("王小明", "文文文"), ("a-1 é", "x-9 x"), ("\x00\n", "??"), (None, "")],
)
def test_mask__shows_the_shape_only(text: str | None, shape: str) -> None:
    assert mask(text) == shape


def test_mask__cuts_long_texts() -> None:
    assert mask("x" * 1000) == "x" * 40 + "…"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("net_amount", "net_amount"),
        ("line 2", "line 2"),
        ("13800138000", "99999999999"),
        ("王小明", "文文文"),
        ("usage_event_20260110.csv.gz", "usage_event_20260110.csv.gz"),
    ],
)
def test_safe_name__masks_what_could_be_data(name: str, shown: str) -> None:
    assert safe_name(name) == shown
