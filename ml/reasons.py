"""Why a subscription is on the watch list, in words.

The features that speak of one thing are set together to typical values; by how much the odds of leaving fall is the
weight of that reason (occlusion). The words, and the condition under which each is true, are in `params.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit

from ml.churn import EDGE, ChurnClassifier
from ml.encoding import FloatArray
from ml.params import ReasonEntry, ReasonParams, ReasonText

# Rows explained at once: each becomes one row for each reason that may be said of it.
CHUNK = 2000


@dataclass(frozen=True)
class Reason:
    """A sentence about the subscription at position `row`; `rank` 1 is the strongest."""

    row: int
    rank: int
    text: str
    odds_ratio: float


def explain(model: ChurnClassifier, rows: pd.DataFrame, params: ReasonParams) -> list[Reason]:
    """The reasons of each row of `rows` (n, features), strongest first, at most `params.per_subscription` each.

    A row without any true sentence that raises its odds has none.
    """
    entries = _entries(model, params)
    found: list[Reason] = []
    for start in range(0, len(rows), CHUNK):
        part = rows.iloc[start : start + CHUNK]
        sentences = [_sentences(entry, part) for entry in entries]
        # What there is nothing true to say about needs no weight.
        is_said = np.array([[text is not None for text in said] for said in sentences]).T
        gains = _gains(model, part, entries, is_said)
        for row in range(len(part)):
            rank = 0
            for entry in np.argsort(-gains[row], kind="stable"):
                ratio = float(np.exp(gains[row, entry]))
                if ratio < params.minimum_odds_ratio or rank == params.per_subscription:
                    break
                text = sentences[entry][row]
                if text is not None:
                    rank += 1
                    found.append(Reason(start + row, rank, text, ratio))
    return found


def _entries(model: ChurnClassifier, params: ReasonParams) -> list[ReasonEntry]:
    known = [str(name) for name in model.feature_names_in_]
    named = {name for entry in params.catalogue for name in entry.features}
    plain = [
        ReasonEntry(
            features=(name,),
            texts=(ReasonText(when=name, text=f"{name.replace('_', ' ').capitalize()}: {{value}}"),),
        )
        for name in known
        if name not in named
    ]
    return [entry for entry in params.catalogue if set(entry.features) & set(known)] + plain


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
    changed = encoded[row]
    for entry, at in enumerate(columns):
        changed[np.ix_(position == entry, at)] = encoder.reference_[at]
    probability = model.predict_encoded(np.concatenate([encoded, changed]))[:, 1]
    odds = logit(np.clip(probability, EDGE / 10, 1 - EDGE / 10))
    gains = np.where(is_wanted, 0.0, -np.inf)
    gains[row, position] = odds[: len(encoded)][row] - odds[len(encoded) :]
    return gains


def _sentences(entry: ReasonEntry, rows: pd.DataFrame) -> list[str | None]:
    """The first true sentence of an entry for each row, None where none is."""
    said: list[str | None] = [None] * len(rows)
    for text in entry.texts:
        if text.when not in rows.columns:
            continue
        column = rows[text.when]
        is_open = np.array([sentence is None for sentence in said]) & column.notna().to_numpy()
        numbers = pd.to_numeric(column.astype(object), errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        if text.at_least is not None:
            is_open &= numbers >= text.at_least
        if text.at_most is not None:
            is_open &= numbers <= text.at_most
        values = column.tolist()
        for row in np.flatnonzero(is_open):
            said[row] = _say(text.text, values[row], numbers[row])
    return said


def _say(text: str, value: object, number: float) -> str:
    if np.isnan(number):
        # A code such as electronic_check is read as words.
        return text.format(value=str(value).replace("_", " "))
    shown = int(number) if "{value}" in text and float(number).is_integer() else number
    return text.format(value=shown, less=(1 - number) * 100, more=(number - 1) * 100, percent=number * 100)
