"""What landing tells its callers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Status = Literal["landed", "refused", "duplicate_delivery", "unchanged"]


class FileRefused(Exception):
    """This file cannot land, for the reason in the message; nothing of it stays. It never leaves landing."""


def plain(number: Decimal) -> str:
    """A number without exponent and without zeros at its end."""
    return f"{number.normalize():f}"


@dataclass
class ControlTotal:
    """One summed column of a load: exact sums of the file and of the three things that can happen to a row."""

    file: Decimal = Decimal(0)
    landed: Decimal = Decimal(0)
    rejected: Decimal = Decimal(0)
    duplicate: Decimal = Decimal(0)

    @property
    def is_balanced(self) -> bool:
        """Whether nothing was lost and nothing counted twice."""
        return self.file == self.landed + self.rejected + self.duplicate


@dataclass
class Balance:
    """Rows and control totals of one load; rows are counted in the file itself, not in what was parsed."""

    rows: int = 0
    landed: int = 0
    rejected: int = 0
    duplicate: int = 0
    totals: dict[str, ControlTotal] = field(default_factory=dict)

    def move(self, before: str, after: str, count: int, totals: Mapping[str, Decimal]) -> None:
        """Rows that were counted as one thing (landed, rejected, duplicate) are another."""
        setattr(self, before, getattr(self, before) - count)
        setattr(self, after, getattr(self, after) + count)
        for name, moved in totals.items():
            total = self.totals[name]
            setattr(total, before, getattr(total, before) - moved)
            setattr(total, after, getattr(total, after) + moved)

    def check(self) -> None:
        """Raises FileRefused when rows or a control total do not add up."""
        if self.rows != self.landed + self.rejected + self.duplicate:
            raise FileRefused(
                f"rows do not balance: {self.rows} in the file, {self.landed} landed, {self.rejected} refused, "
                f"{self.duplicate} duplicates"
            )
        for name, total in self.totals.items():
            if not total.is_balanced:
                raise FileRefused(
                    f"control total {name} does not balance: {plain(total.file)} in the file, {plain(total.landed)} "
                    f"landed, {plain(total.rejected)} refused, {plain(total.duplicate)} duplicates"
                )


@dataclass(frozen=True)
class FileResult:
    """What became of one file for one entity."""

    source: str
    entity: str
    file_name: str
    status: Status
    message: str = ""
    business_date: dt.date | None = None
    version: int = 0
    balance: Balance = field(default_factory=Balance)


@dataclass
class LandSummary:
    """What became of every file of one `land`."""

    files: list[FileResult] = field(default_factory=list)

    def _count(self, status: Status) -> int:
        # A mapped file has a result for each entity it fills.
        return len({item.file_name for item in self.files if item.status == status})

    @property
    def landed(self) -> int:
        """Files landed now, corrections among them."""
        return self._count("landed")

    @property
    def refused(self) -> int:
        """Files refused as a whole."""
        return sum(item.status == "refused" for item in self.files)

    @property
    def duplicates(self) -> int:
        """Files delivered again with the same content."""
        return self._count("duplicate_delivery")

    @property
    def unchanged(self) -> int:
        """Files that lay there already when the last `land` ran."""
        return self._count("unchanged")

    @property
    def rows(self) -> int:
        """Rows landed now."""
        return sum(item.balance.landed for item in self.files if item.status == "landed")

    @property
    def rejected_rows(self) -> int:
        """Rows refused now, in files that landed otherwise."""
        return sum(item.balance.rejected for item in self.files if item.status == "landed")

    @property
    def duplicate_rows(self) -> int:
        """Rows that were there already, in files that landed."""
        return sum(item.balance.duplicate for item in self.files if item.status == "landed")

    @property
    def is_refused(self) -> bool:
        """Whether any file was refused: the exit status is then 1."""
        return self.refused > 0

    def __str__(self) -> str:
        counts = (
            f"{self.landed} files landed ({self.rows} rows, {self.rejected_rows} refused, "
            f"{self.duplicate_rows} duplicates), {self.unchanged + self.duplicates} already there, "
            f"{self.refused} files refused"
        )
        first = next((item for item in self.files if item.status == "refused"), None)
        return counts if first is None else f"{counts}\nrefused {first.file_name}: {first.message}"
