"""What each line will do this month: who leaves and why, who fades, falls silent, falls behind or changes something.

Everything is decided at the start of the month from what was known then; `changes` carries it out in order of time.
"""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import OFFERS
from tenure.simulator.circles import circle_loss
from tenure.simulator.codes import EVENT_TYPES, REASONS
from tenure.simulator.joining import shop_hours
from tenure.simulator.market import campaign_pressure, rival_fees
from tenure.simulator.network import hours_lost
from tenure.simulator.people import TRAVELLER, TRAVELS_MORE
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month

REQUEST, PORT_OUT = REASONS.index("request"), REASONS.index("port_out")
RECENT_COMPLAINT_DAYS = 60
NON_PAYMENT, FRAUD = REASONS.index("non_payment"), REASONS.index("fraud")


@dataclass
class HazardParts:
    """The logit of leaving of each eligible line, in its parts (arrays over `lines`)."""

    lines: Integers
    parts: dict[str, Floats]
    probability: Floats
    is_prepaid: Flags


@dataclass
class Plan:
    """Changes to come: instant, line, event type (position in EVENT_TYPES) and, for endings, the reason."""

    at: Integers
    line: Integers
    event_type: Integers
    reason: Integers


def offer_flags(attribute: str, value: str) -> Flags:
    """For each offer, whether its attribute has the value."""
    return np.array([getattr(offer, attribute) == value for offer in OFFERS])


def is_prepaid(world: World) -> Flags:
    """For each line, whether its main offer is prepaid."""
    return offer_flags("plan_type", "prepaid")[world.lines.offer]


def net_fee(world: World, month: Month) -> Integers:
    """For each line, the monthly fee after its discount, in fen."""
    lines = world.lines
    percent = np.where(lines.discount_ends > month.index, lines.discount, 0)
    return world.fees[lines.offer] * (100 - percent) // 100


def price_gap(world: World, month: Month) -> Floats:
    """ln(own fee / the lowest that rivals ask in the region for the like)."""
    return np.log(net_fee(world, month) / rival_fees(world, month))


def complained_lately(world: World, month: Month) -> Flags:
    """For each line, whether it complained within the 60 days before the month."""
    return world.lines.complained_at >= month.start - RECENT_COMPLAINT_DAYS * DAY_SECONDS


def bill_shock(world: World) -> Floats:
    """Last bill over the mean of the two before, minus 1, from 0 to 1.5; 0 without history."""
    lines = world.lines
    usual = (lines.bill_2 + lines.bill_3) / 2
    known = (lines.bill_1 >= 0) & (lines.bill_2 > 0) & (lines.bill_3 > 0)
    return np.where(known, np.clip(lines.bill_1 / np.maximum(usual, 1) - 1, 0, 1.5), 0.0)


def voluntary_hazard(world: World, behaviour: Behaviour, month: Month) -> HazardParts:
    """Probability of leaving voluntarily within the month, for lines free to do so."""
    lines, weights = world.lines, behaviour.hazard
    day = month.first_day
    free = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & (lines.activated_at < month.start)
        & (lines.is_inactive == 0)
        & ~((lines.dormant_from <= day) & (lines.dormant_to > day))
        & ~((lines.suspended_from < month.start) & (lines.suspended_to >= month.start))
    )
    prepaid, broadband = is_prepaid(world), offer_flags("service_line", "broadband")[lines.offer]
    intercept = np.where(
        prepaid, weights.intercept_prepaid, np.where(broadband, weights.intercept_broadband, weights.intercept_postpaid)
    )
    tenure_months = (month.start - lines.activated_at) / (30.44 * DAY_SECONDS)
    has_contract = lines.contract_ends >= 0
    parts = {
        "intercept": intercept,
        "group": weights.group * (world.customers.kind[lines.customer] == 1),
        "tenure": weights.young_tenure * np.exp(-np.maximum(tenure_months, 0) / 10),
        "bound_by_contract": weights.bound_by_contract * (has_contract & (lines.contract_ends > day + 30)),
        "contract_expiring": weights.contract_expiring
        * (has_contract & (lines.contract_ends >= day - 45) & (lines.contract_ends <= day + 30)),
        "usage_decline": weights.usage_decline * np.where(broadband, 0.4, 1.0) * lines.decline,
        "bill_shock": weights.bill_shock * bill_shock(world),
        "price_gap": weights.price_gap * price_gap(world, month),
        "rival_campaign": weights.rival_campaign * campaign_pressure(world, month),
        # The network has not been run for this month yet: what counts is the month before.
        "network": weights.network * np.minimum(hours_lost(world) / 24, 2.0),
        "complaint": weights.complaint * complained_lately(world, month),
        "circle": weights.circle * circle_loss(world, month),
        "campaign": lines.campaign_effect,
    }
    chosen = {name: part[free] for name, part in parts.items()}
    logit = np.sum(list(chosen.values()), axis=0)
    return HazardParts(free, chosen, 1 / (1 + np.exp(-logit)), prepaid[free])


def move_usage(world: World, seed: int, behaviour: Behaviour, month: Month) -> None:
    """Let usage fade or recover, prepaid lines fall silent, and some travel; in force during this month."""
    lines, rng = world.lines, child(seed, "usage mood", month.index)
    count = len(lines)
    fades, recovers, depth = rng.random(count), rng.random(count), rng.uniform(0.45, 0.85, count)
    settled = (lines.terminated_at == NEVER) & (lines.activated_at < month.start)
    was_fading = lines.fading > 0
    start = behaviour.fade_start * np.exp(behaviour.fade_price_gap * price_gap(world, month)) * (1 + bill_shock(world))
    begins = settled & ~was_fading & (fades < start)
    ends = was_fading & (recovers < behaviour.fade_recovery)
    lines.fading = np.where(begins, depth, np.where(ends, 0.0, lines.fading))
    lines.decline = np.where(begins, 0.6 * lines.fading, lines.fading)
    # Silence: chosen now, beginning on a day of this month.
    falls, lasts, day = rng.random(count), rng.random(count), rng.integers(month.first_day, month.end_day, count)
    rate = np.where(was_fading, behaviour.dormancy_start_fading, behaviour.dormancy_start)
    awake = (lines.dormant_from == NEVER) | (lines.dormant_to <= month.first_day)
    silent = settled & awake & is_prepaid(world) & (falls < rate)
    short, long = rng.integers(25, 80, count), rng.integers(95, 200, count)
    until = np.where(
        lasts < behaviour.dormancy_short,
        day + short,
        np.where(lasts < behaviour.dormancy_short + behaviour.dormancy_long, day + long, NEVER),
    )
    lines.dormant_from = np.where(silent, day, lines.dormant_from)
    lines.dormant_to = np.where(silent, until, lines.dormant_to)
    travel_rate = behaviour.travel_rate * np.where(lines.behaviour_type == TRAVELLER, TRAVELS_MORE, 1.0)
    lines.travels = (rng.random(count) < travel_rate).astype(np.int64)


def plan_month(
    world: World, seed: int, behaviour: Behaviour, month: Month, hazard: HazardParts, joined: Integers
) -> Plan:
    """Everything that will happen to lines in the month, not yet in order."""
    rng = child(seed, "life", month.index)
    leaving = hazard.lines[rng.random(len(hazard.lines)) < hazard.probability]
    has_number = world.lines.msisdn[leaving] >= 0
    reason = np.where((rng.random(len(leaving)) < 0.45) & has_number, PORT_OUT, REQUEST)
    steps = [_step("terminated", leaving, shop_hours(rng, month, len(leaving)), reason)]
    steps.append(_returned_at_once(world, rng, behaviour, month, joined))
    steps.append(_reclaimed(world, rng, behaviour, month))
    steps.append(_fraud(world, rng, behaviour, month))
    steps.extend(_suspensions(world, rng, behaviour, month))
    steps.extend(_other_changes(world, rng, behaviour, month))
    columns = [np.concatenate(column) for column in zip(*steps, strict=True)]
    return Plan(*columns)


def _step(event: str, line: Integers, at: Integers, reason: Integers | int = -1) -> tuple[Integers, ...]:
    count = len(line)
    return (at, line, np.full(count, EVENT_TYPES.index(event)), np.broadcast_to(np.asarray(reason), (count,)))


def _returned_at_once(
    world: World, rng: np.random.Generator, behaviour: Behaviour, month: Month, joined: Integers
) -> tuple[Integers, ...]:
    """New lines given back before their first month is over."""
    back = joined[rng.random(len(joined)) < behaviour.first_weeks_return]
    at = world.lines.activated_at[back] + rng.integers(2, 14, len(back)) * DAY_SECONDS
    in_month = at < month.end
    return _step("terminated", back[in_month], at[in_month], REQUEST)


def _reclaimed(world: World, rng: np.random.Generator, behaviour: Behaviour, month: Month) -> tuple[Integers, ...]:
    """Numbers taken back from lines silent for too long; they were lost already, on day 90."""
    lines = world.lines
    day = lines.dormant_from + behaviour.reclaim_days
    gone = np.flatnonzero(
        (lines.is_inactive == 1)
        & (lines.terminated_at == NEVER)
        & (lines.dormant_to == NEVER)
        & (day >= month.first_day)
        & (day < month.end_day)
    )
    return _step("terminated", gone, day[gone] * DAY_SECONDS + rng.integers(3_600, 18_000, len(gone)), NON_PAYMENT)


def _fraud(world: World, rng: np.random.Generator, behaviour: Behaviour, month: Month) -> tuple[Integers, ...]:
    lines = world.lines
    young = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & (lines.is_inactive == 0)
        & (lines.activated_at < month.start)
        & (lines.activated_at > month.start - 92 * DAY_SECONDS)
    )
    caught = young[rng.random(len(young)) < behaviour.fraud_rate_new]
    return _step("terminated", caught, shop_hours(rng, month, len(caught)), FRAUD)


def _suspensions(
    world: World, rng: np.random.Generator, behaviour: Behaviour, month: Month
) -> list[tuple[Integers, ...]]:
    """Postpaid lines barred for arrears, and how earlier suspensions end."""
    lines = world.lines
    able = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & ~is_prepaid(world)
        & (lines.activated_at < month.start - 45 * DAY_SECONDS)
        & ((lines.suspended_to < month.start) | (lines.suspended_from == NEVER))
    )
    # The cheapest plans pay worst.
    risk = behaviour.arrears_rate * np.clip(8_000 / world.fees[lines.offer[able]], 0.4, 1.8) * lines.arrears_odds[able]
    barred = able[rng.random(len(able)) < risk]
    day = month.first_day + rng.integers(7, 25, len(barred))
    at = day * DAY_SECONDS + rng.integers(10_800, 21_600, len(barred))
    lost = rng.random(len(barred)) < behaviour.arrears_loss
    length = np.where(lost, rng.integers(35, 61, len(barred)), rng.integers(2, 21, len(barred)))
    lines.suspended_from[barred] = at
    lines.suspended_to[barred] = at + length * DAY_SECONDS + rng.integers(0, 36_000, len(barred))
    lines.suspension_outcome[barred] = np.where(lost, NON_PAYMENT, 0)
    ending = np.flatnonzero(
        (lines.suspended_to >= month.start) & (lines.suspended_to < month.end) & (lines.terminated_at == NEVER)
    )
    badly = lines.suspension_outcome[ending] > 0
    lose, keep = ending[badly], ending[~badly]
    return [
        _step("suspended", barred, at),
        _step("terminated", lose, lines.suspended_to[lose], lines.suspension_outcome[lose]),
        _step("resumed", keep, lines.suspended_to[keep]),
    ]


def _other_changes(
    world: World, rng: np.random.Generator, behaviour: Behaviour, month: Month
) -> list[tuple[Integers, ...]]:
    """Changes of plan, number, account, region and owner; only lines in lively use."""
    lines = world.lines
    lively = np.flatnonzero(
        (lines.terminated_at == NEVER)
        & (lines.activated_at < month.start)
        & (lines.last_activity >= month.first_day - 40)
        & (lines.dormant_from > month.end_day)
    )
    mobile = offer_flags("service_line", "mobile")[lines.offer]
    steps = []
    for event, rate, eligible in (
        ("plan_changed", behaviour.plan_change, lively),
        ("number_changed", behaviour.number_change, lively[mobile[lively]]),
        ("account_changed", behaviour.account_move, lively),
        ("region_changed", behaviour.region_move, lively),
        ("owner_changed", behaviour.owner_move, lively[world.customers.kind[lines.customer[lively]] == 0]),
    ):
        chosen = eligible[rng.random(len(eligible)) < rate]
        steps.append(_step(event, chosen, shop_hours(rng, month, len(chosen))))
    return steps
