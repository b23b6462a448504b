"""Showing what a value looked like without showing the value."""

from __future__ import annotations

import re

import polars as pl

MASKED_LENGTH = 40
_ORDINARY_NAME = re.compile(r"[A-Za-z][A-Za-z_ .-]{0,39}[0-9]{0,2}")
_FILE_NAME = re.compile(r"[A-Za-z][A-Za-z_.-]{0,60}(\d{1,8})?([_.-][A-Za-z0-9]{1,8}){0,3}")


def mask(text: str | None) -> str:
    """The shape of a text: 9 for a digit, x for a letter, 文 for a Chinese character, signs as they are.

    Any column may hold a phone number when a row is shifted, so every value is masked, not only personal ones.
    """
    if text is None:
        return ""
    shape = "".join(_shape(character) for character in text[:MASKED_LENGTH])
    return shape + "…" if len(text) > MASKED_LENGTH else shape


def _shape(character: str) -> str:
    if character.isdigit():
        return "9"
    if "\u4e00" <= character <= "\u9fff":
        return "文"
    if character.isalpha():
        return "x"
    return character if " " <= character <= "~" else "?"


def masked(column: pl.Expr) -> pl.Expr:
    """The same as `mask` for a column of texts."""
    return column.map_elements(mask, return_dtype=pl.String, skip_nulls=False)


def safe_name(name: str) -> str:
    """A column or file name as it may be printed: one that could be data (in a file without header) is masked."""
    return name if _ORDINARY_NAME.fullmatch(name) or _FILE_NAME.fullmatch(name) else mask(name)
