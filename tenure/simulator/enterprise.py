"""Group customers: who uses their lines, what they may buy, and the way each opportunity takes to be won or lost."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import OFFERS, RIVALS, SEGMENTS
from tenure.simulator.codes import EVENT_TYPES
from tenure.simulator.journal import Journal
from tenure.simulator.people import add_lines
from tenure.simulator.randomness import child
from tenure.simulator.staff import staff_for
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Integers, Month

OPPORTUNITY_TYPES = ("standard_product", "ict_project", "rival_line")
PRODUCT_LINES = ("mobile", "broadband", "ict", "iot")
STAGES = ("identified", "qualified", "proposal", "negotiation", "won", "lost")
SOURCES = ("account_manager", "management", "partner")
EVENT_KINDS = ("created", "stage_changed", "visit", "delivered")
MEMBER_ROLES = ("employee", "key_person", "contact")
_MOBILE, _BROADBAND, _ICT, _IOT = range(len(PRODUCT_LINES))
_WON, _LOST = STAGES.index("won"), STAGES.index("lost")
# Mean days in each open stage, the chance to get on from it, and the chance of being won as the staff put it.
_DWELL_DAYS = np.array((9.0, 14.0, 16.0, 12.0))
_ADVANCES = np.array((0.80, 0.75, 0.75, 0.60))
PROBABILITY_PERCENT = np.array((10, 25, 45, 70, 100, 0))
OPENING_RATE, MONTHLY_RATE = 0.8, 0.3  # new opportunities for each group customer
RIVAL_LINE_SHARE = 0.35  # lines of a firm with rivals, for each line with us
LOST_TO_RIVAL = 0.7


@dataclass
class _Opportunities:
    """New opportunities of a month; the path is by opportunity and open stage."""

    number: Integers
    customer: Integers
    owner: Integers
    kind: Integers
    product: Integers
    source: Integers
    line_count: Integers
    amount: Integers
    rival: Integers
    rival_ends: Integers
    created_at: Integers
    entered_at: Integers  # (stages + 1) x opportunities: when each stage, and the decision, is reached
    last_stage: Integers  # the open stage it is decided in
    is_won: Integers


def deliver_won(world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month) -> None:
    """Put the lines of won opportunities into service in the month of their delivery: call it when others join."""
    won, lines = world.won, world.lines
    now = np.flatnonzero((won.delivered_at >= month.start) & (won.delivered_at < month.end) & (won.line_count > 0))
    order = np.repeat(now, won.line_count[now])
    segment = np.where(won.product[order] == _BROADBAND, SEGMENTS.index("broadband"), SEGMENTS.index("group"))
    place = np.arange(len(order)) - np.searchsorted(order, order)
    positions = add_lines(
        world,
        journal,
        child(seed, "won lines", month.index),
        behaviour,
        month,
        customer=won.customer[order],
        user=np.full(len(order), -1),
        account=won.account[order],
        region=world.customers.region[won.customer[order]],
        segment=segment,
        activated_at=won.delivered_at[order] + place * 60,
    )
    lines.opportunity[positions] = won.opportunity[order]


def sell_to_groups(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write the month's new opportunities with the course each will take, and the members of groups."""
    rng = child(seed, "opportunities", month.index)
    found = _draw(world, rng, month)
    _journal_path(world, rng, journal, month, found)
    _journal_members(world, child(seed, "group members", month.index), journal, month)


def _draw(world: World, rng: np.random.Generator, month: Month) -> _Opportunities:
    lines, customers = world.lines, world.customers
    lines_of = np.bincount(lines.customer[lines.terminated_at == NEVER], minlength=len(customers))
    firms = np.flatnonzero((customers.kind == 1) & (lines_of > 0))
    rate = MONTHLY_RATE + OPENING_RATE * (month.index == 0)
    customer = np.repeat(firms, rng.poisson(rate, len(firms)))
    count = len(customer)
    kind = rng.choice(len(OPPORTUNITY_TYPES), count, p=(0.50, 0.25, 0.25)).astype(np.int64)
    product = np.where(kind == 1, _ICT, np.where(kind == 2, _MOBILE, rng.choice((0, 1, 3), count, p=(0.6, 0.25, 0.15))))
    size = 1 + np.minimum(rng.pareto(1.5, count) * 2, 14).astype(np.int64)
    line_count = np.where(product == _MOBILE, size, np.where(product == _BROADBAND, 1 + (size > 4), 0))
    fee = np.where(product == _BROADBAND, 8_000, 6_800)
    project = rng.integers(50, 601, count) * 10_000
    created = rng.integers(month.start + 9 * 3_600, month.end, count)
    dwell = rng.gamma(2.0, 0.5, (4, count)) * _DWELL_DAYS[:, None] * DAY_SECONDS + 3_600
    entered = created + np.concatenate([np.zeros((1, count)), dwell.cumsum(axis=0)]).astype(np.int64)
    # A smaller deal is won more easily, and so is one that the firm's management opened the door for.
    source = rng.choice(len(SOURCES), count, p=(0.6, 0.25, 0.15)).astype(np.int64)
    advances = _ADVANCES[:, None] * np.where(source == 1, 1.1, np.where(source == 2, 0.9, 1.0))
    goes_on = rng.random((4, count)) < np.minimum(advances, 0.97)
    last_stage = np.where(goes_on.all(axis=0), 3, np.argmin(goes_on, axis=0))
    rival = rng.choice(len(RIVALS), count, p=(0.45, 0.40, 0.15)).astype(np.int64)
    contract_left = rng.integers(20, 500, count)
    return _Opportunities(
        number=int(month.code) * 10**4 + np.arange(1, count + 1),
        customer=customer,
        owner=staff_for("account_manager", customers.region[customer], customer),
        kind=kind,
        product=product,
        source=source,
        line_count=line_count,
        amount=np.where(line_count > 0, line_count * fee * 24, project),
        rival=rival,
        rival_ends=np.where(kind == 2, created // DAY_SECONDS + contract_left, -1),
        created_at=created,
        entered_at=entered,
        last_stage=last_stage,
        is_won=goes_on.all(axis=0).astype(np.int64),
    )


def _journal_path(
    world: World, rng: np.random.Generator, journal: Journal, month: Month, found: _Opportunities
) -> None:
    count = len(found.number)
    expected_day = found.created_at // DAY_SECONDS + int(_DWELL_DAYS.sum()) + rng.integers(-10, 31, count)
    to_rival = rng.random(count) < LOST_TO_RIVAL
    for stage in range(len(_DWELL_DAYS)):
        rows = np.flatnonzero(found.last_stage >= stage)
        before = np.full(len(rows), stage - 1)
        _journal_stage(world, journal, month, found, rows, found.entered_at[stage][rows], before, stage, expected_day)
        visited = rows[rng.random(len(rows)) < 0.5]
        length = found.entered_at[stage + 1][visited] - found.entered_at[stage][visited]
        at = found.entered_at[stage][visited] + (length * rng.uniform(0.1, 0.9, len(visited))).astype(np.int64)
        _journal_event(world, journal, month, found, visited, at, "visit", -1, -1)
    decided_at = found.entered_at[found.last_stage + 1, np.arange(count)]
    for stage, chosen in ((_WON, found.is_won == 1), (_LOST, found.is_won == 0)):
        rows = np.flatnonzero(chosen)
        rival = np.where(to_rival[rows] & (stage == _LOST), found.rival[rows], -1)
        _journal_stage(
            world, journal, month, found, rows, decided_at[rows], found.last_stage[rows], stage, expected_day, rival
        )
    won = np.flatnonzero(found.is_won)
    # Deliveries are prepared for weeks; none falls into the month in which the opportunity was found.
    delivered = decided_at[won] + rng.integers(5, 30, len(won)) * DAY_SECONDS
    delivered = np.maximum(delivered // DAY_SECONDS, month.end_day) * DAY_SECONDS + rng.integers(
        32_400, 61_200, len(won)
    )
    _journal_event(world, journal, month, found, won, delivered, "delivered", -1, -1)
    _, first = np.unique(world.accounts.customer, return_index=True)
    account = np.full(len(world.customers), -1)
    account[world.accounts.customer[first]] = first
    world.won.append(
        len(won),
        opportunity=found.number[won],
        customer=found.customer[won],
        account=account[found.customer[won]],
        product=found.product[won],
        line_count=found.line_count[won],
        amount=found.amount[won],
        delivered_at=delivered,
    )


def _journal_stage(
    world: World,
    journal: Journal,
    month: Month,
    found: _Opportunities,
    rows: Integers,
    at: Integers,
    before: Integers,
    stage: int,
    expected_day: Integers,
    rival: Integers | None = None,
) -> None:
    """The state of opportunities from the instant on at which they reach a stage, and the event of it."""
    own_rival = np.where(found.kind[rows] == OPPORTUNITY_TYPES.index("rival_line"), found.rival[rows], -1)
    world.agenda.add(
        journal,
        month,
        "enterprise.opportunity",
        at,
        len(rows),
        opportunity_id=found.number[rows],
        effective_at=at,
        customer_id=found.customer[rows] + 1,
        owner_staff_id=found.owner[rows],
        opportunity_type=found.kind[rows],
        product_line=found.product[rows],
        source_code=found.source[rows],
        stage_code=stage,
        line_count=found.line_count[rows],
        expected_amount=found.amount[rows],
        currency_code=0,
        probability=PROBABILITY_PERCENT[stage],
        expected_close_date=expected_day[rows],
        rival_name=own_rival if rival is None else np.where(rival >= 0, rival, own_rival),
        rival_contract_end_date=found.rival_ends[rows],
        created_at=found.created_at[rows],
    )
    kind = "created" if stage == 0 else "stage_changed"
    _journal_event(world, journal, month, found, rows, at, kind, before, stage)


def _journal_event(
    world: World,
    journal: Journal,
    month: Month,
    found: _Opportunities,
    rows: Integers,
    at: Integers,
    kind: str,
    before: Integers | int,
    stage: int,
) -> None:
    # Visits are told apart by the stage they fall into: at most one of each kind in each stage.
    reached = (found.entered_at[:, rows] <= at).sum(axis=0)
    world.agenda.add(
        journal,
        month,
        "enterprise.opportunity_event",
        at,
        len(rows),
        opportunity_event_id=(found.number[rows] * 10 + reached) * 10 + EVENT_KINDS.index(kind),
        opportunity_id=found.number[rows],
        occurred_at=at,
        event_type=EVENT_KINDS.index(kind),
        from_stage_code=before,
        to_stage_code=stage,
        staff_id=found.owner[rows],
    )


def _journal_members(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> None:
    """Members of groups: the lines they have with us as they come and go, and those known to be with rivals."""
    lines, event = world.lines, "crm.subscription_event"
    kinds, at = journal.column(event, "event_type"), journal.column(event, "occurred_at")
    line = journal.column(event, "subscription_id") - 1
    is_group = np.array([offer.segment == "group" for offer in OFFERS])[lines.offer[line]]
    for kind in ("activated", "terminated"):
        chosen = is_group & (kinds == EVENT_TYPES.index(kind))
        rows, since = line[chosen], at[chosen]
        begins = lines.activated_at[rows] // DAY_SECONDS
        journal.add(
            "enterprise.group_member",
            len(rows),
            group_member_id=rows + 1,
            effective_at=since,
            group_customer_id=lines.customer[rows] + 1,
            member_customer_id=np.where(lines.user[rows] >= 0, lines.user[rows] + 1, -1),
            subscription_id=rows + 1,
            member_role_code=np.where(rows % 10 == 0, 1, np.where(rows % 10 == 1, 2, 0)),
            valid_from_date=begins,
            valid_to_date=since // DAY_SECONDS if kind == "terminated" else -1,
            rival_operator=-1,
            rival_contract_end_date=-1,
        )
    if month.index == 0:
        _journal_rival_lines(world, rng, journal, month)


def _journal_rival_lines(world: World, rng: np.random.Generator, journal: Journal, month: Month) -> None:
    lines, customers = world.lines, world.customers
    lines_of = np.bincount(lines.customer[lines.activated_at < month.start], minlength=len(customers))
    firms = np.flatnonzero((customers.kind == 1) & (lines_of > 0))
    firm = np.repeat(firms, rng.poisson(lines_of[firms] * RIVAL_LINE_SHARE))
    count = len(firm)
    journal.add(
        "enterprise.group_member",
        count,
        group_member_id=10**8 + np.arange(1, count + 1),
        effective_at=month.start + 9 * 3_600,
        group_customer_id=firm + 1,
        member_customer_id=-1,
        subscription_id=-1,
        member_role_code=0,
        valid_from_date=month.first_day,
        valid_to_date=-1,
        rival_operator=rng.choice(len(RIVALS), count, p=(0.45, 0.40, 0.15)),
        rival_contract_end_date=month.first_day + rng.integers(10, 720, count),
    )
