"""Whether a simulation will fit on the disk, before it begins."""

import shutil
from pathlib import Path

from tenure.errors import TenureError

# Measured on operators of 2,000 to 50,000 lines, rounded up by half: bytes of a line at the opening, of a line in a
# month apart from its usage, and of a usage event. Daily files are the largest, so an open month costs more.
_OPENING_BYTES, _MONTH_BYTES, _EVENT_BYTES = 400, 300, 24
_DAYS_IN_MONTH = 30.4
# What is left must still be a working machine.
_SPARE_BYTES = 200 * 10**6


def expected_bytes(subscriptions: int, months: float, events_per_day: float) -> int:
    """Bytes that the extracts and the truth of an operator will take, rather too many than too few."""
    of_a_month = _MONTH_BYTES + _EVENT_BYTES * events_per_day * _DAYS_IN_MONTH
    return round(subscriptions * (_OPENING_BYTES + months * of_a_month))


def check_room(out: Path, subscriptions: int, months: float, events_per_day: float) -> None:
    """Refuse a simulation that the disk of `out` has no room for."""
    existing = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    needed, free = expected_bytes(subscriptions, months, events_per_day), shutil.disk_usage(existing).free
    if needed + _SPARE_BYTES > free:
        raise TenureError(
            f"the disk of {out} has {free / 10**9:.1f} GB free and about {needed / 10**9:.1f} GB will be written",
            hint="make room, choose another disk with --out, or simulate fewer subscriptions or months",
        )
