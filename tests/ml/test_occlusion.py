"""What a reason weighs: the same as scoring the row again with those columns changed, but cheaper."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from ml.churn import ChurnClassifier
from ml.occlusion import log_odds_lost
from tests.ml.public_data import churn_set
from tests.ml.test_churn_estimator import SMALL


def test_log_odds_lost__are_those_of_the_rows_scored_again() -> None:
    frame, left = churn_set("wa_churn")
    frame = frame.iloc[:1500].copy()
    frame.loc[::7, "monthly_charges"] = np.nan
    model = ChurnClassifier(**SMALL).fit(frame, left[:1500])
    encoded = model.encoder_.transform(frame)[:60]
    width = encoded.shape[1]
    groups = [*([column] for column in range(width)), [0, 1, width - 1], list(range(width))]
    row, group = np.repeat(np.arange(60), len(groups)), np.tile(np.arange(len(groups)), 60)
    changed = encoded[row]
    for place, number in enumerate(group):
        changed[place, groups[number]] = model.encoder_.reference_[groups[number]]
    before = logit(model.predict_encoded(encoded)[:, 1])
    expected = before[row] - logit(model.predict_encoded(changed)[:, 1])
    found = log_odds_lost(model, encoded, groups, row, group)
    assert np.abs(expected).max() > 1.0
    assert np.allclose(found, expected, rtol=0, atol=1e-9)
    # Without all of its features every row is the typical one.
    whole = found[group == len(groups) - 1]
    assert np.allclose(before - whole, (before - whole)[0], rtol=0, atol=1e-9)
