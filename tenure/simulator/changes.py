"""Carry out the month's changes in order of time, one by one, so that each sees the state the last one left."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.catalogue import OFFERS, REGIONS, RIVALS, SEGMENTS, segment_offers
from tenure.simulator.codes import EVENT_TYPES
from tenure.simulator.journal import Journal
from tenure.simulator.life import PORT_OUT, Plan
from tenure.simulator.market import rival_pull
from tenure.simulator.people import (
    RELEASE_DAYS,
    add_accounts,
    add_customers,
    journal_customers,
    journal_lines,
    number_of,
    sign_contracts,
)
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Month

_TERMINATED = EVENT_TYPES.index("terminated")


@dataclass
class _Hand:
    """What every change needs at hand."""

    world: World
    journal: Journal
    rng: np.random.Generator
    month: Month


def carry_out(world: World, seed: int, journal: Journal, month: Month, plan: Plan) -> None:
    """Apply the plan; changes to a line already gone fall away."""
    hand = _Hand(world, journal, child(seed, "changes", month.index), month)
    lines = world.lines
    moved: set[int] = set()
    for row in np.lexsort((plan.event_type, plan.line, plan.at)):
        line, event = int(plan.line[row]), int(plan.event_type[row])
        # No two states of a line begin in the same second.
        at = max(int(plan.at[row]), int(lines.changed_at[line]) + 1)
        if lines.terminated_at[line] != NEVER or at >= month.end:
            continue
        other = -1
        if event == _TERMINATED:
            other = _terminate(hand, line, at, int(plan.reason[row]))
        elif not _change(hand, EVENT_TYPES[event], line, at, moved):
            continue
        lines.changed_at[line] = at
        journal.add(
            "crm.subscription_event",
            1,
            event_id=0,
            subscription_id=line + 1,
            event_type=event,
            occurred_at=at,
            reason_code=int(plan.reason[row]) if event == _TERMINATED else -1,
            other_operator=other,
        )


def _terminate(hand: _Hand, line: int, at: int, reason: int) -> int:
    """End a line; returns the rival it went to, or -1."""
    lines = hand.world.lines
    lines.terminated_at[line] = at
    if not lines.is_inactive[line]:
        lines.churned_at[line], lines.churn_reason[line] = at, reason
    _end_holding(hand, line, at, int(lines.main_holding[line]), int(lines.offer[line]), int(lines.main_started[line]))
    if lines.addon[line] >= 0:
        _end_holding(
            hand, line, at, int(lines.addon_holding[line]), int(lines.addon[line]), int(lines.addon_started[line])
        )
    if reason == PORT_OUT:
        # A number carried to a rival does not come back.
        lines.went_to[line] = hand.rng.choice(len(RIVALS), p=rival_pull(hand.world, line))
        return int(lines.went_to[line])
    if lines.msisdn[line] >= 0:
        hand.world.released.append((at + RELEASE_DAYS * DAY_SECONDS, int(lines.msisdn[line])))
    return -1


def _change(hand: _Hand, event: str, line: int, at: int, moved: set[int]) -> bool:
    """Apply a change of state; False when nothing came of it."""
    world, rng, lines = hand.world, hand.rng, hand.world.lines
    if event in ("suspended", "resumed"):
        lines.is_suspended[line] = event == "suspended"
        return True
    customer = int(lines.customer[line])
    if event == "plan_changed" and not _change_plan(hand, line, at):
        return False
    if event == "number_changed":
        world.released.append((at + RELEASE_DAYS * DAY_SECONDS, int(lines.msisdn[line])))
        lines.previous_msisdn[line], lines.number_changed_at[line] = lines.msisdn[line], at
        lines.msisdn[line] = int(number_of(world.counters.msisdn))
        world.counters.msisdn += 1
    if event == "account_changed":
        lines.account[line] = add_accounts(world, hand.journal, rng, np.array([customer]), np.array([at]))[0]
    if event == "region_changed":
        lines.region[line] = (lines.region[line] + rng.integers(1, len(REGIONS))) % len(REGIONS)
        if world.customers.kind[customer] == 0 and customer not in moved:
            moved.add(customer)
            world.customers.region[customer] = lines.region[line]
            journal_customers(world, hand.journal, np.array([customer]), np.array([at]))
    if event == "owner_changed":
        region = np.array([lines.region[line]])
        new_owner = add_customers(world, hand.journal, rng, np.array([False]), region, np.array([at]))
        moved.add(int(new_owner[0]))
        lines.customer[line], lines.user[line] = new_owner[0], -1
        lines.account[line] = add_accounts(world, hand.journal, rng, new_owner, np.array([at]))[0]
    journal_lines(world, hand.journal, np.array([line]), np.array([at]))
    return True


def _end_holding(hand: _Hand, line: int, at: int, holding: int, offer: int, started: int) -> None:
    hand.journal.add(
        "crm.subscribed_offer",
        1,
        subscribed_offer_id=holding,
        effective_at=at,
        subscription_id=line + 1,
        offer_id=offer,
        started_at=started,
        ended_at=at,
    )


def _change_plan(hand: _Hand, line: int, at: int) -> bool:
    """Move to another main offer: mostly a neighbour in the price list, now and then prepaid to postpaid."""
    world, rng, lines = hand.world, hand.rng, hand.world.lines
    segment = OFFERS[int(lines.offer[line])].segment
    if segment == "prepaid" and rng.random() < 0.25:
        segment = "postpaid"
    choices = segment_offers(segment)
    fee = OFFERS[int(lines.offer[line])].fee
    weights = np.array([1 / (1 + abs(OFFERS[index].fee - fee) / 2_000) for index in choices])
    offer = int(rng.choice(choices, p=weights / weights.sum()))
    if offer == lines.offer[line]:
        return False
    _end_holding(hand, line, at, int(lines.main_holding[line]), int(lines.offer[line]), int(lines.main_started[line]))
    world.counters.holding += 1
    lines.offer[line], lines.main_holding[line], lines.main_started[line] = offer, world.counters.holding, at
    if segment != SEGMENTS[3]:
        lines.discount[line] = 0
    hand.journal.add(
        "crm.subscribed_offer",
        1,
        subscribed_offer_id=world.counters.holding,
        effective_at=at,
        subscription_id=line + 1,
        offer_id=offer,
        started_at=at,
        ended_at=-1,
    )
    if OFFERS[offer].plan_type == "postpaid" and rng.random() < 0.5:
        sign_contracts(
            world,
            hand.journal,
            np.array([line]),
            np.array([at // DAY_SECONDS]),
            np.array([OFFERS[offer].term_months]),
            np.array([at]),
        )
    return True


def renew_contracts(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Contracts renewed a month early, as they run out, or some time after."""
    lines, rng = world.lines, child(seed, "renewals", month.index)
    bound = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & (lines.contract_ends >= 0)
        & (lines.activated_at < month.start)
        & np.array([offer.term_months > 0 for offer in OFFERS])[lines.offer]
    )
    ends = lines.contract_ends[bound]
    now = (ends >= month.first_day) & (ends < month.end_day)
    soon = (ends >= month.end_day) & (ends < month.end_day + 30)
    rate = np.where(now, 0.40, np.where(soon, 0.22, np.where(ends < month.first_day, 0.05, 0.0)))
    chosen = rng.random(len(bound)) < rate
    day = np.where(now, ends, rng.integers(month.first_day, month.end_day, len(bound)))
    at = day * DAY_SECONDS + rng.integers(36_000, 64_800, len(bound))
    chosen &= at > lines.changed_at[bound]
    rows, begins = bound[chosen], np.maximum(ends, day - 1)[chosen] + 1
    term = np.array([offer.term_months for offer in OFFERS])[lines.offer[rows]]
    sign_contracts(world, journal, rows, begins, term, at[chosen])
