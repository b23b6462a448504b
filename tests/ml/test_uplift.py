"""Effects of contacts: what is planted is found, what is not there is not claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ml.params import load_params
from ml.uplift import GAIN, HARM, NO_EFFECT, qini, transformed_outcome, uplift_model

PARAMS = load_params().uplift
COUNT = 3000


def trial(seed: int, persuades: float, harms: float, count: int = COUNT, share: float = 0.6):
    """A trial in which the young are persuaded and the old are put off, with the true effect of each."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"tenure_days": rng.uniform(0, 2000, count), "noise": rng.normal(size=count)})
    effect = np.where(frame["tenure_days"] < 800, persuades, np.where(frame["tenure_days"] > 1600, harms, 0.0))
    treated = (rng.random(count) < share).astype(int)
    outcome = (rng.random(count) < 0.2 + effect * treated).astype(int)
    return frame, treated, outcome, np.full(count, share), effect


def test_transformed_outcome__has_the_effect_as_its_mean() -> None:
    _, treated, outcome, share, _ = trial(1, 0.2, -0.1)
    mean = transformed_outcome(treated.astype(float), outcome.astype(float), share).mean()
    assert mean == pytest.approx(outcome[treated == 1].mean() - outcome[treated == 0].mean())


def test_qini__of_the_true_effect_is_positive_and_of_its_opposite_negative() -> None:
    _, treated, outcome, share, effect = trial(2, 0.3, -0.15)
    best = qini(effect, treated, outcome, share)
    worst = qini(-effect, treated, outcome, share)
    assert best.low > 0 > worst.high


def test_qini__of_one_score_for_all_is_zero() -> None:
    _, treated, outcome, share, _ = trial(3, 0.3, 0.0)
    found = qini(np.ones(COUNT), treated, outcome, share)
    assert found.coefficient == pytest.approx(0.0, abs=1e-12)


def test_qini__by_hand() -> None:
    # Two treated with the outcome first, two controls without it last: gain is 2, 4, 4, 4 of 4 rows.
    found = qini([4, 3, 2, 1], [1, 1, 0, 0], [1, 1, 0, 0], [0.5] * 4, resamples=0)
    # Area under 0, .5, 1, 1, 1 over quarters is 0.75; that of the random order is 0.5.
    assert found.coefficient == pytest.approx(0.25)


def test_planted_effect__is_found_with_its_sleeping_dogs() -> None:
    frame, treated, outcome, share, effect = trial(4, 0.25, -0.15)
    model = uplift_model(PARAMS, 0).fit(frame, treated, outcome, share)
    predicted = model.predict(frame)
    assert model.verdict_ == GAIN
    assert model.is_individual_
    assert predicted[effect > 0].mean() > 0.15
    assert predicted[effect < 0].mean() < 0.02
    # On lines that it has not seen: of its own trial it also remembers the chance.
    unseen, treated, outcome, share, effect = trial(14, 0.25, -0.15)
    oracle = qini(effect, treated, outcome, share)
    assert oracle.low <= qini(model.predict(unseen), treated, outcome, share).coefficient <= oracle.high


def test_harm__is_said() -> None:
    frame, treated, outcome, share, _ = trial(5, -0.10, -0.10)
    assert uplift_model(PARAMS, 0).fit(frame, treated, outcome, share).verdict_ == HARM


def test_campaign_without_effect__is_said_to_have_none_in_at_least_nine_of_ten() -> None:
    quick = PARAMS.model_copy(update={"resamples": 100})
    claimed = 0
    for seed in range(30):
        frame, treated, outcome, share, _ = trial(100 + seed, 0.0, 0.0, count=600)
        model = uplift_model(quick, 0).fit(frame, treated, outcome, share)
        claimed += model.verdict_ != NO_EFFECT or model.is_individual_
        if model.verdict_ == NO_EFFECT and not model.is_individual_:
            assert (model.predict(frame) == 0.0).all()
    assert claimed <= 3


def test_trial_without_controls__is_refused() -> None:
    frame, _, outcome, share, _ = trial(6, 0.1, 0.0, count=300)
    with pytest.raises(ValueError, match="treated and control"):
        uplift_model(PARAMS, 0).fit(frame, np.ones(300), outcome, share)


def test_missing_inputs__are_no_obstacle() -> None:
    frame, treated, outcome, share, _ = trial(7, 0.25, 0.0)
    frame.loc[::3, "tenure_days"] = np.nan
    frame["never_known"] = np.nan
    model = uplift_model(PARAMS, 0).fit(frame, treated, outcome, share)
    assert np.isfinite(model.predict(frame)).all()
