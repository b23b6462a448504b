"""Orders: what customers asked for, before it was done, and some that they called off."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.catalogue import OFFERS
from tenure.simulator.codes import EVENT_TYPES, REASONS
from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.staff import pick_sellers
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Integers, Month

ORDER_TYPES = ("new", "migrate", "renew", "addon", "terminate", "port_in")
STATUSES = ("placed", "completed", "cancelled")
_NEW, _MIGRATE, _RENEW, _ADDON, _TERMINATE, _PORT_IN = range(len(ORDER_TYPES))
_PLACED, _COMPLETED, _CANCELLED = range(len(STATUSES))
CANCELLED_RATE = 0.003  # orders called off, per line and month
LONGEST_WAIT = 2 * DAY_SECONDS
# Through which channel lines in service order (see catalogue.CHANNELS).
_CHANNEL_SHARES = (0.40, 0.42, 0.14, 0.04)
_KEY = 2**42  # later than any instant: line and instant in one number


@dataclass
class _Done:
    """Orders carried out this month."""

    kind: Integers
    line: Integers
    at: Integers
    offer: Integers

    def chosen(self, rows: Flags) -> "_Done":
        """Only the rows chosen."""
        return _Done(self.kind[rows], self.line[rows], self.at[rows], self.offer[rows])


def journal_orders(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the orders behind what happened to lines in the month: call it when all of it is in the journal."""
    lines, rng = world.lines, child(seed, "orders", month.index)
    done = _done(world, journal)
    count = len(done.line)
    called_off = _called_off(world, rng, month)
    kind = np.concatenate([done.kind, called_off.kind])
    line = np.concatenate([done.line, called_off.line])
    at = np.concatenate([done.at, called_off.at])
    status = np.where(np.arange(len(line)) < count, _COMPLETED, _CANCELLED)
    joins = (kind == _NEW) | (kind == _PORT_IN)
    draw = rng.choice(len(_CHANNEL_SHARES), len(line), p=_CHANNEL_SHARES)
    channel = np.where(joins, lines.channel[line], draw)
    waited = rng.integers(60, LONGEST_WAIT, len(line))
    # What was agreed before the simulation was placed and done at once; the rest within the month.
    placed = np.where(at < month.start, at, np.maximum(at - waited, month.start))
    order = np.lexsort((kind, line, at))
    columns = {
        "order_id": int(month.code) * 10**8 + np.arange(1, len(line) + 1),
        "customer_id": lines.customer[line][order] + 1,
        "subscription_id": line[order] + 1,
        "channel_id": channel[order],
        "staff_id": pick_sellers(rng, channel, lines.region[line])[order],
        "order_type": kind[order],
        "placed_at": placed[order],
        "offer_id": np.concatenate([done.offer, called_off.offer])[order],
        "opportunity_id": np.where(joins, lines.opportunity[line], -1)[order],
    }
    at, status, waits = at[order], status[order], (placed < at)[order]
    completed = np.where(status == _COMPLETED, at, -1)
    journal.add("crm.order", len(line), **columns, effective_at=at, status_code=status, completed_at=completed)
    first = {name: values[waits] for name, values in columns.items()}
    # What an order for a new line will be called, and often who will be the customer, is not known when it is placed.
    first["subscription_id"] = np.where(joins[order][waits], -1, first["subscription_id"])
    known = _known_before(world, journal, line[order][waits], first["placed_at"])
    first["customer_id"] = np.where(known, first["customer_id"], -1)
    journal.add(
        "crm.order", int(waits.sum()), **first, effective_at=first["placed_at"], status_code=_PLACED, completed_at=-1
    )


def _known_before(world: World, journal: Journal, line: Integers, at: Integers) -> Flags:
    """Whether the owner of each line was a customer before each instant."""
    since = np.zeros(len(world.customers), dtype=np.int64)
    first, changed = journal.column("crm.customer", "effective_at"), journal.column("crm.customer", "customer_id") - 1
    since[changed] = NEVER
    np.minimum.at(since, changed, first)
    return since[world.lines.customer[line]] <= at


def _done(world: World, journal: Journal) -> _Done:
    event, state, held = "crm.subscription_event", "crm.subscription", "crm.subscribed_offer"
    kinds, reasons = journal.column(event, "event_type"), journal.column(event, "reason_code")
    line, at = journal.column(event, "subscription_id") - 1, journal.column(event, "occurred_at")
    joins, migrates = kinds == EVENT_TYPES.index("activated"), kinds == EVENT_TYPES.index("plan_changed")
    asked = np.isin(reasons, (REASONS.index("request"), REASONS.index("port_out")))
    quits = (kinds == EVENT_TYPES.index("terminated")) & asked
    # Which plan was chosen stands in the state that began with the event.
    keys = (journal.column(state, "subscription_id") - 1) * _KEY + journal.column(state, "effective_at")
    place = np.argsort(keys)
    chosen = place[np.searchsorted(keys[place], (line * _KEY + at)[joins | migrates])]
    offer = np.full(len(line), -1)
    offer[joins | migrates] = journal.column(state, "main_offer_id")[chosen]
    kind = np.where(joins, np.where(world.lines.came_from[line] >= 0, _PORT_IN, _NEW), -1)
    kind = np.where(migrates, _MIGRATE, np.where(quits, _TERMINATE, kind))
    parts = [_Done(kind, line, at, offer).chosen(kind >= 0)]
    settled = np.sort((line * _KEY + at)[joins | migrates])
    signed = journal.column("crm.contract", "subscription_id") - 1, journal.column("crm.contract", "effective_at")
    parts.append(_own_orders(_RENEW, *signed, np.full(len(signed[0]), -1), settled))
    is_addon = np.array([item.offer_type == "addon" for item in OFFERS])
    taken = is_addon[journal.column(held, "offer_id")] & (journal.column(held, "ended_at") < 0)
    parts.append(
        _own_orders(
            _ADDON,
            journal.column(held, "subscription_id")[taken] - 1,
            journal.column(held, "started_at")[taken],
            journal.column(held, "offer_id")[taken],
            settled,
        )
    )
    return _Done(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("kind", "line", "at", "offer")))


def _own_orders(kind: int, line: Integers, at: Integers, offer: Integers, settled: Integers) -> _Done:
    """Orders of one kind, without what came with a new line or another plan in the same second."""
    key = line * _KEY + at
    place = np.minimum(np.searchsorted(settled, key), max(len(settled) - 1, 0))
    alone = settled[place] != key if len(settled) else np.ones(len(key), dtype=bool)
    return _Done(np.full(len(line), kind), line, at, offer).chosen(alone)


def _called_off(world: World, rng: np.random.Generator, month: Month) -> _Done:
    """Orders of lines in service that came to nothing."""
    lines = world.lines
    there = np.flatnonzero((lines.terminated_at == NEVER) & (lines.activated_at < month.start))
    line = there[rng.random(len(there)) < CANCELLED_RATE]
    kind = rng.choice([_MIGRATE, _RENEW, _ADDON], len(line), p=(0.6, 0.1, 0.3)).astype(np.int64)
    at = rng.integers(month.start + DAY_SECONDS, month.end, len(line))
    addon = next(position for position, offer in enumerate(OFFERS) if offer.offer_type == "addon")
    return _Done(kind, line, at, np.where(kind == _ADDON, addon, np.where(kind == _RENEW, -1, lines.offer[line])))
