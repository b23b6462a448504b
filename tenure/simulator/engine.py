"""Run the operator month by month and write what it would deliver."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from tenure.errors import TenureError
from tenure.simulator.behaviour import Behaviour, check_counts
from tenure.simulator.billing import make_bills
from tenure.simulator.care import take_care
from tenure.simulator.catalogue import PRICE_CHANGES, offer_position
from tenure.simulator.changes import carry_out, renew_contracts
from tenure.simulator.circles import settle_circles
from tenure.simulator.delivery import MonthDelivery
from tenure.simulator.enterprise import deliver_won
from tenure.simulator.extracts import ExtractWriter
from tenure.simulator.joining import join
from tenure.simulator.journal import Columns, Journal
from tenure.simulator.life import move_usage, plan_month, voluntary_hazard
from tenure.simulator.market import bring_numbers, close_market, open_market
from tenure.simulator.network import run_network
from tenure.simulator.office import begin_month, end_month
from tenure.simulator.opening import journal_offers, open_operator, yearly_sizes
from tenure.simulator.responses import settle_campaigns, write_campaigns
from tenure.simulator.room import check_room
from tenure.simulator.state import World
from tenure.simulator.timeline import Month, day_date, month_at, parse_start
from tenure.simulator.truth import write_month, write_parameters
from tenure.simulator.usage import make_usage


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
            + (f"; {self.defects:,} rows are bad or late on purpose" if self.defects else "")
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
    late: float = 0.0,
    behaviour: Behaviour | None = None,
) -> SimulationSummary:
    """Write the extracts of an operator that opens with `subscriptions` lines, and `truth/` beside them.

    `months` closed months from `start` (YYYY-MM) come as one file per entity and month, then `days` (0-28) days of the
    next month as daily files. The same arguments give the same bytes; more months only add files. `dirty` (0-0.05) is
    the share of bad rows to add; `late` (0-0.2) the share of events that come in a later file than that of their day,
    but always before the end, so that only the last file of an entity depends on there being no more.

    `out` must be new or empty and its disk have room, else TenureError; it appears once it is complete.
    """
    behaviour = behaviour or Behaviour()
    check_counts(subscriptions, months, days, behaviour.events_per_day, dirty, late)
    opening = parse_start(start)
    if seed < 0:
        raise TenureError(f"seed is {seed}", hint="it must be 0 or more")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TenureError(f"{out} exists and is not empty", hint="give --out a new folder, or empty this one first")
    check_room(out, subscriptions, months + days / 30, behaviour.events_per_day)
    partial = out.parent / f".{out.name}.partial"
    if partial.exists():
        shutil.rmtree(partial)  # left behind by a simulation that was stopped
    partial.mkdir(parents=True)
    writer = ExtractWriter(partial, seed, dirty, late)
    _run(writer, partial, subscriptions, months, days, seed, opening, behaviour)
    writer.close()
    arguments = {"subscriptions": subscriptions, "seed": seed, "start": start, "dirty": dirty, "late": late}
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
        defects=writer.defects.count,
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
        delivery = MonthDelivery(
            writer,
            month,
            days if is_open else 0,
            is_end=index == months - (days == 0),
            is_closing=index == months - 1,
        )
        _live(world, seed, behaviour, journal, month, opening, directory, last_day, delivery.usage)
        delivery.end_usage()
        delivery.rest(journal)


def _live(
    world: World,
    seed: int,
    behaviour: Behaviour,
    journal: Journal,
    month: Month,
    opening: date,
    directory: Path,
    last_day: int,
    deliver_usage: Callable[[Columns, int], None],
) -> None:
    """One month of the operator: everything that happens in it goes into the journal, or into `deliver_usage`."""
    _change_prices(world, journal, month)
    yearly_sizes(world, journal, month, opening.year)
    open_market(world, seed, journal, month)
    trials = begin_month(world, seed, behaviour, journal, month)
    hazard = voluntary_hazard(world, behaviour, month)
    write_campaigns(directory, world, month, hazard, trials)
    run_network(world, seed, journal, month)
    move_usage(world, seed, behaviour, month)
    joined = join(world, seed, behaviour, journal, month)
    deliver_won(world, seed, behaviour, journal, month)
    settle_circles(world, seed, month)
    bring_numbers(world, seed, month, joined)
    carry_out(world, seed, journal, month, plan_month(world, seed, behaviour, month, hazard, joined))
    renew_contracts(world, seed, journal, month)
    settle_campaigns(world, seed, journal, month, trials)
    cost = make_usage(world, seed, journal, month, deliver_usage)
    take_care(world, seed, journal, month)
    earlier = [month_at(opening, before) for before in range(month.index - 1, -1, -1)]
    make_bills(world, seed, behaviour, journal, month, earlier, cost)
    close_market(world, seed, journal, month)
    end_month(world, seed, journal, month)
    write_month(directory, world, month, hazard, world.lines.decline, last_day)


def _change_prices(world: World, journal: Journal, month: Month) -> None:
    for index, code, fee in PRICE_CHANGES:
        if index == month.index:
            position = offer_position(code)
            world.fees[position] = fee
            journal_offers(world, journal, np.array([position]), month.start)
