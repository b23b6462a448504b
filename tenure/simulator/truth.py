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
        "usage_decline": pa.array(decline[there]),
        "dormant_from": dates(np.where(lines.dormant_from[there] <= last_day, lines.dormant_from[there], -1)),
        "inactive_churn_date": dates(np.where((silent >= month.first_day) & (silent <= last_day), silent, -1)),
        "terminated_at": instants(ended),
        "churn_reason": codes(reason, REASONS),
    }
    path = directory / "truth" / f"subscription_month_{month.code}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def _where(values: Floats, at: Integers) -> pa.Array:
    return pa.array(
        np.where(at >= 0, values[np.maximum(at, 0)], np.nan) if len(values) else np.full(len(at), np.nan), mask=at < 0
    )
