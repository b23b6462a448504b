"""AES-CMAC (NIST SP 800-38B, RFC 4493) of whole columns at once.

The code of a message of at most 16 bytes is one block of AES, so a million phone numbers are one call; longer messages
are taken one by one.
"""

from __future__ import annotations

from binascii import hexlify

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

_BLOCK = 16

Bytes = npt.NDArray[np.uint8]


class ColumnMac:
    """AES-CMAC of texts under one key of 16, 24 or 32 bytes; codes are 32 hexadecimal digits."""

    def __init__(self, key: bytes) -> None:
        self._algorithm = algorithms.AES(key)
        # One encryption of the zero block gives the two subkeys (RFC 4493, section 2.3).
        whole = _doubled(self._encrypted(bytes(_BLOCK)))
        self._whole_key = np.frombuffer(whole, dtype=np.uint8)
        self._padded_key = np.frombuffer(_doubled(whole), dtype=np.uint8)

    def codes(self, values: pl.Series) -> pl.Series:
        """The code of each text (UTF-8); none where there is none."""
        present = values.drop_nulls()
        if present.is_empty():
            return pl.Series(values.name, [None] * values.len(), dtype=pl.String)
        texts = present.to_arrow().cast(pa.large_binary())
        offsets = np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
        data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
        codes = _as_text(self._macs(data, offsets))
        if present.len() == values.len():
            return codes.alias(values.name)
        places = values.is_not_null().arg_true()
        return (
            pl.Series(values.name, [None], dtype=pl.String)
            .extend_constant(None, values.len() - 1)
            .scatter(places, codes)
        )

    def code(self, text: str) -> str:
        """The code of one text."""
        return str(self.codes(pl.Series([text], dtype=pl.String))[0])

    def _macs(self, data: Bytes, offsets: npt.NDArray[np.int64]) -> Bytes:
        lengths = np.diff(offsets)
        blocks = np.zeros((len(lengths), _BLOCK), dtype=np.uint8)
        counts = np.bincount(np.minimum(lengths, _BLOCK + 1), minlength=_BLOCK + 2)
        for length in np.flatnonzero(counts[: _BLOCK + 1]):
            if counts[length] == len(lengths):
                rows: slice | npt.NDArray[np.bool_] = slice(None)
                bodies = data[offsets[0] : offsets[-1]].reshape(len(lengths), length)
            else:
                rows = lengths == length
                bodies = data[offsets[:-1][rows][:, None] + np.arange(length)]
            blocks[rows, :length] = bodies
            if length < _BLOCK:
                blocks[rows, length] = 0x80
            blocks[rows] ^= self._whole_key if length == _BLOCK else self._padded_key
        macs = np.frombuffer(self._encrypted(blocks.tobytes()), dtype=np.uint8).reshape(-1, _BLOCK)
        long = np.flatnonzero(lengths > _BLOCK)
        if long.size:
            macs = macs.copy()
            for row in long:
                mac = CMAC(self._algorithm)
                mac.update(data[offsets[row] : offsets[row + 1]].tobytes())
                macs[row] = np.frombuffer(mac.finalize(), dtype=np.uint8)
        return macs

    def _encrypted(self, blocks: bytes) -> bytes:
        # Every block stands for itself: this is the last step of as many separate codes, not a message in ECB mode.
        encryptor = Cipher(self._algorithm, modes.ECB()).encryptor()  # noqa: S305
        return encryptor.update(blocks) + encryptor.finalize()


def _doubled(block: bytes) -> bytes:
    """The block times x in GF(2^128)."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ 0x87
    return number.to_bytes(_BLOCK, "big")


def _as_text(macs: Bytes) -> pl.Series:
    digits = hexlify(macs.tobytes())
    offsets = np.arange(0, (len(macs) + 1) * 2 * _BLOCK, 2 * _BLOCK, dtype=np.int64)
    array = pa.Array.from_buffers(
        pa.large_string(), len(macs), [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits)]
    )
    return pl.Series(pl.from_arrow(array))
