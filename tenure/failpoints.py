"""Places where a process can be made to die: how the tests of crashes reach every side effect, before and after it."""

from __future__ import annotations

import os
import signal

VARIABLE = "TENURE_KILL_AT"


def reach(place: str) -> None:
    """Die here, as by a power cut, when TENURE_KILL_AT names this place (`<place>` or `<place>:<n>`, the n-th time)."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, count = wanted.partition(":")
    if name != place:
        return
    _PASSED[place] = _PASSED.get(place, 0) + 1
    if _PASSED[place] == int(count or 1):
        os.kill(os.getpid(), signal.SIGKILL)


_PASSED: dict[str, int] = {}
