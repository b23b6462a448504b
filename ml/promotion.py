"""Champion and challenger: which of two churn models is used, decided on months that neither has learnt from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from ml.errors import FeatureContractError, ModelFileError
from ml.evaluate import Evaluation
from ml.features import LABEL, FeatureColumn, check_contract, split_inputs
from ml.model_file import load_model
from ml.params import Params
from ml.registry import ModelRun, model_path
from tenure.settings import Settings


@dataclass(frozen=True)
class Promotion:
    """Whether a new run takes over, and why, in words that are recorded with it."""

    is_promoted: bool
    reason: str


def judge(
    rows: pd.DataFrame,
    left: np.ndarray[tuple[int], np.dtype[np.int_]],
    measured: Evaluation,
    champion: ModelRun | None,
    settings: Settings,
    params: Params,
) -> Promotion:
    """Whether the run measured as `measured` on `rows` (n, with as_of_date and every feature) takes over.

    The one in use stays only if it ranks later months better by more than `promotion.maximum_auc_loss`; one that cannot
    be used any more never stays.
    """
    if measured.auc < params.training.minimum_auc:
        return Promotion(False, "no better than chance on later months")
    if champion is None:
        return Promotion(True, "the first model that is better than chance")
    unseen = _unseen(rows, measured, champion)
    leavers = int(left[unseen].sum())
    if leavers < params.promotion.minimum_positive_count or leavers == len(unseen):
        return Promotion(True, f"newer, and {leavers} leavers since the one in use are too few to compare them")
    try:
        old = _auc_of(champion, rows.iloc[unseen], left[unseen], settings)
    except (FeatureContractError, ModelFileError) as problem:
        return Promotion(True, f"the one in use cannot be used any more: {problem.message}")
    places = {row: place for place, row in enumerate(measured.test_rows)}
    new = float(roc_auc_score(left[unseen], [measured.test_probability[places[row]] for row in unseen]))
    told = f"AUC {new:.3f} against {old:.3f} of the one in use, on {len(unseen)} lines of later months"
    return Promotion(new >= old - params.promotion.maximum_auc_loss, told)


def outcomes(rows: pd.DataFrame, measured: Evaluation) -> pd.DataFrame:
    """What a recipe said of the `rows` (n, with subscription_id) it was tested on, and who of them left.

    Columns `probability` and `left`, by as_of_date and subscription_id.
    """
    found = rows.iloc[measured.test_rows]
    return pd.DataFrame(
        {"probability": measured.test_probability, "left": found[LABEL].to_numpy(dtype=int)},
        index=pd.MultiIndex.from_frame(found[["as_of_date", "subscription_id"]]),
    )


def judge_challenger(challenger: pd.DataFrame, standard: pd.DataFrame, why: str, params: Params) -> Promotion:
    """Whether a challenger that learnt from the newest months alone takes over, `why` being what has drifted.

    Both are as `outcomes` gives them. It does only if it ranks the rows that both were tested on better.
    """
    both = challenger.join(standard["probability"].rename("standard"), how="inner")
    leavers = int(both["left"].sum())
    if leavers < params.promotion.minimum_positive_count or leavers == len(both):
        return Promotion(False, f"{why}; {leavers} leavers are too few to compare the challenger")
    new = float(roc_auc_score(both["left"], both["probability"]))
    old = float(roc_auc_score(both["left"], both["standard"]))
    told = f"the newest months alone give AUC {new:.3f}, all months {old:.3f}, on {len(both)} lines of later months"
    return Promotion(new > old and new >= params.training.minimum_auc, f"{why}; {told}")


def _unseen(rows: pd.DataFrame, measured: Evaluation, champion: ModelRun) -> list[int]:
    """Rows of the test that the champion has not learnt from, by position."""
    last = dt.date.fromisoformat(champion.details["refit_to_date"])
    dates = pd.to_datetime(rows["as_of_date"]).dt.date.to_numpy()
    return [int(row) for row in measured.test_rows if dates[row] > last]


def _auc_of(
    champion: ModelRun, rows: pd.DataFrame, left: np.ndarray[tuple[int], np.dtype[np.int_]], settings: Settings
) -> float:
    model = load_model(model_path(settings, champion.model_run_id), champion.model_sha256, settings)
    inputs = [FeatureColumn(name, kind) for name, kind in champion.details["inputs"]]
    check_contract(rows, inputs)
    return float(roc_auc_score(left, model.predict_proba(split_inputs(rows, inputs))[:, 1]))
