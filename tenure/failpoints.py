"""Places where a process can be made to die or to stand still, so that tests reach it before and after side effects."""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "TENURE_KILL_AT"
PAUSE_VARIABLE = "TENURE_PAUSE_AT"


def reach(place: str) -> None:
    """Die here, as by a power cut, when TENURE_KILL_AT names this place (`<place>` or `<place>:<n>`, the n-th time).

    Where TENURE_PAUSE_AT names it, stand still instead until somebody sends SIGCONT: whatever a process may wait for
    (a full machine, a suspended one) then happens here.
    """
    for variable, what in ((VARIABLE, signal.SIGKILL), (PAUSE_VARIABLE, signal.SIGSTOP)):
        wanted = os.environ.get(variable)
        if not wanted:
            continue
        name, _, count = wanted.partition(":")
        if name != place:
            continue
        _PASSED[variable] = _PASSED.get(variable, 0) + 1
        if _PASSED[variable] == int(count or 1):
            # To this thread: another one would have to be woken first, and this one would go on meanwhile.
            signal.pthread_kill(threading.get_ident(), what)


_PASSED: dict[str, int] = {}
