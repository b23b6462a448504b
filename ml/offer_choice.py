"""Whom to contact with what: the most that a budget can earn, within what customers allow and can bear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array, vstack

from tenure.errors import TenureError

# A share of a contact that the linear programme may leave for rounding.
_WHOLE = 1.0 - 1e-6


@dataclass(frozen=True)
class Choice:
    """Which candidates are contacted, shape (n,); what that costs and is expected to earn.

    `bound` is what no choice within the limits can exceed, in increment less cost: how far from the best this one is.
    """

    is_chosen: npt.NDArray[np.bool_]
    cost: float
    increment: float
    bound: float


def choose(candidates: pd.DataFrame, budget: float, per_customer: int) -> Choice:
    """Choose contacts that earn most: a linear programme (HiGHS through scipy), its few parts of contacts made whole.

    `candidates` (n): subscription_id, customer_id, `increment` (expected value that the contact adds, before its cost),
    `cost`, `is_allowed` (eligible, agreed to the channel, not contacted too often). At most one contact a subscription
    and `per_customer` a customer, no more than `budget` in all, and none that costs more than it earns. Parts of
    contacts arise only where the budget ends, so what rounding loses is worth a contact or two. Raises TenureError when
    the solver fails.
    """
    net = candidates["increment"].to_numpy(dtype=float) - candidates["cost"].to_numpy(dtype=float)
    possible = np.flatnonzero(candidates["is_allowed"].to_numpy(dtype=bool) & (net > 0))
    is_chosen = np.zeros(len(candidates), dtype=bool)
    bound = 0.0
    if len(possible):
        rows = candidates.iloc[possible]
        limits = [
            (_membership(rows["subscription_id"]), 1.0),
            (_membership(rows["customer_id"]), float(per_customer)),
            (csr_array(rows["cost"].to_numpy(dtype=float)[None, :]), float(budget)),
        ]
        matrix = vstack([part for part, _ in limits]).tocsr()
        upper = np.concatenate([np.full(part.shape[0], limit) for part, limit in limits])
        found = linprog(-net[possible], A_ub=matrix, b_ub=upper, bounds=(0.0, 1.0), method="highs-ds")
        if found.x is None:
            raise TenureError(f"no choice of offers was found: {found.message}")
        bound = float(-found.fun)
        is_chosen[possible[_made_whole(found.x, net[possible], matrix, upper)]] = True
    chosen = candidates[is_chosen]
    return Choice(is_chosen, float(chosen["cost"].sum()), float(chosen["increment"].sum()), bound)


def _made_whole(
    parts: npt.NDArray[np.float64], net: npt.NDArray[np.float64], matrix: csr_array, upper: npt.NDArray[np.float64]
) -> npt.NDArray[np.intp]:
    """Whole contacts of the solution, and then those that still fit, the best first."""
    chosen = parts >= _WHOLE
    left = upper - matrix @ chosen.astype(float)
    columns = matrix.tocsc()
    for place in np.lexsort((np.arange(len(net)), -net)):
        if not chosen[place]:
            start, end = columns.indptr[place], columns.indptr[place + 1]
            rows, used = columns.indices[start:end], columns.data[start:end]
            if np.all(left[rows] >= used - 1e-9):
                chosen[place] = True
                left[rows] -= used
    return np.flatnonzero(chosen)


def _membership(names: pd.Series) -> csr_array:
    """Which row belongs to which name: shape (names, rows)."""
    codes, known = pd.factorize(names)
    places = np.arange(len(names))
    return csr_array((np.ones(len(names)), (codes, places)), shape=(len(known), len(names)))
