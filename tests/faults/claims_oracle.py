"""A slow landing in plain Python: which version of a file counts, and what becomes of each of its rows.

It shares no code with landing. A row is its key, a variant of its content, and what is odd about it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

# A file may speak of the day after its own.
DAYS_AHEAD = 1


@dataclass(frozen=True, order=True)
class Row:
    """One row: `day` of January 2026 on which it is dated; `variant` tells contents of one key apart."""

    key: int
    variant: int
    day: int
    is_bad: bool = False


@dataclass(frozen=True, order=True)
class Name:
    """The name of a file, in the order of its landing."""

    day: int
    sequence: int

    @property
    def stem(self) -> str:
        """What follows the entity in its name."""
        return f"202601{self.day}" + (f"_{self.sequence}" if self.sequence else "")


Content = tuple[Row, ...]


@dataclass
class Balance:
    """What became of the rows of a file."""

    rows: int = 0
    landed: int = 0
    rejected: int = 0
    duplicate: int = 0


@dataclass
class Entity:
    """The files of one entity as they count by now, with the versions that were replaced."""

    is_suspending: bool
    files: dict[Name, Content] = field(default_factory=dict)
    replaced: dict[Name, list[Content]] = field(default_factory=lambda: defaultdict(list))

    def land(self, delivered: Mapping[Name, Content]) -> None:
        """Land what lies in the folder."""
        for name in sorted(delivered):
            content = delivered[name]
            if content == self.files.get(name) or content in self.replaced[name]:
                continue
            if any(content == other for at, other in self.files.items() if at != name):
                continue
            if name in self.files:
                self.replaced[name].append(self.files[name])
            self.files[name] = content

    def version(self, name: Name) -> int:
        """The version of a file that counts."""
        return 1 + len(self.replaced[name])

    def outcome(self) -> tuple[dict[Name, Balance], Counter[tuple[Name, Row]]]:
        """The balance of each file, and the rows that stand."""
        balances = {name: Balance(rows=len(content)) for name, content in self.files.items()}
        known_until = max((name.day for name in self.files), default=0) + DAYS_AHEAD
        claims: dict[int, list[tuple[Name, Row]]] = defaultdict(list)
        for name in sorted(self.files):
            for row in self.files[name]:
                if row.is_bad or row.day > known_until:
                    balances[name].rejected += 1
                else:
                    claims[row.key].append((name, row))
        standing: Counter[tuple[Name, Row]] = Counter()
        for claim in claims.values():
            self._settle(claim, balances, standing)
        return balances, standing

    def _settle(
        self, claim: list[tuple[Name, Row]], balances: dict[Name, Balance], standing: Counter[tuple[Name, Row]]
    ) -> None:
        said = defaultdict(set)
        for name, row in claim:
            said[name].add(row)
        believed = [(name, row) for name, row in claim if len(said[name]) == 1]
        is_disputed = len({row for _, row in believed}) > 1
        for name, _ in claim:
            if len(said[name]) > 1 or (is_disputed and self.is_suspending):
                balances[name].rejected += 1
            else:
                balances[name].duplicate += 1
        if not believed or (is_disputed and self.is_suspending):
            return
        latest = max(name for name, _ in believed)
        winner = next((name, row) for name, row in believed if not is_disputed or name == latest)
        balances[winner[0]].duplicate -= 1
        balances[winner[0]].landed += 1
        standing[winner] += 1


def amount(row: Row) -> Decimal:
    """The amount that a row speaks of."""
    return Decimal(row.variant) + Decimal(row.key) / 100
