"""Why a subscription is on the watch list, in words.

The features that speak of one thing are set together to typical values; by how much the odds of leaving fall is the
weight of that reason (occlusion). The words, and the condition under which each is true, are in `params.yaml`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.churn import ChurnClassifier
from ml.encoding import FloatArray
from ml.occlusion import log_odds_lost
from ml.params import ReasonEntry, ReasonParams, ReasonText

# Rows explained at once: each becomes one row for each reason that may be said of it.
CHUNK = 1000


@dataclass(frozen=True)
class Reason:
    """A sentence about the subscription at position `row`, in English and Chinese; `rank` 1 is the strongest."""

    row: int
    rank: int
    text: str
    text_zh: str
    odds_ratio: float


def explain(model: ChurnClassifier, rows: pd.DataFrame, params: ReasonParams) -> list[Reason]:
    """The reasons of each row of `rows` (n, features), strongest first, at most `params.per_subscription` each.

    Columns that are no feature may be said in a reason. A row without any true sentence that raises its odds has none.
    """
    entries = _entries(model, params)

    def explained(start: int) -> list[Reason]:
        return _explain(model, rows.iloc[start : start + CHUNK], start, entries, params)

    with ThreadPoolExecutor(model.threads) as pool:
        return [reason for part in pool.map(explained, range(0, len(rows), CHUNK)) for reason in part]


def _explain(
    model: ChurnClassifier, rows: pd.DataFrame, first: int, entries: list[ReasonEntry], params: ReasonParams
) -> list[Reason]:
    """The reasons of `rows`, which stand at the positions from `first` on."""
    texts = [text for entry in entries for text in entry.texts if text.when in model.feature_names_in_]
    numbers = {text.when: _numbers(rows[text.when]) for text in texts}
    values = {name: rows[name].tolist() for name in {_column_said(text, rows) for text in texts}}
    # What there is nothing true to say about needs no weight.
    said = np.column_stack([_true_text(entry, rows, numbers) for entry in entries])
    gains = _gains(model, rows, entries, said >= 0)
    order = np.argsort(-gains, axis=1, kind="stable")[:, : params.per_subscription]
    found: list[Reason] = []
    for row in range(len(rows)):
        for rank, entry in enumerate(order[row], start=1):
            ratio = float(np.exp(gains[row, entry]))
            if ratio < params.minimum_odds_ratio:
                break
            text = entries[entry].texts[said[row, entry]]
            said_of = values[_column_said(text, rows)][row], numbers[text.when][row]
            found.append(Reason(first + row, rank, _say(text.text, *said_of), _say(text.zh, *said_of), ratio))
    return found


def _column_said(text: ReasonText, rows: pd.DataFrame) -> str:
    return text.say if text.say is not None and text.say in rows.columns else text.when


def _entries(model: ChurnClassifier, params: ReasonParams) -> list[ReasonEntry]:
    known = [str(name) for name in model.feature_names_in_]
    named = {name for entry in params.catalogue for name in entry.features}
    plain = [
        ReasonEntry(
            features=(name,),
            texts=(_plain_text(name),),
        )
        for name in known
        if name not in named
    ]
    return [entry for entry in params.catalogue if set(entry.features) & set(known)] + plain


def _plain_text(name: str) -> ReasonText:
    said = f"{name.replace('_', ' ').capitalize()}: {{value}}"
    return ReasonText(when=name, text=said, zh=said)


def _gains(
    model: ChurnClassifier, rows: pd.DataFrame, entries: list[ReasonEntry], is_wanted: npt.NDArray[np.bool_]
) -> FloatArray:
    """Log odds of each row less those with an entry's features set to typical values, shape (n, entries).

    Minus infinity where `is_wanted`, of the same shape, is not true.
    """
    encoder = model.encoder_
    names = [*encoder.numeric_, *encoder.categorical_]
    encoded = encoder.transform(rows)
    columns = [[index for index, name in enumerate(names) if name in entry.features] for entry in entries]
    # One that is typical already weighs nothing.
    is_typical = [
        np.all(np.isclose(encoded[:, at], encoder.reference_[at], rtol=0, atol=0, equal_nan=True), axis=1)
        for at in columns
    ]
    row, position = np.nonzero(is_wanted & ~np.array(is_typical).T)
    gains = np.where(is_wanted, 0.0, -np.inf)
    gains[row, position] = log_odds_lost(model, encoded, columns, row, position)
    return gains


def _true_text(entry: ReasonEntry, rows: pd.DataFrame, numbers: dict[str, FloatArray]) -> npt.NDArray[np.int_]:
    """Which of an entry's texts is the first that is true of each row, shape (n,); -1 where none is."""
    first = np.full(len(rows), -1)
    for place, text in enumerate(entry.texts):
        if text.when not in numbers:
            continue
        is_true = (first < 0) & rows[text.when].notna().to_numpy()
        if text.at_least is not None:
            is_true &= numbers[text.when] >= text.at_least
        if text.at_most is not None:
            is_true &= numbers[text.when] <= text.at_most
        first[is_true] = place
    return first


def _numbers(column: pd.Series) -> FloatArray:
    """A column as numbers, shape (n,); NaN where it has none."""
    if not pd.api.types.is_numeric_dtype(column):
        column = pd.to_numeric(column.astype(object), errors="coerce")
    return np.asarray(column.to_numpy(dtype="float64", na_value=np.nan))


def _say(text: str, value: object, number: float) -> str:
    if np.isnan(number):
        # A code such as electronic_check is read as words.
        return text.format(value=str(value).replace("_", " "))
    shown = int(number) if "{value}" in text and float(number).is_integer() else number
    return text.format(value=shown, less=(1 - number) * 100, more=(number - 1) * 100, percent=number * 100)
