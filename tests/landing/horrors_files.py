"""Horrors of whole files: cut, packed, encoded or headed wrongly."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator

import pyarrow as pa

from tests.landing.deliveries import csv_text
from tests.landing.horrors import GOOD, Horror, good, ids, refused, text

HEADER = "topup_id,msisdn,topped_up_at,amount,currency_code,channel_type"
NO_END = "its last line has no line end, so it may be cut off"
SPACED = " (names must match exactly, without spaces)"
UNKNOWN = f"columns is one of {HEADER.replace(',', ', ')}"


def _zip(content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("topup.csv", content)
    return packed.getvalue()


def _zstd(content: str) -> bytes:
    return bytes(pa.compress(content.encode(), codec="zstd", asbytes=True))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def horrors() -> Iterator[Horror]:
    """Each of another kind."""
    yield from _bytes()
    yield from _packed()
    yield from _encoded()
    yield from _headed()


def _bytes() -> Iterator[Horror]:
    yield refused("empty", b"", "it is empty")
    yield refused("only_a_line_end", "\n", "its first line is blank: a header is expected")
    yield refused("blank_first_line", "\n" + text("blank_first_line"), "its first line is blank: a header is expected")
    yield Horror("header_only", (HEADER + "\n").encode())
    cut = text("cut_in_amount")
    yield refused("cut_in_amount", cut[: cut.rindex(".50") + 2], NO_END)
    cut_row = text("cut_in_a_character").encode()
    yield refused("cut_in_a_character", cut_row[: cut_row.rindex("厅".encode()) + 1], NO_END)
    whole = text("cut_at_a_line_end").splitlines(keepends=True)
    yield refused(
        "cut_at_a_line_end", "".join(whole[:-2]), "its manifest says 6 rows, the file has 4", manifest={"rows": 6}
    )
    yield refused(
        "other_amount", text("other_amount"), "its manifest says amount adds up to 84.01, the file to 84",
        manifest={"control_totals": {"amount": "84.01"}},
    )  # fmt: skip
    yield Horror("crlf", text("crlf").replace("\n", "\r\n").encode(), ids("crlf"))
    yield Horror("old_mac", text("old_mac").replace("\n", "\r").encode(), ids("old_mac"))
    yield refused("mixed_line_ends", text("mixed_line_ends").replace("\n", "\r", 3), "line 1: its line ends are mixed")
    yield refused(
        "return_in_a_field", text("return_in_a_field", {"channel_type": "sh\rop"}), "line 8: its line ends are mixed"
    )
    yield refused("nul_in_header", text("nul_in_header").replace("amount", "am\0unt", 1), "it is binary, not text")


def _packed() -> Iterator[Horror]:
    yield refused("gzip_called_csv", gzip.compress(text("x").encode()), "it is gzip data, not text")
    yield refused("zstd_called_csv", _zstd(text("x")), "it is zstd data, not text")
    yield refused("zip_called_csv", _zip(text("x")), "it is a zip or Excel file, not text")
    yield refused("pdf_called_csv", b"%PDF-1.7\n" + text("x").encode(), "it is a PDF, not text")
    yield refused("parquet_called_csv", b"PAR1" + b"\n" * 20, "it is a Parquet file, not text")
    yield refused("csv_called_gzip", text("x"), "its gzip data is damaged", "csv.gz")
    yield refused("csv_called_zstd", text("x"), "its zstd data is damaged", "csv.zst")
    yield refused("csv_called_parquet", text("x"), "it is not a Parquet file, or is cut off", "parquet")
    yield refused("cut_gzip", gzip.compress(text("x").encode())[:-9], "its gzip data is truncated", "csv.gz")
    yield refused("cut_zstd", _zstd(text("x"))[:-3], "its zstd data is truncated", "csv.zst")
    packed = gzip.compress(text("x").encode(), mtime=0)
    yield refused("wrong_gzip_sum", _flipped(packed, len(packed) - 6), "its gzip data is damaged", "csv.gz")
    yield refused("zip_in_gzip", gzip.compress(_zip(text("x"))), "it is a zip or Excel file, not text", "csv.gz")
    yield refused("more_after_zstd", _zstd(text("x")) + b"rest", "its zstd data is damaged", "csv.zst")
    parts = text("two_gzip_members").encode()
    yield Horror(
        "two_gzip_members", gzip.compress(parts[:100]) + gzip.compress(parts[100:]), ids("two_gzip_members"),
        ending="csv.gz",
    )  # fmt: skip


def _encoded() -> Iterator[Horror]:
    yield Horror("byte_order_mark", b"\xef\xbb\xbf" + text("byte_order_mark").encode(), ids("byte_order_mark"))
    utf16 = "deliver UTF-8 or GB18030"
    yield refused("utf16", text("x").encode("utf-16"), f"it is UTF-16: {utf16}")
    yield refused("utf16_without_mark", text("x").encode("utf-16-le"), "it is binary, not text")
    advice = "bytes that are not UTF-8; if it is GB18030, declare that"
    yield refused("gb18030_undeclared", text("x").encode("gb18030"), f"line 2: {advice}")
    yield Horror("gb18030", text("gb18030").encode("gb18030"), ids("gb18030"), manifest={"encoding": "GB18030"})
    yield refused(
        "utf8_declared_gb18030", text("x"), "it is declared GB18030 but is UTF-8", manifest={"encoding": "gbk"}
    )
    yield refused(
        "broken_gb18030", text("x", {"channel_type": "@"}).encode("gb18030").replace(b"@", b"\x80"),
        "line 8: bytes that are not GB18030", manifest={"encoding": "gb18030"},
    )  # fmt: skip
    yield refused(
        "latin1", text("x", {"channel_type": "café"}).replace("营业厅", "hall").encode("latin-1"), f"line 8: {advice}"
    )
    yield refused(
        "overlong_utf8", text("x", {"channel_type": "@"}).encode().replace(b"@", b"\xc0\x80"), f"line 8: {advice}"
    )
    yield refused(
        "surrogates_in_utf8", text("x", {"channel_type": "@"}).encode().replace(b"@", b"\xed\xa0\xbd\xed\xb8\x80"),
        f"line 8: {advice}",
    )  # fmt: skip
    yield refused(
        "unknown_encoding", text("x"), "encoding 'latin-1' is not known: use utf-8 or gb18030",
        manifest={"encoding": "latin-1"},
    )  # fmt: skip


def _headed() -> Iterator[Horror]:
    columns = HEADER.split(",")
    name = "columns_in_another_order"
    yield Horror(name, csv_text(good(name), columns[::-1]).encode(), ids(name))
    name = "quoted_header"
    quoted = ",".join(f'"{column}"' for column in columns)
    yield Horror(name, text(name).replace(HEADER, quoted).encode(), ids(name))
    name = "unknown_column"
    evil = '"; drop table ops.load; --'
    yield Horror(
        name, csv_text([{**row, evil: "x", "shop": "y"} for row in good(name)]).encode(), ids(name),
        warning='ignored columns that are not in the contract: "; xxxx xxxxx xxx.xxxx; --, shop',
    )  # fmt: skip
    twice = "its header names a column twice"
    yield refused("column_twice", text("x").replace("channel_type", "amount", 1), twice)
    yield refused("column_twice_in_another_case", text("x").replace("channel_type", "Amount", 1), twice)
    yield refused("column_twice_with_a_space", text("x").replace("channel_type", " amount", 1), twice)
    yield refused(
        "header_with_spaces", text("x").replace(",amount,", ", amount ,", 1), f"column amount is missing{SPACED}"
    )
    yield refused(
        "header_in_capitals",
        text("x").replace(HEADER, HEADER.upper()),
        f"its header is unknown: none of its 6 {UNKNOWN}",
    )
    yield refused("one_name_in_capitals", text("x").replace("amount", "AMOUNT", 1), f"column amount is missing{SPACED}")
    yield refused("missing_column", csv_text(good("x"), columns[:3] + columns[4:]), "column amount is missing")
    yield refused("missing_optional_column", csv_text(good("x"), columns[:-1]), "column channel_type is missing")
    yield refused(
        "column_without_name", text("x").replace(HEADER, HEADER + ",,"), "its header has columns without a name"
    )
    yield refused("no_header", text("x").split("\n", 1)[1], f"its header is unknown: none of its 6 {UNKNOWN}")
    yield refused("other_delimiter", text("x").replace(",", ";"), f"its header is unknown: none of its 1 {UNKNOWN}")
    yield refused("open_quote_in_header", text("x").replace("msisdn", '"msisdn', 1), "line 1: a quote is never closed")
    wide = ",".join(f"c{number}" for number in range(2001))
    yield refused("too_many_columns", f"{wide}\n", "its header has more than 2000 columns")
    name = "two_header_lines"
    yield Horror(
        name, text(name).replace(HEADER, f"{HEADER}\n{HEADER}").encode(), ids(name),
        [
            (2, "amount", "type", "it is no plain decimal number: write digits and a point"),
            (2, "currency_code", "max_length", "it is longer than 3 characters"),
            (2, "currency_code", "pattern", "it does not look like [A-Z]{3}"),
            (2, "topped_up_at", "type", "it is no instant: write YYYY-MM-DDTHH:MM:SS with the zone offset"),
        ],
    )  # fmt: skip
    yield refused(
        "title_above_header", "Top-ups of January" + "\n" + text("x"), f"its header is unknown: none of its 1 {UNKNOWN}"
    )
    assert GOOD == 6
