"""What was true of every line, for tests of marts and models: hazards with their parts, and what then happened."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tenure.simulator.behaviour import Behaviour, as_record
from tenure.simulator.codes import REASONS
from tenure.simulator.columns import codes, dates, identifiers, instants
from tenure.simulator.life import HazardParts
from tenure.simulator.people import BEHAVIOUR_TYPES
from tenure.simulator.state import World
from tenure.simulator.timeline import NEVER, Floats, Integers, Month


def write_parameters(directory: Path, behaviour: Behaviour, arguments: dict[str, object]) -> None:
    """truth/parameters.json: the coefficients and how the simulation was called."""
    record = {"arguments": arguments, "behaviour": as_record(behaviour)}
    path = directory / "truth" / "parameters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write_month(
    directory: Path, world: World, month: Month, hazard: HazardParts, decline: Floats, last_day: int
) -> None:
    """truth/subscription_month_YYYYMM.parquet: one row per line that was there in the month.

    `hazard` holds for lines free to leave; the others have none. `decline` is the usage lost in this month, by line.
    Endings after `last_day` (a day number) have not happened yet and are left out.
    """
    lines = world.lines
    there = np.flatnonzero((lines.activated_at // 86_400 <= last_day) & (lines.terminated_at > month.start))
    place = np.full(len(lines), -1)
    place[hazard.lines] = np.arange(len(hazard.lines))
    at = place[there]
    seen = lines.terminated_at // 86_400 <= last_day
    ended = np.where(seen & (lines.terminated_at < NEVER), lines.terminated_at, -1)[there]
    reason = np.where(seen & (lines.churned_at < NEVER), lines.churn_reason, -1)[there]
    silent = lines.inactive_on[there]
    columns = {
        "subscription_id": identifiers(there + 1, "S", 8),
        "month": dates(np.full(len(there), month.first_day)),
        "voluntary_hazard": _where(hazard.probability, at),
        **{f"logit_{name}": _where(part, at) for name, part in hazard.parts.items()},
        "true_segment": codes(lines.behaviour_type[there], BEHAVIOUR_TYPES),
        "usage_decline": pa.array(decline[there]),
        "dormant_from": dates(np.where(lines.dormant_from[there] <= last_day, lines.dormant_from[there], -1)),
        "inactive_churn_date": dates(np.where((silent >= month.first_day) & (silent <= last_day), silent, -1)),
        "terminated_at": instants(ended),
        "churn_reason": codes(reason, REASONS),
    }
    path = directory / "truth" / f"subscription_month_{month.code}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")
    _add_ceiling(directory / "truth" / "ceiling.json", month, hazard)


def _add_ceiling(path: Path, month: Month, hazard: HazardParts) -> None:
    """truth/ceiling.json: by month, what a model that knew every true hazard would reach."""
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    everybody = np.ones(len(hazard.lines), dtype=bool)
    groups = {"all": everybody, "prepaid": hazard.is_prepaid, "postpaid": ~hazard.is_prepaid}
    record = {"month": f"{month.first_date}"} | {
        name: {
            "auc": reachable_auc(hazard.probability[chosen]),
            "at_risk": int(chosen.sum()),
            "expected_churners": round(float(hazard.probability[chosen].sum()), 3),
        }
        for name, chosen in groups.items()
    }
    path.write_text(json.dumps([*earlier, record], indent=1) + "\n", encoding="utf-8")


def reachable_auc(probability: Floats) -> float | None:
    """AUC that the true probabilities have in expectation: each line counts as a case with its probability and as
    none with the rest; ties count half. None when there is nobody to tell apart."""
    value, group = np.unique(probability, return_inverse=True)
    cases = np.bincount(group, weights=probability, minlength=len(value))
    others = np.bincount(group, weights=1 - probability, minlength=len(value))
    if len(value) < 2:
        return None
    below = np.cumsum(others) - others
    return round(float((cases * (below + others / 2)).sum() / (cases.sum() * others.sum())), 5)


def _where(values: Floats, at: Integers) -> pa.Array:
    return pa.array(
        np.where(at >= 0, values[np.maximum(at, 0)], np.nan) if len(values) else np.full(len(at), np.nan), mask=at < 0
    )
