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
    present = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    return pa.Array.from_buffers(pa.large_string(), rows, [present, pa.py_buffer(offsets), pa.py_buffer(matrix)])


@cache
def _four_digits() -> npt.NDArray[np.uint32]:
    return np.frombuffer(b"".join(b"%04d" % number for number in range(10_000)), dtype=np.uint32)


def identifiers(numbers: Integers, prefix: str, width: int) -> pa.Array:
    """`prefix` and the number in `width` digits with leading zeros."""
    if not len(numbers):
        return pa.array([], pa.large_string())
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    missing = numbers < 0
    has_missing = missing.any()
    rows, row_bytes = len(numbers), len(head) + width
    matrix = np.empty((rows, row_bytes), dtype=np.uint8)
    matrix[:, : len(head)] = head
    rest = np.maximum(numbers, 0) if has_missing else numbers
    end = row_bytes
    while end - len(head) >= 4:
        above = rest // 10_000
        # Four digits are one 32-bit word: a look-up and a store, wherever the word lies.
        words = np.ndarray((rows,), dtype=np.uint32, buffer=matrix, offset=end - 4, strides=(row_bytes,))
        words[:] = _four_digits()[rest - above * 10_000]
        rest, end = above, end - 4
    for place in range(end - 1, len(head) - 1, -1):
        above = rest // 10
        matrix[:, place] = rest - above * 10 + ord("0")
        rest = above
    return _text(matrix, missing)


def _date_texts(first: int, last: int) -> npt.NDArray[np.void]:
    texts = np.datetime_as_string(np.arange(first, last + 1).astype("datetime64[D]"))
    return texts.astype("S10").view("V10")


def dates(days: Integers) -> pa.Array:
    """YYYY-MM-DD."""
    present = days >= 0
    if not present.any():
        return pa.nulls(len(days), pa.large_string())
    first, last = int(days[present].min()), int(days[present].max())
    texts = _date_texts(first, last)[np.where(present, days - first, 0)]
    return _text(texts.view(np.uint8).reshape(-1, 10), ~present)


@cache
def _clock_texts() -> npt.NDArray[np.void]:
    seconds = np.arange(DAY_SECONDS)
    texts = np.char.mod("T%02d", seconds // 3600)
    texts = np.char.add(texts, np.char.mod(":%02d", seconds // 60 % 60))
    texts = np.char.add(texts, np.char.mod(":%02d" + UTC_OFFSET, seconds % 60))
    return texts.astype("S15").view("V15")


def instants(seconds: Integers) -> pa.Array:
    """ISO 8601 with the operator's offset, to the second."""
    missing = seconds < 0
    if missing.all():
        return pa.nulls(len(seconds), pa.large_string())
    known = np.where(missing, seconds.max(), seconds) if missing.any() else seconds
    days = known // DAY_SECONDS
    first, last = int(days.min()), int(days.max())
    texts = np.empty(len(seconds), dtype=[("date", "V10"), ("clock", "V15")])
    texts["date"] = _date_texts(first, last)[days - first]
    texts["clock"] = _clock_texts()[known - days * DAY_SECONDS]
    return _text(texts.view(np.uint8).reshape(-1, 25), missing)


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


def coded(positions: Integers, values: Sequence[str]) -> pa.Array:
    """The same as `codes`, kept as positions in a dictionary: the form in which many rows are cheap to write."""
    distinct = list(dict.fromkeys(values))
    if len(distinct) < len(values):
        # A dictionary that names a value twice is not written the same way each time.
        place = np.array([distinct.index(value) for value in values])
        positions, values = np.where(positions < 0, -1, place[positions]), distinct
    return pa.DictionaryArray.from_arrays(
        pa.array(positions.astype(np.int16), mask=positions < 0), pa.array(values, type=pa.large_string())
    )


def dates_of(seconds: Integers) -> pa.Array:
    """YYYY-MM-DD of instants."""
    return dates(seconds // DAY_SECONDS)


def thousandths(numbers: Integers) -> pa.Array:
    """Exact decimals with three places."""
    return _decimals(numbers, 3)


def millionths(numbers: Integers) -> pa.Array:
    """Exact decimals with six places."""
    return _decimals(numbers, 6)


def _decimals(numbers: Integers, places: int) -> pa.Array:
    whole = pa.array(numbers).cast(pa.decimal128(19, 0))
    return pa.Array.from_buffers(pa.decimal128(19, places), len(numbers), whole.buffers())
