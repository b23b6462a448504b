"""Churn scores of rows: each by the champion of its plan type, with bands, and reasons of those at risk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.churn import ChurnClassifier
from ml.drift import Drift, Profile, measure_drift, model_age
from ml.features import PLAN, FeatureColumn, check_contract, has_history, split_inputs
from ml.params import Params
from ml.reasons import Reason, explain
from ml.registry import ModelRun
from ml.scores import HIGH, MEDIUM, NOT_ENOUGH_HISTORY, risk_bands

Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Champion:
    """A model in use: its run, the model itself, and how its inputs and scores lay when it was made."""

    run: ModelRun
    model: ChurnClassifier
    profiles: Sequence[Profile]


@dataclass
class ChurnScores:
    """Of n rows: probability (0-1, NaN without one), band and model run (None without one); reasons by position.

    `unseen_values` counts values that are new to the models, by column; `unknown_columns` no model knows,
    `empty_columns` some model knows and no row of its plan type has. `drift` is by model run.
    """

    probability: npt.NDArray[np.float64]
    bands: Names
    run_ids: Names
    reasons: list[Reason] = field(default_factory=list)
    unseen_values: dict[str, int] = field(default_factory=dict)
    unknown_columns: list[str] = field(default_factory=list)
    empty_columns: list[str] = field(default_factory=list)
    drift: dict[str, list[Drift]] = field(default_factory=dict)


def score_churn(rows: pd.DataFrame, champions: Mapping[str, Champion | None], params: Params) -> ChurnScores:
    """Score `rows` (n, with `plan_type` and every feature), each with the champion of its plan type.

    A row whose plan type has no champion has no probability, as one too new. Raises FeatureContractError.
    """
    count = len(rows)
    found = ChurnScores(
        np.full(count, np.nan), np.full(count, NOT_ENOUGH_HISTORY, dtype=object), np.full(count, None, dtype=object)
    )
    unseen: Counter[str] = Counter()
    unknown: list[set[str]] = []
    empty: set[str] = set()
    for plan_type, champion in champions.items():
        at = np.flatnonzero((rows[PLAN] == plan_type).to_numpy())
        if champion is None or not len(at):
            continue
        findings = _score_plan(rows.iloc[at], at, champion, found, params)
        unseen.update(findings[0])
        unknown.append(set(findings[1]))
        empty |= set(findings[2])
    found.unseen_values = dict(unseen)
    found.unknown_columns = sorted(set.intersection(*unknown)) if unknown else []
    found.empty_columns = sorted(empty)
    found.reasons.sort(key=lambda reason: (reason.row, reason.rank))
    return found


def _score_plan(
    rows: pd.DataFrame,
    at: npt.NDArray[np.intp],
    champion: Champion,
    found: ChurnScores,
    params: Params,
) -> tuple[dict[str, int], list[str], list[str]]:
    """Score the rows of one plan type, which stand at positions `at`, into `found`; returns what was odd about them."""
    run, model = champion.run, champion.model
    details = run.details
    inputs = [FeatureColumn(name, kind) for name, kind in details["inputs"]]
    # The plan type chose the model, so that it is known to it even where it is no input.
    known = {*params.features.keys, *params.features.excluded, PLAN} - {column.name for column in inputs}
    contract = check_contract(rows.drop(columns=[name for name in rows.columns if name in known]), inputs)
    frame = split_inputs(rows, inputs)
    encoded = model.encoder_.transform(frame)
    # Six digits: what is stored is then the same on every machine, and the bands agree with what is stored.
    probability = np.round(model.predict_encoded(encoded)[:, 1], 6)
    probability[~has_history(rows, params)] = np.nan
    bands = risk_bands(probability, details["bands"])
    at_risk = np.flatnonzero(np.isin(bands, (HIGH, MEDIUM)))
    found.reasons += [
        replace(reason, row=int(at[at_risk[reason.row]]))
        for reason in explain(model, rows.iloc[at_risk], params.reasons)
    ]
    compared = _comparable(rows, params)
    found.drift[run.model_run_id] = [
        model_age(run, pd.Timestamp(rows["as_of_date"].iloc[0]).date(), len(rows), params.drift),
        *measure_drift(champion.profiles, model.encoder_, encoded[compared], probability[compared], params.drift),
    ]
    found.probability[at], found.bands[at], found.run_ids[at] = probability, bands, run.model_run_id
    return model.encoder_.unseen_counts(encoded), contract["unknown"], contract["empty"]


def _comparable(rows: pd.DataFrame, params: Params) -> npt.NDArray[np.bool_]:
    """Whether each row, shape (n,), is of the kind that models learn from."""
    flag = params.labels.left_out_flag
    is_left_out = rows[flag].fillna(False).to_numpy(dtype=bool) if flag in rows.columns else np.zeros(len(rows), bool)
    return has_history(rows, params) & ~is_left_out
