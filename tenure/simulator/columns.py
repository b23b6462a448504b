"""Arrow columns from NumPy arrays, without a Python loop over rows.

A negative number means "no value" for identifiers, dates, instants and integers; NO_AMOUNT for money.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tenure.simulator.timeline import DAY_SECONDS, UTC_OFFSET, Integers

NO_AMOUNT = int(np.iinfo(np.int64).min)
MILLION = 10**6


def _text(matrix: npt.NDArray[np.uint8], missing: npt.NDArray[np.bool_]) -> pa.Array:
    """Fixed-width text, one row of bytes each; rows where `missing` become null."""
    rows, width = matrix.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix))]
    column = pa.Array.from_buffers(pa.large_string(), rows, buffers)
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.large_string()), column) if missing.any() else column


@cache
def _four_digits() -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), dtype=np.uint8).reshape(-1, 4)


def identifiers(numbers: Integers, prefix: str, width: int) -> pa.Array:
    """`prefix` and the number in `width` digits with leading zeros."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    matrix = np.empty((len(numbers), len(head) + width), dtype=np.uint8)
    matrix[:, : len(head)] = head
    rest = np.maximum(numbers, 0)
    for end in range(width, 0, -4):
        rest, last_four = np.divmod(rest, 10_000)
        places = min(4, end)
        stop = len(head) + end
        matrix[:, stop - places : stop] = _four_digits()[last_four, 4 - places :]
    return _text(matrix, numbers < 0)


def _date_bytes(first: int, last: int) -> npt.NDArray[np.uint8]:
    texts = np.datetime_as_string(np.arange(first, last + 1).astype("datetime64[D]"))
    return np.frombuffer(texts.astype("S10").tobytes(), dtype=np.uint8).reshape(-1, 10)


def dates(days: Integers) -> pa.Array:
    """YYYY-MM-DD."""
    present = days >= 0
    if not present.any():
        return pa.nulls(len(days), pa.large_string())
    first, last = int(days[present].min()), int(days[present].max())
    return _text(_date_bytes(first, last)[np.where(present, days - first, 0)], ~present)


@cache
def _clock_bytes() -> npt.NDArray[np.uint8]:
    seconds = np.arange(DAY_SECONDS)
    texts = np.char.mod("T%02d", seconds // 3600)
    texts = np.char.add(texts, np.char.mod(":%02d", seconds // 60 % 60))
    texts = np.char.add(texts, np.char.mod(":%02d" + UTC_OFFSET, seconds % 60))
    return np.frombuffer(texts.astype("S15").tobytes(), dtype=np.uint8).reshape(-1, 15)


def instants(seconds: Integers) -> pa.Array:
    """ISO 8601 with the operator's offset, to the second."""
    present = seconds >= 0
    if not present.any():
        return pa.nulls(len(seconds), pa.large_string())
    days = seconds // DAY_SECONDS
    first, last = int(days[present].min()), int(days[present].max())
    matrix = np.empty((len(seconds), 25), dtype=np.uint8)
    matrix[:, :10] = _date_bytes(first, last)[np.where(present, days - first, 0)]
    matrix[:, 10:] = _clock_bytes()[seconds % DAY_SECONDS]
    return _text(matrix, ~present)


def amounts(fen: Integers) -> pa.Array:
    """Exact decimals with two places from hundredths."""
    wide = np.empty((len(fen), 2), dtype=np.int64)
    wide[:, 0] = fen
    wide[:, 1] = fen >> 63
    column = pa.Array.from_buffers(pa.decimal128(18, 2), len(fen), [None, pa.py_buffer(wide)])
    missing = fen == NO_AMOUNT
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.decimal128(18, 2)), column) if missing.any() else column


def integers(numbers: Integers) -> pa.Array:
    """Whole numbers."""
    return pa.array(numbers, type=pa.int64(), mask=numbers < 0)


def signed_integers(numbers: Integers) -> pa.Array:
    """Whole numbers of either sign, none missing."""
    return pa.array(numbers, type=pa.int64())


def booleans(flags: Integers) -> pa.Array:
    """1 true, 0 false, negative missing."""
    return pa.array(flags > 0, mask=flags < 0)


def codes(positions: Integers, values: Sequence[str]) -> pa.Array:
    """The value at each position; a negative position is null."""
    where = pa.array(positions, mask=positions < 0)
    return pc.take(pa.array(values, type=pa.large_string()), where)


def millionths(numbers: Integers) -> pa.Array:
    """Exact decimals with six places."""
    return _decimals(numbers, 6)


def _decimals(numbers: Integers, places: int) -> pa.Array:
    whole = pa.array(numbers).cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(pa.decimal128(19, places), len(numbers), whole.buffers())
