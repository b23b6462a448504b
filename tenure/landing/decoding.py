"""From a delivered text file to blocks of whole lines in UTF-8, decoded strictly and counted without any parser."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tenure.landing.masking import safe_name
from tenure.landing.results import FileRefused

BLOCK_BYTES = 3 << 20
MAX_LINE_BYTES = 1 << 20
Compression = Literal["", "gz", "zst"]
# A compressed file may inflate this much and no more: ratio beyond the first 64 MiB, and in total.
MAX_INFLATION = 250
FREE_INFLATED_BYTES = 64 << 20
MAX_INFLATED_BYTES = 64 << 30

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_MAGIC = {
    b"\x1f\x8b": "gzip data",
    b"\x28\xb5\x2f\xfd": "zstd data",
    b"PK\x03\x04": "a zip or Excel file",
    b"PAR1": "a Parquet file",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
}
_ORDINARY = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte in (0x0A, 0x0D))
_IS_CONTROL = np.ones(256, dtype=bool)
_IS_CONTROL[list(_ORDINARY)] = False
# First bytes of the odd characters of UTF-8 that are no single bytes, and of many others.
_IS_LEAD = np.zeros(256, dtype=bool)
_IS_LEAD[[0xC2, 0xE2, 0xEF]] = True

# In all of these a byte 0x0A is always a line end, so blocks can be cut before they are decoded.
_ENCODINGS = {"utf-8": "utf-8", "utf8": "utf-8", "gb18030": "gb18030", "gbk": "gb18030", "gb2312": "gb18030"}


@dataclass(frozen=True)
class Block:
    """Whole lines in UTF-8, each with its line end; `first_line` is the number of the first one, from 1."""

    text: bytes
    first_line: int

    @cached_property
    def line_count(self) -> int:
        """Physical lines in it."""
        return byte_count(self.text, b"\n")

    def odd_lines(self, delimiter: str = ",") -> npt.NDArray[np.int64]:
        """Numbers of the lines that hold a character which no text may hold (`checks.CONTROL_PATTERN`)."""
        text = self.text if delimiter >= " " else self.text.replace(delimiter.encode(), b",")
        data = np.frombuffer(text, dtype=np.uint8)
        found = np.flatnonzero(_IS_CONTROL[data]) if text.translate(None, _ORDINARY) else np.empty(0, dtype=np.int64)
        if not text.isascii():
            found = np.concatenate([found, _odd_characters(data)])
        if not found.size:
            return found
        return self.first_line + np.unique(np.searchsorted(np.flatnonzero(data == ord("\n")), found))


def _odd_characters(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places of U+0080 to U+009F, U+200B, U+202A to U+202E, U+2060, U+2066 to U+2069, U+FEFF and U+FFFD in UTF-8."""
    leads = np.flatnonzero(_IS_LEAD[data])
    first = data[leads]
    # A block ends with a line end, so two bytes follow all but the last ones, which are then no such character.
    second, third = (data[np.minimum(leads + step, len(data) - 1)] for step in (1, 2))
    is_control = (first == 0xC2) & (second >= 0x80) & (second <= 0x9F)
    is_direction = (first == 0xE2) & (second == 0x80) & ((third == 0x8B) | ((third >= 0xAA) & (third <= 0xAE)))
    is_isolate = (first == 0xE2) & (second == 0x81) & ((third == 0xA0) | ((third >= 0xA6) & (third <= 0xA9)))
    is_mark = (first == 0xEF) & (second == 0xBB) & (third == 0xBF)
    is_replacement = (first == 0xEF) & (second == 0xBF) & (third == 0xBD)
    return leads[is_control | is_direction | is_isolate | is_mark | is_replacement]


def byte_count(text: bytes, byte: bytes) -> int:
    """How often one byte occurs; where it occurs often, several times faster than `bytes.count`."""
    return int(np.count_nonzero(np.frombuffer(text, dtype=np.uint8) == ord(byte)))


def known_encoding(name: str) -> str:
    """The Python name of an encoding that text files may have. Raises FileRefused for another one."""
    encoding = _ENCODINGS.get(name.lower().replace("_", "-"))
    if encoding is None:
        raise FileRefused(f"encoding {safe_name(name)!r} is not known: use utf-8 or gb18030")
    return encoding


def compression_of(file_format: str) -> Compression:
    """The compression that the end of a name or format tells: `csv.gz` is gz."""
    return "gz" if file_format.endswith(".gz") else "zst" if file_format.endswith(".zst") else ""


def text_blocks(
    path: Path,
    content: bytes | None,
    compression: Compression,
    encoding: str,
    is_last_line_end_needed: bool = True,
    delimiter: str = ",",
) -> Iterator[Block]:
    """Blocks of the file (of `content`, when it was read already), about 3 MiB each.

    Raises FileRefused for an empty, binary, truncated or wrongly encoded file, for a line over 1 MiB, and for a last
    line without its end (it may be cut inside a number).
    """
    encoding = known_encoding(encoding)
    stream: IO[bytes] = path.open("rb") if content is None else io.BytesIO(content)
    with stream:
        line = 1
        is_utf8_looking = False
        has_wide_text = False
        chunks = _inflated(stream, compression) if compression else _plain(stream)
        for raw in _whole_lines(chunks, is_last_line_end_needed, delimiter):
            text = _decoded(raw, encoding, line)
            if encoding != "utf-8" and not raw.isascii():
                has_wide_text = True
                is_utf8_looking = _is_utf8(raw) and (is_utf8_looking or line == 1)
            block = Block(text, line)
            yield block
            line += block.line_count
        if line == 1:
            raise FileRefused("it is empty")
        # UTF-8 bytes often decode as GB18030 without an error, into other characters.
        if has_wide_text and is_utf8_looking:
            raise FileRefused("it is declared GB18030 but is UTF-8")


def _plain(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(BLOCK_BYTES):
        yield chunk


def _inflated(stream: IO[bytes], compression: Compression) -> Iterator[bytes]:
    compressed = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    if compressed == 0:
        return
    name = "zstd" if compression == "zst" else "gzip"
    total = 0
    try:
        with _unpacked(stream, compression) as unpacked:
            while chunk := unpacked.read(BLOCK_BYTES):
                total += len(chunk)
                if total > MAX_INFLATED_BYTES or (total > FREE_INFLATED_BYTES and total > compressed * MAX_INFLATION):
                    raise FileRefused(f"it inflates to more than {total >> 20} MiB from {compressed} bytes")
                yield chunk
    except EOFError:
        raise FileRefused(f"its {name} data is truncated") from None
    except (gzip.BadGzipFile, zlib.error, pa.ArrowException, OSError) as error:
        if "Truncated" in str(error):
            raise FileRefused(f"its {name} data is truncated") from None
        raise FileRefused(f"its {name} data is damaged") from None


def _unpacked(stream: IO[bytes], compression: Compression) -> IO[bytes]:
    if compression == "gz":
        return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]
    # The class is made for reading in steps; a frame without a checksum is as good as its last block.
    return pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd")


def _whole_lines(chunks: Iterator[bytes], is_last_line_end_needed: bool, delimiter: str) -> Iterator[bytes]:
    rest = b""
    is_first = True
    has_old_mac_line_ends = False
    for chunk in chunks:
        if is_first:
            _refuse_binary(chunk, delimiter)
            has_old_mac_line_ends = b"\r" in chunk and b"\n" not in chunk
            is_first = False
        if has_old_mac_line_ends:
            if b"\n" in chunk:
                raise FileRefused("its line ends are mixed")
            chunk = chunk.replace(b"\r", b"\n")
        chunk = rest + chunk
        _refuse_long_line(chunk)
        cut = chunk.rfind(b"\n") + 1
        rest = chunk[cut:]
        if cut:
            yield chunk[:cut]
    if rest:
        if is_last_line_end_needed:
            raise FileRefused("its last line has no line end, so it may be cut off")
        yield rest + b"\n"


def _refuse_long_line(chunk: bytes) -> None:
    start = 0
    while len(chunk) - start > MAX_LINE_BYTES:
        end = chunk.rfind(b"\n", start, start + MAX_LINE_BYTES + 1)
        if end < 0:
            raise FileRefused(f"it has a line of more than {MAX_LINE_BYTES >> 20} MiB")
        start = end + 1


def _refuse_binary(start: bytes, delimiter: str) -> None:
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise FileRefused(f"it is {what}, not text")
    for mark, what in _BOMS.items():
        if start.startswith(mark):
            raise FileRefused(f"it is {what}: deliver UTF-8 or GB18030")
    first_line = start[: start.find(b"\n") + 1 or 4096]
    expected = b"\t\r\n" + delimiter.encode()
    if any(byte < 0x20 and byte not in expected for byte in first_line[:4096]):
        raise FileRefused("it is binary, not text")


def _decoded(raw: bytes, encoding: str, first_line: int) -> bytes:
    if first_line == 1 and raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
        encoding = "utf-8"
    if b"\r" in raw and raw.count(b"\r") != raw.count(b"\r\n"):
        lone = raw.replace(b"\r\n", b"\n\n").find(b"\r")
        line = first_line + raw[:lone].count(b"\n")
        raise FileRefused(f"line {line}: its line ends are mixed")
    if raw.isascii():
        return raw
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8" and _is_utf8(raw):
            raise FileRefused("it is declared GB18030 but is UTF-8") from None
        line = first_line + raw[: error.start].count(b"\n")
        declared = "GB18030" if encoding == "gb18030" else "UTF-8"
        advice = "" if encoding == "gb18030" else "; if it is GB18030, declare that"
        raise FileRefused(f"line {line}: bytes that are not {declared}{advice}") from None
    return raw if encoding == "utf-8" else text.encode("utf-8")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
