"""What became of rows and control totals, as lines of text: the same at the prompt and in the log of a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tenure.landing.results import ControlTotal, FileResult, LandSummary, plain

LABEL_WIDTH = 31
NUMBER_WIDTH = 17
_HEADINGS = ("in files", "landed", "refused", "duplicate")
_NOTHING = ["0", "0", "0", "0"]
_KINDS = ("file", "landed", "rejected", "duplicate")

Numbers = Sequence[str]


@dataclass
class SheetLine:
    """Row counts under a label, and its control totals by name: each in the file, landed, refused, duplicate."""

    label: str
    rows: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    totals: dict[str, ControlTotal] = field(default_factory=dict)


def of_run(files: Iterable[FileResult]) -> list[SheetLine]:
    """A line for each entity of the files that landed in a run."""
    lines: dict[str, SheetLine] = {}
    for item in files:
        if item.status != "landed":
            continue
        line = lines.setdefault(f"{item.source}.{item.entity}", SheetLine(f"{item.source}.{item.entity}"))
        balance = item.balance
        counts = (balance.rows, balance.landed, balance.rejected, balance.duplicate)
        line.rows = [before + now for before, now in zip(line.rows, counts, strict=True)]
        for name, total in balance.totals.items():
            sums = line.totals.setdefault(name, ControlTotal())
            for kind in _KINDS:
                setattr(sums, kind, getattr(sums, kind) + getattr(total, kind))
    return list(lines.values())


def of_ledger(days: Iterable[Mapping[str, Any]]) -> list[SheetLine]:
    """A line for each source and business date of `load_status`'s balance."""
    return [
        SheetLine(
            f"{day['source_name']} {day['business_date']}",
            [day["row_count"], day["landed_count"], day["rejected_count"], day["duplicate_count"]],
            {
                name: ControlTotal(*(Decimal(total[kind]) for kind in _KINDS))
                for name, total in day["control_totals"].items()
            },
        )
        for day in days
    ]


def text_of(sheet: Sequence[SheetLine]) -> list[str]:
    """The sheet as lines of 100 characters; `!` stands before what does not add up. Totals of nothing are left out."""
    if not sheet:
        return []
    lines = [_line("rows and control totals", _HEADINGS, is_balanced=True)]
    for entry in sheet:
        whole, *parts = entry.rows
        lines.append(_line(entry.label, [f"{number:,}" for number in entry.rows], whole == sum(parts)))
        for name, total in entry.totals.items():
            numbers = [plain(getattr(total, kind)) for kind in _KINDS]
            if numbers != _NOTHING:
                lines.append(_line(f"  {name}", numbers, total.is_balanced))
    return lines


def _line(label: str, numbers: Numbers, is_balanced: bool) -> str:
    shown = label if len(label) < LABEL_WIDTH else f"{label[: LABEL_WIDTH - 2]}…"
    mark = " " if is_balanced else "!"
    return f"{mark}{shown:<{LABEL_WIDTH - 1}}" + "".join(f"{number:>{NUMBER_WIDTH}}" for number in numbers)


def refusals(summary: LandSummary) -> list[str]:
    """One line for each file that was refused."""
    return [f"refused {item.file_name}: {item.message}" for item in summary.files if item.status == "refused"]


def notes(summary: LandSummary) -> list[str]:
    """One line for each file that landed, or lay there already, with something to know about it."""
    return [f"{item.file_name}: {item.message}" for item in summary.files if item.message and item.status != "refused"]


def counts(summary: LandSummary) -> dict[str, Any]:
    """Files, rows and control totals of a run as plain data that JSON can hold."""
    sheet = of_run(summary.files)
    rows = [sum(numbers) for numbers in zip(*(line.rows for line in sheet), strict=True)] or [0, 0, 0, 0]
    return {
        "files_landed": summary.landed,
        "files_already_there": summary.unchanged + summary.duplicates,
        "files_refused": summary.refused,
        "rows_in_files": rows[0],
        "rows_landed": rows[1],
        "rows_rejected": rows[2],
        "rows_duplicate": rows[3],
        "control_totals": {
            f"{line.label}.{name}": {kind: plain(getattr(total, kind)) for kind in _KINDS}
            for line in sheet
            for name, total in line.totals.items()
        },
    }
