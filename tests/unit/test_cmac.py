"""Codes of whole columns are those of the standard, value by value."""

from __future__ import annotations

import polars as pl
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from tenure.landing.cmac import ColumnMac

# RFC 4493, section 4.
STANDARD_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")


def test_the_empty_message__has_the_code_of_the_standard() -> None:
    assert ColumnMac(STANDARD_KEY).code("") == "bb1d6929e95937287fa37d129b756746"


@given(
    st.binary(min_size=32, max_size=32),
    st.lists(st.none() | st.text(max_size=40) | st.from_regex(r"1[0-9]{10}", fullmatch=True), max_size=60),
)
def test_every_code__is_that_of_a_library_that_takes_them_one_by_one(key: bytes, texts: list[str | None]) -> None:
    def one(text: str | None) -> str | None:
        if text is None:
            return None
        mac = CMAC(algorithms.AES(key))
        mac.update(text.encode())
        return mac.finalize().hex()

    found = ColumnMac(key).codes(pl.Series("number", texts, dtype=pl.String))
    assert found.to_list() == [one(text) for text in texts]
    assert found.name == "number"


def test_a_piece_of_a_column__has_the_codes_of_that_piece() -> None:
    numbers = pl.Series([f"1380000{number:04d}" for number in range(100)])
    mac = ColumnMac(STANDARD_KEY)
    assert mac.codes(numbers)[40:45].to_list() == mac.codes(numbers[40:45]).to_list()
