"""Places where a process can be made to die or to stand still, so that tests reach it before and after side effects."""

from __future__ import annotations

import os
import signal
from threading import Lock, get_ident

VARIABLE = "TENURE_KILL_AT"
PAUSE_VARIABLE = "TENURE_PAUSE_AT"


def reach(place: str) -> None:
    """Die here, as by a power cut, when TENURE_KILL_AT names this place (`<place>` or `<place>:<n>`, the n-th time).

    Where TENURE_PAUSE_AT names it, stand still instead until somebody sends SIGCONT: whatever a process may wait for
    (a full machine, a suspended one) then happens here.
    """
    if VARIABLE not in os.environ and PAUSE_VARIABLE not in os.environ:
        return
    with _LOCK:
        PASSED[place] = PASSED.get(place, 0) + 1
        for variable, what in ((VARIABLE, signal.SIGKILL), (PAUSE_VARIABLE, signal.SIGSTOP)):
            name, _, count = os.environ.get(variable, "").partition(":")
            if (name, int(count or 1)) == (place, PASSED[place]):
                # To this thread: another one would have to be woken first, and this one would go on meanwhile.
                signal.pthread_kill(get_ident(), what)


# How often each place was passed, while one of the variables is set. Entities land in threads.
PASSED: dict[str, int] = {}
_LOCK = Lock()
