"""Loyalty points: earned on bills, given as gifts, spent, and gone after two years. The oldest are spent first."""

import numpy as np

from tenure.simulator.campaigns import CALENDAR
from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.responses import RESPONSE_CODES
from tenure.simulator.state import POINT_MONTHS, World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Integers, Month, add_months

TRANSACTION_TYPES = ("earn", "redeem", "expire", "adjust")
REASON_CODES = ("bill", "reward_shop", "phone_credit", "age", "campaign", "opening_balance")
MEMBER_SHARE = 0.6  # of people
FEN_PER_POINT = 100
GIFT_POINTS = 200
SMALLEST_REDEMPTION = 300
# Chance to spend points in a month: of those content, and of those who are using less and less (they spend it all).
_REDEEMS, _REDEEMS_FADING = 0.03, 0.12
_EARN, _REDEEM, _EXPIRE, _ADJUST = range(len(TRANSACTION_TYPES))


def enrol(world: World, seed: int, month: Month) -> None:
    """Ask people who were not asked yet whether they join the programme."""
    customers, profiles = world.customers, world.profiles
    new = np.flatnonzero((profiles.is_member < 0) & (customers.kind == 0))
    profiles.is_member[new] = child(seed, "loyalty members", month.index).random(len(new)) < MEMBER_SHARE


def move_points(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Book the points of the month, in the order in which they move: expired, earned, given, spent."""
    rng, count = child(seed, "points", month.index), len(world.customers)
    grown = np.zeros((count, POINT_MONTHS), dtype=np.int64)
    grown[: len(world.points), 1:] = world.points[:, :-1]
    expiring = np.zeros(count, dtype=np.int64)
    expiring[: len(world.points)] = world.points[:, -1]
    world.points, rows = grown, []
    members = np.flatnonzero(world.profiles.is_member == 1)
    if month.index == 0:
        rows += [_opening(world, rng, month, members, ages) for ages in ((0, 12), (12, POINT_MONTHS))]
    gone = np.flatnonzero(expiring)
    rows.append((gone, -1, month.start + 3_600, _EXPIRE, -expiring[gone], -1, REASON_CODES.index("age")))
    rows += [_earned(world, month), _gifts(world, journal, month), _spent(world, rng, month, members)]
    _journal(journal, month, rows)


def _expiry(month: Month, age: Integers | int = 0) -> Integers:
    """The day on which points earned `age` months before are gone."""
    return add_months(np.asarray(month.first_day), POINT_MONTHS - np.asarray(age))


def _opening(
    world: World, rng: np.random.Generator, month: Month, members: Integers, ages: tuple[int, int]
) -> tuple[Integers | int, ...]:
    """Points that members of the opening base have from before, between so many months old."""
    age = rng.integers(*ages, len(members))
    points = rng.integers(50, 900, len(members))
    known = world.lines.customer[world.lines.activated_at < month.start - ages[1] * 31 * DAY_SECONDS]
    had = np.isin(members, known)
    members, age, points = members[had], age[had], points[had]
    world.points[members, age] += points
    return (members, -1, month.start, _ADJUST, points, _expiry(month, age), REASON_CODES.index("opening_balance"))


def _earned(world: World, month: Month) -> tuple[Integers | int, ...]:
    """A point for each whole yuan of the bill of the month before, on the line that it was for."""
    lines = world.lines
    points = np.maximum(lines.bill_2, 0) // FEN_PER_POINT
    earning = np.flatnonzero(
        (points > 0) & (world.profiles.is_member[lines.customer] == 1) & (lines.terminated_at > month.start)
    )
    customer = lines.customer[earning]
    np.add.at(world.points[:, 0], customer, points[earning])
    at = month.start + 6 * 3_600
    return (customer, earning, at, _EARN, points[earning], _expiry(month), REASON_CODES.index("bill"))


def _gifts(world: World, journal: Journal, month: Month) -> tuple[Integers | int, ...]:
    """Points given to those who took up a campaign's gift."""
    name = "marketing.campaign_contact"
    gift = next(place for place, campaign in enumerate(CALENDAR) if campaign.objective == "loyalty")
    taken = (journal.column(name, "campaign_id") % 100 == gift) & (
        journal.column(name, "response_code") == RESPONSE_CODES.index("accepted")
    )
    customer = journal.column(name, "customer_id")[taken] - 1
    at, line = journal.column(name, "responded_at")[taken], journal.column(name, "subscription_id")[taken] - 1
    np.add.at(world.points[:, 0], customer, GIFT_POINTS)
    points = np.full(len(customer), GIFT_POINTS)
    return (customer, line, at, _ADJUST, points, _expiry(month), REASON_CODES.index("campaign"))


def _spent(world: World, rng: np.random.Generator, month: Month, members: Integers) -> tuple[Integers | int, ...]:
    """Points spent in the second half of the month, after all that is added; the oldest go first."""
    lines = world.lines
    fading = np.zeros(len(world.customers), dtype=bool)
    fading[lines.customer[(lines.fading > 0) & (lines.terminated_at == NEVER)]] = True
    balance = world.points[members].sum(axis=1)
    draw, share = rng.random(len(members)), rng.integers(2, 11, len(members))
    at = (month.first_day + rng.integers(14, month.days, len(members))) * DAY_SECONDS + rng.integers(28_800, 79_200)
    spends = (balance >= SMALLEST_REDEMPTION) & (draw < np.where(fading[members], _REDEEMS_FADING, _REDEEMS))
    who = members[spends]
    spent = np.where(fading[who], balance[spends], balance[spends] * share[spends] // 10)
    # What is left of each lot when `spent` is taken from the oldest on.
    older = np.cumsum(world.points[who][:, ::-1], axis=1)[:, ::-1] - world.points[who]
    taken = np.clip(spent[:, None] - older, 0, world.points[who])
    world.points[who] -= taken
    reason = np.where(
        draw[spends] * 1_000 % 1 < 0.6, REASON_CODES.index("reward_shop"), REASON_CODES.index("phone_credit")
    )
    return (who, -1, at[spends], _REDEEM, -spent, -1, reason)


def _journal(journal: Journal, month: Month, rows: list[tuple[Integers | int, ...]]) -> None:
    numbered = 0
    for customer, line, at, kind, points, expires, reason in rows:
        count = len(np.atleast_1d(customer))
        journal.add(
            "marketing.loyalty_transaction",
            count,
            loyalty_transaction_id=int(month.code) * 10**8 + numbered + np.arange(1, count + 1),
            customer_id=np.asarray(customer) + 1,
            subscription_id=np.where(np.asarray(line) >= 0, np.asarray(line) + 1, -1),
            occurred_at=at,
            transaction_type=kind,
            points=points,
            expires_on_date=expires,
            reason_code=reason,
        )
        numbered += count
