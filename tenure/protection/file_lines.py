"""The lines of a delivered file, whatever its format: read one by one, or the file again without some of them."""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

_BLOCK_BYTES = 4 << 20
_ROWS = 50_000
_DELIMITERS = (",", ";", "|", "\t")

# A line: its number, and its cells by column; by place (`0`, `1`...) where the line does not fit its header.
Line = tuple[int, dict[str, str]]


def without_lines(chunks: Iterable[bytes], name: str, numbers: Collection[int]) -> Iterator[bytes]:
    """The content of a file called `name`, without the lines (rows of Parquet) of these numbers, from 1."""
    dropped = set(numbers)
    if name.lower().endswith(".parquet"):
        yield from _parquet_without(b"".join(chunks), dropped)
        return
    kept = (
        b"".join(line for number, line in enumerate(lines, first) if number not in dropped)
        for first, lines in _line_blocks(_inflated(chunks, name))
    )
    if name.lower().endswith(".gz"):
        packer = zlib.compressobj(wbits=31)
        for block in kept:
            yield packer.compress(block)
        yield packer.flush()
    elif name.lower().endswith(".zst"):
        out = pa.BufferOutputStream()
        with pa.CompressedOutputStream(out, "zstd") as zstd:
            for block in kept:
                zstd.write(block)
        yield out.getvalue().to_pybytes()
    else:
        yield from kept


def lines_with(chunks: Iterable[bytes], name: str, needles: Iterable[str]) -> Iterator[Line]:
    """The lines of a file that hold any of the texts, in whatever encoding of ours, and what else is in them."""
    if name.lower().endswith(".parquet"):
        yield from _parquet_rows(b"".join(chunks), set(needles))
        return
    sought = {needle.encode(encoding) for needle in needles for encoding in ("utf-8", "gb18030")}
    is_json = ".jsonl" in name.lower()
    header: list[str] = []
    delimiter = ","
    for first, lines in _line_blocks(_inflated(chunks, name)):
        if first == 1 and not is_json:
            head = lines[0].removeprefix(b"\xef\xbb\xbf")
            delimiter = max(_DELIMITERS, key=lambda sign: head.count(sign.encode()))
            header = _fields(head, delimiter)
        block = b"".join(lines)
        found = [needle for needle in sought if needle in block]
        if not found:
            continue
        for number, line in enumerate(lines, first):
            if (number > 1 or is_json) and any(needle in line for needle in found):
                yield number, _json_cells(line) if is_json else _csv_cells(line, header, delimiter)


def _inflated(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    if name.lower().endswith(".zst"):
        with pa.CompressedInputStream(pa.BufferReader(b"".join(chunks)), "zstd") as stream:
            while block := stream.read(_BLOCK_BYTES):
                yield block
        return
    if not name.lower().endswith(".gz"):
        yield from chunks
        return
    unpacker = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        rest = chunk
        while rest:
            yield unpacker.decompress(rest, _BLOCK_BYTES)
            rest = unpacker.unconsumed_tail
            if unpacker.eof:
                # A file may consist of several gzip members.
                rest, unpacker = unpacker.unused_data, zlib.decompressobj(wbits=31)
    yield unpacker.flush()


def _line_blocks(chunks: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Whole lines with their ends, and the number of the first of them."""
    rest, first, end = b"", 1, b""
    for chunk in chunks:
        if not end and chunk:
            end = b"\r" if b"\r" in chunk and b"\n" not in chunk else b"\n"
        cut = chunk.rfind(end) + 1 if end else 0
        if not cut:
            rest += chunk
            continue
        lines = _split(rest + chunk[:cut], end)
        rest = chunk[cut:]
        yield first, lines
        first += len(lines)
    if rest:
        yield first, [rest]


def _split(block: bytes, end: bytes) -> list[bytes]:
    return [line + end for line in block.split(end)[:-1]]


def _fields(line: bytes, delimiter: str) -> list[str]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("gb18030", errors="replace")
    try:
        return next(csv.reader(io.StringIO(text.rstrip("\r\n"), newline=""), delimiter=delimiter), [])
    except csv.Error:
        return text.rstrip("\r\n").split(delimiter)


def _csv_cells(line: bytes, header: list[str], delimiter: str) -> dict[str, str]:
    cells = _fields(line, delimiter)
    names = header if len(cells) == len(header) else [str(place) for place in range(len(cells))]
    return dict(zip(names, cells, strict=True))


def _json_cells(line: bytes) -> dict[str, str]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        return {str(place): cell for place, cell in enumerate(_fields(line, ","))}
    return {str(name): str(value) for name, value in row.items() if value is not None}


def _parquet_rows(content: bytes, needles: set[str]) -> Iterator[Line]:
    number = 0
    for batch in pq.ParquetFile(pa.BufferReader(content)).iter_batches(batch_size=_ROWS):
        for row in batch.to_pylist():
            number += 1
            cells = {name: str(value) for name, value in row.items() if value is not None}
            if not needles.isdisjoint(cells.values()):
                yield number, cells


def _parquet_without(content: bytes, dropped: set[int]) -> Iterator[bytes]:
    # In memory: no clear value is ever written to a disk.
    file = pq.ParquetFile(pa.BufferReader(content))
    out = pa.BufferOutputStream()
    with pq.ParquetWriter(out, file.schema_arrow) as writer:
        first = 1
        for batch in file.iter_batches(batch_size=_ROWS):
            keep = pa.array([number not in dropped for number in range(first, first + batch.num_rows)])
            writer.write_batch(batch.filter(keep))
            first += batch.num_rows
    yield out.getvalue().to_pybytes()
