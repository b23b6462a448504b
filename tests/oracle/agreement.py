"""How a mart is read and compared with what the oracle counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
SLICE = "region_id, brand_name, service_line, plan_type, value_tier"


def rows_of(marts: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """Every row of a query."""
    return marts.execute(query).fetchall()


def assert_same(found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    """Equal as mappings; the message names the first few differences."""
    differing = [key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key)]
    shown = [(key, "mart", found.get(key), "oracle", expected.get(key)) for key in sorted(differing, key=str)[:8]]
    assert not differing, f"{len(differing)} of {len(expected)} differ: {shown}"
