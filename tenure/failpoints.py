"""Places where a process can be made to die: how the tests of crashes reach every side effect, before and after it."""

from __future__ import annotations

import os
import signal
from threading import Lock

VARIABLE = "TENURE_KILL_AT"


def reach(place: str) -> None:
    """Die here, as by a power cut, when TENURE_KILL_AT names this place (`<place>` or `<place>:<n>`, the n-th time)."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    name, _, count = wanted.partition(":")
    with _LOCK:
        PASSED[place] = PASSED.get(place, 0) + 1
        if (name, int(count or 1)) == (place, PASSED[place]):
            os.kill(os.getpid(), signal.SIGKILL)


# How often each place was passed, while TENURE_KILL_AT names any. Entities land in threads.
PASSED: dict[str, int] = {}
_LOCK = Lock()
