"""Campaigns as experiments: who is targeted and who is kept out as control, and what that does to each line.

Each targeted line has a type, drawn from what can be observed of it plus noise: persuadable, sure (does it anyway),
lost (does it in no case) or sleeping dog (does the opposite when woken up). Only treated lines that were reached are
changed; the truth of both arms is written down.
"""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.campaigns import (
    CALENDAR,
    CHANNEL_CODES,
    OBJECTIVES,
    RESPONSE_TYPES,
    Campaign,
    campaigns_of,
    offer_of,
)
from tenure.simulator.catalogue import OFFERS, SEGMENTS, segment_offers
from tenure.simulator.columns import MILLION
from tenure.simulator.journal import Journal
from tenure.simulator.life import price_gap
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month

PERSUADABLE, SURE, LOST, SLEEPING_DOG = range(len(RESPONSE_TYPES))
CONTACT_CAP = 2  # contacts of one line in a month, over all campaigns
# Chance to take an offer without being asked, by type: persuadable, sure, lost, sleeping dog.
_UNASKED = np.array((0.02, 0.12, 0.01, 0.04))
_FAILED = {"sms": 0.04, "call": 0.20, "app": 0.12}
_WIN_BACK_DAYS = 365
_BUDGET_MARGIN = 1.2  # a budget is planned for a fifth more contacts than there will be


@dataclass
class Trial:
    """One campaign in one month; columns are by targeted line."""

    campaign: Campaign
    number: int
    line: Integers
    customer: Integers  # as the targets were drawn
    is_control: Flags
    is_reachable: Flags  # the message would arrive
    has_withdrawn: Flags
    kind: Integers  # position in RESPONSE_TYPES
    shift: Floats  # what being reached does: to the logit of leaving, or to the probability
    unasked: Floats  # probability of the outcome without the campaign; for leaving known only from the hazard
    contact_at: Integers

    @property
    def reached(self) -> Flags:
        """Lines that the campaign acts on."""
        return ~self.is_control & self.is_reachable


def start_campaigns(world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month) -> list[Trial]:
    """Choose targets and control groups of the month's campaigns and put their effects in force."""
    lines = world.lines
    lines.campaign_effect, lines.lasting_effect = lines.lasting_effect, np.zeros(len(lines))
    lines.win_back_effect = np.zeros(len(lines))
    lines.contacts = np.zeros(len(lines), dtype=np.int64)
    trials = []
    for position in campaigns_of(seed, month.index):
        campaign = CALENDAR[position]
        rng = child(seed, f"campaign {campaign.name}", month.index)
        trial = _draw_trial(world, rng, month, campaign, int(month.code) * 100 + position)
        reached = trial.line[trial.reached]
        if campaign.outcome == "left":
            lines.retention_trial[trial.line] = month.index
            lines.campaign_effect[reached] += trial.shift[trial.reached]
            lines.lasting_effect[reached] += trial.shift[trial.reached] * campaign.lasts
        if campaign.outcome == "came_back":
            trial.unasked = np.full(len(trial.line), behaviour.win_back_rate)
            lines.win_back_effect[reached] = trial.shift[trial.reached]
        lines.contacts[trial.line[~trial.is_control]] += 1
        _journal_campaign(journal, month, trial)
        trials.append(trial)
    return trials


def _draw_trial(world: World, rng: np.random.Generator, month: Month, campaign: Campaign, number: int) -> Trial:
    lines, profiles = world.lines, world.profiles
    eligible = np.flatnonzero(_audience(world, month, campaign) & _may_contact(world, month, campaign))
    line = eligible[rng.random(len(eligible)) < campaign.reach]
    count = len(line)
    place = _place(rng, _trait(world, month, campaign)[line])
    harmed = (1 - campaign.sleeping_dog) <= place
    unmoved = np.where(_is_sure(world, rng, campaign, line), SURE, LOST)
    kind = np.where(place < campaign.persuadable, PERSUADABLE, np.where(harmed, SLEEPING_DOG, unmoved))
    strength = rng.uniform(0.7, 1.3, count)
    shift = strength * np.where(kind == PERSUADABLE, campaign.helps, np.where(kind == SLEEPING_DOG, campaign.harms, 0))
    # Those who leave may do so on any day, so they are called first.
    first_day, days = (0, 2) if campaign.outcome == "left" else (1, 10)
    contact_day = month.first_day + first_day + rng.integers(0, days, count)
    withdrawn = profiles.withdrew_in[lines.customer[line]] == month.index
    return Trial(
        campaign=campaign,
        number=number,
        line=line,
        customer=lines.customer[line],
        is_control=rng.random(count) < campaign.control_share,
        is_reachable=(rng.random(count) >= _FAILED[campaign.channel]) & ~withdrawn,
        has_withdrawn=withdrawn,
        kind=kind,
        shift=shift,
        unasked=_UNASKED[kind],
        contact_at=contact_day * DAY_SECONDS + rng.integers(32_400, 68_400, count),
    )


def _may_contact(world: World, month: Month, campaign: Campaign) -> Flags:
    """Lines whose customer allowed it when the targets were drawn, and that are not in another trial of leaving."""
    lines, profiles = world.lines, world.profiles
    withdrawn = profiles.withdrew_in == month.index
    allowed = (profiles.allows_marketing == 1) | withdrawn
    if campaign.channel == "call":
        allowed &= (profiles.allows_calls == 1) | withdrawn
    may = allowed[lines.customer] & (lines.contacts < CONTACT_CAP)
    return may & (lines.retention_trial < month.index - 1) if campaign.outcome == "left" else may


def _audience(world: World, month: Month, campaign: Campaign) -> Flags:
    """Lines that the campaign is meant for."""
    lines = world.lines
    if campaign.audience == "lost":
        since = month.start - _WIN_BACK_DAYS * DAY_SECONDS
        left = (lines.churned_at < month.start) & (lines.churned_at > since) & (lines.churn_reason <= 2)
        return left & (lines.has_returned == 0)
    awake = (lines.dormant_from >= month.end_day) | (lines.dormant_to <= month.first_day)
    barred = (lines.suspended_from < month.end) & (lines.suspended_to >= month.start)
    in_service = (lines.terminated_at == NEVER) & (lines.activated_at < month.start) & (lines.is_inactive == 0)
    day, tenure_days = month.first_day, (month.start - lines.activated_at) // DAY_SECONDS
    is_mobile = np.array([offer.service_line == "mobile" for offer in OFFERS])[lines.offer]
    is_postpaid = np.array([offer.plan_type == "postpaid" for offer in OFFERS])[lines.offer]
    contract_ended = (lines.contract_ends >= day - 45) & (lines.contract_ends <= day + 15)
    chosen = {
        "at_risk": (lines.fading > 0) | (is_postpaid & contract_ended & (price_gap(world, month) > 0)),
        "fading": lines.fading > 0,
        "settled": is_postpaid & (tenure_days > 180),
        "below_top_plan": next_plan(lines.offer) >= 0,
        "heavy_data": is_mobile & (lines.addon < 0) & (lines.data_share > 0.4),
        "no_addon": is_mobile & (lines.addon < 0),
        "member": world.profiles.is_member[lines.customer] == 1,
    }[campaign.audience]
    return chosen & awake & ~barred & in_service


def next_plan(offer: Integers) -> Integers:
    """The next dearer main offer of the same segment; -1 above the top."""
    above = np.full(len(OFFERS), -1)
    for segment in SEGMENTS:
        ladder = segment_offers(segment)
        above[ladder[:-1]] = ladder[1:]
    return above[offer]


def _trait(world: World, month: Month, campaign: Campaign) -> Floats:
    """What makes a line open to the campaign, as far as it can be observed; higher is more open."""
    lines = world.lines
    if campaign.audience in ("at_risk", "fading"):
        return price_gap(world, month)
    if campaign.audience == "below_top_plan":
        return np.log1p(lines.usage_billed / 100)
    if campaign.audience == "heavy_data":
        return lines.data_share
    return -(month.start - lines.activated_at) / DAY_SECONDS  # the young are open, the old want to be left alone


def _place(rng: np.random.Generator, trait: Floats) -> Floats:
    """Where each line stands among the targeted, from 0 (most open) to 1: half from its trait, half by chance."""
    count = len(trait)
    rank = np.argsort(np.argsort(-trait, kind="stable"), kind="stable") / max(count, 1)
    mixed = rank + rng.random(count)
    return np.argsort(np.argsort(mixed, kind="stable"), kind="stable") / max(count, 1)


def _is_sure(world: World, rng: np.random.Generator, campaign: Campaign, line: Integers) -> Flags:
    """Of lines that nothing moves: whether they do what is wanted anyway (stay, take the offer, come back)."""
    if campaign.outcome == "left":
        return world.lines.fading[line] == 0
    return rng.random(len(line)) < 0.25


def _journal_campaign(journal: Journal, month: Month, trial: Trial) -> None:
    campaign = trial.campaign
    contacts = int(len(trial.line) * (1 - campaign.control_share) * _BUDGET_MARGIN)
    journal.add(
        "marketing.campaign",
        1,
        campaign_id=trial.number,
        effective_at=month.start,
        campaign_name=CALENDAR.index(campaign),
        objective_code=OBJECTIVES.index(campaign.objective),
        channel_code=CHANNEL_CODES.index(campaign.channel),
        offer_id=offer_of(campaign),
        start_date=month.first_day,
        end_date=month.end_day - 1,
        budget_amount=max(10_000, -(-contacts * campaign.unit_cost // 10_000) * 10_000),
        unit_cost_amount=campaign.unit_cost,
        currency_code=0,
        control_share=round(campaign.control_share * MILLION),
    )
