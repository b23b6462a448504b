"""Ports of two homes that start at the same moment, and of one home with several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RESERVE = """
import sys
from pathlib import Path
from tenure.ports import ReservedPorts
print(ReservedPorts(Path(sys.argv[1]) / "ports.json").replace_if_busy("test"), flush=True)
sys.stdin.read()
"""


def _reserve(home: Path) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-c", RESERVE, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=20)


def test_two_homes_never_choose_the_same_port_before_either_listens(tmp_path: Path) -> None:
    first, port = _reserve(tmp_path / "first")
    second, other = _reserve(tmp_path / "second")
    assert port != other
    sibling, same = _reserve(tmp_path / "first")
    assert same == port
    for process in (first, second, sibling):
        _end(process)


def test_a_port_is_only_used_while_no_other_home_has_claimed_it(tmp_path: Path) -> None:
    first, port = _reserve(tmp_path / "first")
    _end(first)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "ports.json").write_text(json.dumps({"test": port}))
    second, again = _reserve(tmp_path / "second")
    assert again == port, "the claim of a process that has ended counts no more"
    # Now the first home comes back to a port that the second is about to use.
    first, moved = _reserve(tmp_path / "first")
    assert moved != port
    _end(first)
    _end(second)
