"""What came of the month's campaigns: contacts and answers, offers taken, contracts renewed, and the truth of it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tenure.simulator.campaigns import RESPONSE_TYPES, offer_of
from tenure.simulator.catalogue import OFFERS
from tenure.simulator.codes import EVENT_TYPES
from tenure.simulator.columns import codes, identifiers
from tenure.simulator.consents import ASSIGNED_AT_SECOND
from tenure.simulator.journal import Journal
from tenure.simulator.life import HazardParts
from tenure.simulator.marketing import Trial, next_plan
from tenure.simulator.people import journal_lines, sign_contracts
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month

DELIVERY_CODES = ("delivered", "failed", "opted_out", "not_contacted")
RESPONSE_CODES = ("accepted", "declined", "none")
_DELIVERED, _FAILED, _OPTED_OUT, _NOT_CONTACTED = range(len(DELIVERY_CODES))
_ACCEPTED, _DECLINED, _NONE = range(len(RESPONSE_CODES))
# Chance to accept a renewal or a gift, by type: persuadable, sure, lost, sleeping dog.
_ACCEPTS = np.array((0.50, 0.35, 0.03, 0.02))
_DECLINES = 0.2
EFFECT_HEADER = "campaign_id,objective_code,outcome,targeted,control,average_effect," + ",".join(
    f"{kind}_share" for kind in RESPONSE_TYPES
)


def settle_campaigns(world: World, seed: int, journal: Journal, month: Month, trials: list[Trial]) -> None:
    """Let targeted lines answer: call it after the month's other changes were carried out."""
    for trial in trials:
        rng = child(seed, f"response {trial.campaign.name}", month.index)
        at = trial.contact_at + rng.integers(1_800, 5 * DAY_SECONDS, len(trial.line))
        draw = rng.random(len(trial.line))
        if trial.campaign.outcome == "took_offer":
            acts = draw < trial.unasked + np.where(trial.reached, trial.shift, 0)
            done_at = _take_offer(world, journal, month, trial, np.flatnonzero(acts), at)
        elif trial.campaign.outcome == "came_back":
            done_at = _returns(world, month)[trial.line]
        else:
            done_at = _renewals(world, journal, month, trial, np.flatnonzero(draw < _ACCEPTS[trial.kind]), at)
        _journal_contacts(world, rng, journal, month, trial, done_at)


def _take_offer(world: World, journal: Journal, month: Month, trial: Trial, acting: Integers, at: Integers) -> Integers:
    """Change the plan or add the add-on of those who take the offer; when each did, NEVER for the others."""
    lines, done_at = world.lines, np.full(len(trial.line), NEVER)
    # A line may change only after its last change, and one that ends in this month is left alone.
    line, at = trial.line[acting], np.maximum(at[acting], lines.changed_at[trial.line[acting]] + 600)
    barred = (lines.suspended_from[line] < month.end) & (lines.suspended_to[line] >= month.start)
    offer = offer_of(trial.campaign)
    able = (lines.terminated_at[line] == NEVER) & ~barred & (at < month.end)
    able &= lines.addon[line] < 0 if offer >= 0 else next_plan(lines.offer[line]) >= 0
    acting, line, at = acting[able], line[able], at[able]
    if offer >= 0:
        _add_offer(world, journal, line, np.full(len(line), offer), at)
    else:
        _change_plans(world, journal, line, next_plan(lines.offer[line]), at)
    lines.changed_at[line] = at
    done_at[acting] = at
    return done_at


def _add_offer(world: World, journal: Journal, line: Integers, offer: Integers, at: Integers) -> None:
    lines = world.lines
    lines.addon[line], lines.addon_started[line] = offer, at
    lines.addon_holding[line] = _hold(world, journal, line, offer, at)


def _change_plans(world: World, journal: Journal, line: Integers, offer: Integers, at: Integers) -> None:
    lines, count = world.lines, len(line)
    _journal_holding(journal, lines.main_holding[line], line, lines.offer[line], lines.main_started[line], at, at)
    lines.offer[line], lines.main_started[line] = offer, at
    lines.main_holding[line] = _hold(world, journal, line, offer, at)
    is_group = np.array([item.segment == "group" for item in OFFERS])[offer]
    lines.discount[line] = np.where(is_group, lines.discount[line], 0)
    journal.add(
        "crm.subscription_event",
        count,
        event_id=0,
        subscription_id=line + 1,
        event_type=EVENT_TYPES.index("plan_changed"),
        occurred_at=at,
        reason_code=-1,
        other_operator=-1,
    )
    journal_lines(world, journal, line, at)


def _hold(world: World, journal: Journal, line: Integers, offer: Integers, at: Integers) -> Integers:
    """Begin to hold an offer; returns the numbers of the holdings."""
    number = world.counters.holding + np.arange(1, len(line) + 1)
    world.counters.holding += len(line)
    _journal_holding(journal, number, line, offer, at, np.full(len(line), -1), at)
    return number


def _journal_holding(
    journal: Journal,
    number: Integers,
    line: Integers,
    offer: Integers,
    started_at: Integers,
    ended_at: Integers,
    since: Integers,
) -> None:
    journal.add(
        "crm.subscribed_offer",
        len(number),
        subscribed_offer_id=number,
        effective_at=since,
        subscription_id=line + 1,
        offer_id=offer,
        started_at=started_at,
        ended_at=ended_at,
    )


def _returns(world: World, month: Month) -> Integers:
    """When each lost line came back as a new one this month; NEVER for the others."""
    lines = world.lines
    back = np.flatnonzero((lines.predecessor >= 0) & (lines.activated_at >= month.start))
    at = np.full(len(lines), NEVER)
    at[lines.predecessor[back]] = lines.activated_at[back]
    return at


def _renewals(
    world: World, journal: Journal, month: Month, trial: Trial, accepting: Integers, at: Integers
) -> Integers:
    """Who accepts a stay offer and when; a renewed contract begins as the present one ends."""
    lines, done_at = world.lines, np.full(len(trial.line), NEVER)
    line = trial.line[accepting]
    able = trial.reached[accepting] & (lines.terminated_at[line] == NEVER) & (at[accepting] < month.end)
    accepting, line = accepting[able], line[able]
    done_at[accepting] = at[accepting]
    if trial.campaign.audience == "at_risk":
        term = np.array([offer.term_months for offer in OFFERS])[lines.offer[line]]
        # Who has renewed by himself this month has nothing left to sign.
        signs = (lines.contract_ends[line] < month.end_day + 60) & (term > 0) & (at[accepting] > lines.changed_at[line])
        accepting, line, term = accepting[signs], line[signs], term[signs]
        begins = np.maximum(lines.contract_ends[line] + 1, at[accepting] // DAY_SECONDS)
        sign_contracts(world, journal, line, begins, term, at[accepting])
    return done_at


def _journal_contacts(
    world: World, rng: np.random.Generator, journal: Journal, month: Month, trial: Trial, done_at: Integers
) -> None:
    lines, line, count = world.lines, trial.line, len(trial.line)
    gone = (
        lines.terminated_at[line] < trial.contact_at
        if trial.campaign.outcome != "came_back"
        else done_at < trial.contact_at
    )
    untouched = trial.is_control | gone
    delivery = np.where(
        untouched,
        _NOT_CONTACTED,
        np.where(trial.has_withdrawn, _OPTED_OUT, np.where(trial.is_reachable, _DELIVERED, _FAILED)),
    )
    accepts = (delivery == _DELIVERED) & (done_at >= trial.contact_at) & (done_at < NEVER)
    declines = (delivery == _DELIVERED) & ~accepts & (rng.random(count) < _DECLINES)
    declined_at = np.minimum(trial.contact_at + rng.integers(600, DAY_SECONDS, count), month.end - 1)
    contacted = (delivery == _DELIVERED) | (delivery == _FAILED)
    journal.add(
        "marketing.campaign_contact",
        count,
        campaign_contact_id=trial.number * 10**8 + np.arange(1, count + 1),
        campaign_id=trial.number,
        subscription_id=line + 1,
        customer_id=trial.customer + 1,
        assigned_at=month.start + ASSIGNED_AT_SECOND,
        is_control=trial.is_control.astype(np.int64),
        contacted_at=np.where(contacted, trial.contact_at, -1),
        delivery_code=delivery,
        response_code=np.where(accepts, _ACCEPTED, np.where(declines, _DECLINED, _NONE)),
        responded_at=np.where(accepts, done_at, np.where(declines, declined_at, -1)),
        cost_amount=np.where(contacted, trial.campaign.unit_cost, 0),
        currency_code=0,
    )


def write_campaigns(directory: Path, world: World, month: Month, hazard: HazardParts, trials: list[Trial]) -> None:
    """truth/campaign_response_<campaign>.parquet for each trial, and its line in truth/campaign_effect.csv.

    Probabilities are of the outcome within the month, without the campaign and with it as far as it reaches the line,
    for the treated and the control group alike; the average effect is the mean difference among all targeted.
    """
    folder = directory / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for trial in trials:
        without, with_it = _probabilities(world, trial, hazard)
        name = f"G{trial.number:08d}"
        columns = {
            "subscription_id": identifiers(trial.line + 1, "S", 8),
            "is_control": pa.array(trial.is_control),
            "response_type": codes(trial.kind, RESPONSE_TYPES),
            "probability_without": pa.array(without),
            "probability_with": pa.array(with_it),
        }
        pq.write_table(pa.table(columns), folder / f"campaign_response_{name}.parquet", compression="zstd")
        campaign, count = trial.campaign, len(trial.line)
        effect = float((with_it - without).mean()) if count else 0.0
        shares = [f"{(trial.kind == kind).mean() if count else 0.0:.6f}" for kind in range(len(RESPONSE_TYPES))]
        values = [name, campaign.objective, campaign.outcome, str(count), str(int(trial.is_control.sum()))]
        rows.append(",".join([*values, f"{effect:.8f}", *shares]))
    path = folder / "campaign_effect.csv"
    if month.index == 0:
        path.write_text(EFFECT_HEADER + "\n", encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in rows)


def _probabilities(world: World, trial: Trial, hazard: HazardParts) -> tuple[Floats, Floats]:
    acts = np.where(trial.is_reachable, trial.shift, 0.0)
    if trial.campaign.outcome != "left":
        base = trial.unasked
        return base, np.clip(base + acts, 0, 1)
    chance = np.zeros(len(world.lines))
    chance[hazard.lines] = hazard.probability
    now = np.clip(chance[trial.line], 1e-12, 1 - 1e-12)
    logit = np.log(now / (1 - now)) - world.lines.campaign_effect[trial.line]
    free: Flags = chance[trial.line] > 0
    lasting = world.lines.campaign_effect[trial.line] - np.where(trial.reached, trial.shift, 0.0)
    without = 1 / (1 + np.exp(-(logit + lasting)))
    with_it = 1 / (1 + np.exp(-(logit + lasting + acts)))
    return np.where(free, without, 0.0), np.where(free, with_it, 0.0)
