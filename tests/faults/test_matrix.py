"""Every fault that landing must survive has tests that make it happen: `matrix.yml` names them, and they exist."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tenure.settings import ROOT

CASES: dict[int, dict[str, Any]] = yaml.safe_load((ROOT / "tests/faults/matrix.yml").read_text())["cases"]
EXPECTED = {*range(1, 38), *range(41, 50), *range(55, 63)}
PLACES = ("tests/landing/", "tests/protection/", "tests/faults/", "tests/unit/", "tests/warehouse/", "tests/superset/")


@lru_cache
def _tests_of(path: Path) -> set[str]:
    """The tests of a file that run: those that are always skipped do not count."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if not any(mark.startswith(("pytest.mark.skip(", "pytest.mark.xfail")) for mark in marks):
                found.add(node.name)
    return found


def test_matrix__has_every_case() -> None:
    assert set(CASES) == EXPECTED
    assert len({case["what"] for case in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("number", sorted(EXPECTED))
def test_case__has_tests_that_exist(number: int) -> None:
    tests = CASES[number]["tests"]
    assert tests
    assert len(set(tests)) == len(tests)
    for test in tests:
        file, _, name = test.partition("::")
        assert file.startswith(PLACES), test
        assert name in _tests_of(ROOT / file), test
