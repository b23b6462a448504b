"""The most memory that a process and all it starts hold at one time."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

_SECONDS_BETWEEN = 0.02


class PeakMemory:
    """Looks at a process and its children while the body runs; `peak_bytes` is then the most resident memory seen.

    The kernel's own high-water mark of the first process counts as well, so that no moment of it is missed. (That of
    `wait4` would not do: it begins with what the parent held when it forked.)
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_bytes = 0

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.is_set():
            together = sum(_status_bytes(pid, "VmRSS") for pid in _family(self._pid))
            self.peak_bytes = max(self.peak_bytes, together, _status_bytes(self._pid, "VmHWM"))
            self._end.wait(_SECONDS_BETWEEN)


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        # A thread, or the whole process, may end while we look.
        with suppress(OSError):
            for children in Path(f"/proc/{member}/task").glob("*/children"):
                found += [int(word) for word in children.read_text().split()]
    return found


def _status_bytes(pid: int, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
