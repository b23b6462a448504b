"""How numbers are written wrongly, and how many decimals a currency has."""

from __future__ import annotations

import polars as pl

# Decimals of the currencies of ISO 4217 (list one, 2024) that do not have two. A locale library would not do: it tells
# how amounts are usually shown (no decimals for IQD, where ISO 4217 has three).
_DECIMALS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
         "XPF"), 0
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def minor_units(code: str) -> int | None:
    """Decimals of amounts in a currency by its ISO 4217 code; None for what cannot be such a code."""
    if len(code) != 3 or not code.isascii() or not code.isupper():
        return None
    return _DECIMALS.get(code, 2)


def decimals_beyond(count: int) -> str:
    """The pattern of texts that have more decimals than that which are not nought."""
    return rf"\.[0-9]{{{count}}}[0-9]*[1-9]"


def integer_fault(value: pl.Expr) -> pl.Expr:
    """What is wrong with texts that are no whole numbers."""
    return (
        pl.when(value.str.contains(r"^-?[0-9]+\.[0-9]+$"))
        .then(pl.lit("it has decimals, and this column holds whole numbers"))
        .when(value.str.contains(r"^-?[0-9]{19,}$"))
        .then(pl.lit("it is too large: 18 digits are the most"))
        .otherwise(_written("it is no whole number: write digits only", value))
    )


def numeric_fault(value: pl.Expr) -> pl.Expr:
    """What is wrong with texts that are no plain decimal numbers."""
    return (
        pl.when(value.str.contains(r"^-?[0-9]{19,}(\.[0-9]+)?$"))
        .then(pl.lit("it is too large: 18 digits before the point are the most"))
        .when(value.str.contains(r"^-?[0-9]{1,18}\.[0-9]{13,}$"))
        .then(pl.lit("it has more than 12 decimals"))
        .otherwise(_written("it is no plain decimal number: write digits and a point", value))
    )


def _written(message: str, value: pl.Expr) -> pl.Expr:
    cases = {
        r"(?i)^[+-]?(nan|inf|infinity|#n/a|#num!|#value!)$": "not-a-number and infinity are no amounts: leave it empty",
        r"^[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]+$": "without an exponent",
        r"^[+-]?[0-9]{1,3}([,' ][0-9]{3})+(\.[0-9]+)?$": "without thousands separators",
        r"^-?[0-9]+,[0-9]+$": "with a point, not a comma",
        r"^\s|\s$": "without spaces around it",
        r"^\+": "without a plus sign",
        r"[^\x00-\x7f]": "in the digits 0 to 9 of ASCII",
        r"^[=@]": "and not the formula of a spreadsheet",
    }
    found: pl.Expr = pl.lit(message)
    for pattern, advice in reversed(cases.items()):
        found = pl.when(value.str.contains(pattern)).then(pl.lit(f"{message}, {advice}")).otherwise(found)
    return found
