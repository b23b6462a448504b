"""Writing scores back: one as_of_date replaced as a whole, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from ml.params import BandParams

HIGH, MEDIUM, LOW, NOT_ENOUGH_HISTORY = "high", "medium", "low", "not_enough_history"


def band_limits(positive_rate: float, bands: BandParams) -> dict[str, float]:
    """The probabilities from which on the bands high and medium start, for an average of `positive_rate` (0-1)."""
    odds = positive_rate / (1.0 - positive_rate)
    limits = {HIGH: odds * bands.high_odds_ratio, MEDIUM: odds * bands.medium_odds_ratio}
    return {name: round(value / (1.0 + value), 6) for name, value in limits.items()}


def risk_bands(probability: npt.NDArray[np.float64], limits: dict[str, float]) -> npt.NDArray[np.object_]:
    """The band of each probability, shape (n,); not_enough_history where it is NaN."""
    bands = np.full(len(probability), LOW, dtype=object)
    bands[probability >= limits[MEDIUM]] = MEDIUM
    bands[probability >= limits[HIGH]] = HIGH
    bands[np.isnan(probability)] = NOT_ENOUGH_HISTORY
    return bands


def decimal(value: Any, places: int) -> Decimal | None:
    """A number as it is stored: with so many digits it is the same on every machine. None for None and NaN."""
    return None if value is None or np.isnan(value) else Decimal(f"{value:.{places}f}")


def replace_rows(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], as_of_date: dt.date, rows: Iterable[Any]
) -> int:
    """Replace the rows of `as_of_date` in scores.`table` by `rows` (tuples in order of `columns`); returns how many.

    No commit here: the caller's transaction holds all tables of one scoring.
    """
    target = sql.Identifier("scores", table)
    connection.execute(sql.SQL("delete from {} where as_of_date = %s").format(target), (as_of_date,))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    count = 0
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("copy {} ({}) from stdin").format(target, names)) as copy,
    ):
        for row in rows:
            copy.write_row(row)
            count += 1
    return count
