"""Run the operator month by month and write what it would deliver."""

import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from tenure.errors import TenureError
from tenure.simulator.behaviour import Behaviour, check_counts
from tenure.simulator.billing import make_bills
from tenure.simulator.catalogue import PRICE_CHANGES, offer_position
from tenure.simulator.changes import carry_out, renew_contracts
from tenure.simulator.enterprise import deliver_won
from tenure.simulator.entities import Entity, entities
from tenure.simulator.extracts import ExtractWriter
from tenure.simulator.joining import join
from tenure.simulator.journal import Columns, Journal
from tenure.simulator.life import move_usage, plan_month, voluntary_hazard
from tenure.simulator.office import begin_month, end_month
from tenure.simulator.opening import journal_offers, open_operator, yearly_sizes
from tenure.simulator.responses import settle_campaigns, write_campaigns
from tenure.simulator.state import World
from tenure.simulator.timeline import Month, day_date, month_at, parse_start
from tenure.simulator.truth import write_month, write_parameters
from tenure.simulator.usage import make_usage

_BILLING = "billing.invoice_line"


@dataclass(frozen=True)
class SimulationSummary:
    """What was written: where, which days it covers, how many files, bytes and rows (by `source.entity`)."""

    directory: Path
    subscriptions: int
    first_date: date
    last_date: date
    last_closed_month: date
    files: int
    bytes: int
    rows: dict[str, int] = field(default_factory=dict)
    defects: int = 0

    @property
    def total_rows(self) -> int:
        """Rows of all extracts."""
        return sum(self.rows.values())

    def __str__(self) -> str:
        return (
            f"{self.directory}: {self.files} files, {self.total_rows:,} rows, {self.bytes / 10**6:.1f} MB; an operator"
            f" that opens with {self.subscriptions:,} lines, {self.first_date} to {self.last_date}"
            + (f"; {self.defects} rows are bad on purpose" if self.defects else "")
        )


def simulate(
    out: Path,
    subscriptions: int,
    months: int,
    days: int = 0,
    seed: int = 1,
    start: str = "2025-08",
    *,
    dirty: float = 0.0,
    behaviour: Behaviour | None = None,
) -> SimulationSummary:
    """Write the extracts of an operator that opens with `subscriptions` lines, and `truth/` beside them.

    `months` closed months from `start` (YYYY-MM) come as one file per entity and month, then `days` (0-28) days of the
    next month as daily files. The same arguments give the same bytes; more months only add files. `dirty` (0-0.05) is
    the share of bad rows to add. `out` must be new or empty, else TenureError; it appears once it is complete.
    """
    behaviour = behaviour or Behaviour()
    check_counts(subscriptions, months, days, behaviour.events_per_day, dirty)
    opening = parse_start(start)
    if seed < 0:
        raise TenureError(f"seed is {seed}", hint="it must be 0 or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TenureError(f"{out} exists and is not empty", hint="give --out a new folder, or empty this one first")
    partial = out.parent / f".{out.name}.partial"
    if partial.exists():
        shutil.rmtree(partial)  # left behind by a simulation that was stopped
    partial.mkdir(parents=True)
    writer = ExtractWriter(partial, seed, dirty)
    _run(writer, partial, subscriptions, months, days, seed, opening, behaviour)
    writer.write_defects(partial / "truth" / "defects.jsonl")
    arguments = {"subscriptions": subscriptions, "seed": seed, "start": start, "dirty": dirty}
    write_parameters(partial, behaviour, arguments)
    if out.exists():
        out.rmdir()
    partial.rename(out)
    last_closed = month_at(opening, months - 1)
    return SimulationSummary(
        directory=out,
        subscriptions=subscriptions,
        first_date=opening,
        last_date=day_date(last_closed.end_day - 1 + days),
        last_closed_month=last_closed.first_date,
        files=writer.files,
        bytes=writer.bytes,
        rows=writer.rows,
        defects=len(writer.defects),
    )


def _run(
    writer: ExtractWriter,
    directory: Path,
    subscriptions: int,
    months: int,
    days: int,
    seed: int,
    opening: date,
    behaviour: Behaviour,
) -> None:
    journal = Journal()
    world = open_operator(seed, behaviour, journal, month_at(opening, 0), subscriptions)
    for index in range(months + (days > 0)):
        month = month_at(opening, index)
        is_open = index == months
        last_day = month.first_day + days - 1 if is_open else month.end_day - 1
        _live(world, seed, behaviour, journal, month, opening, directory, last_day)
        for entity in entities().values():
            _deliver(writer, entity, journal, month, days if is_open else 0)


def _live(
    world: World,
    seed: int,
    behaviour: Behaviour,
    journal: Journal,
    month: Month,
    opening: date,
    directory: Path,
    last_day: int,
) -> None:
    """One month of the operator: everything that happens in it goes into the journal."""
    _change_prices(world, journal, month)
    yearly_sizes(journal, month, opening.year)
    trials = begin_month(world, seed, behaviour, journal, month)
    hazard = voluntary_hazard(world, behaviour, month)
    write_campaigns(directory, world, month, hazard, trials)
    move_usage(world, seed, behaviour, month)
    joined = join(world, seed, behaviour, journal, month)
    deliver_won(world, seed, behaviour, journal, month)
    carry_out(world, seed, journal, month, plan_month(world, seed, behaviour, month, hazard, joined))
    renew_contracts(world, seed, journal, month)
    settle_campaigns(world, seed, journal, month, trials)
    cost = make_usage(world, seed, behaviour, journal, month)
    earlier = [month_at(opening, before) for before in range(month.index - 1, -1, -1)]
    make_bills(world, seed, behaviour, journal, month, earlier, cost)
    end_month(world, seed, journal, month)
    write_month(directory, world, month, hazard, world.lines.decline, last_day)


def _change_prices(world: World, journal: Journal, month: Month) -> None:
    for index, code, fee in PRICE_CHANGES:
        if index == month.index:
            position = offer_position(code)
            world.fees[position] = fee
            journal_offers(world, journal, np.array([position]), month.start)


def _deliver(writer: ExtractWriter, entity: Entity, journal: Journal, month: Month, days: int) -> None:
    """Write an entity's rows of the month: one file, or `days` daily files when the month is still open."""
    rows = journal.take(entity.full_name)
    if entity.full_name == "crm.subscription_event" and rows is not None:
        rows = _number_events(rows, month)
    if rows is None:
        table, row_days = entity.table(entity.no_rows()), np.empty(0, dtype=np.int64)
    else:
        table, row_days = entity.table(rows), entity.days(rows)
    if not days:
        named = month.end_day if entity.full_name == _BILLING else month.end_day - 1
        period = (month.first_date, day_date(month.end_day - 1))
        writer.write(entity, table, day_date(named), period, entity.monthly_format)
    elif not entity.is_monthly:
        writer.write_days(entity, table, row_days, month.first_day, days)


def _number_events(rows: Columns, month: Month) -> Columns:
    """The same rows in order of time, with event ids: the month and a running number within it."""
    order = np.lexsort((rows["event_type"], rows["subscription_id"], rows["occurred_at"]))
    ordered = {name: values[order] for name, values in rows.items()}
    ordered["event_id"] = int(month.code) * 10**8 + np.arange(1, len(order) + 1)
    return ordered
