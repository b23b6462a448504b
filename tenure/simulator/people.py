"""Customers, accounts and lines coming into being, both at the opening and when they join later."""

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import CHANNELS, OFFERS, REGIONS, SEGMENT_SHARES, SEGMENTS, segment_offers
from tenure.simulator.codes import GIVEN_NAMES, PAYMENT_METHODS, SURNAMES, firm_names_from, names
from tenure.simulator.journal import Journal
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, Flags, Floats, Integers, Month, add_months

RELEASE_DAYS = 90  # a number rests this long before somebody else gets it
_NUMBER_SPACE = 10**9
BEHAVIOUR_TYPES = ("balanced", "talker", "streamer", "light", "traveller")
TRAVELLER = BEHAVIOUR_TYPES.index("traveller")
TRAVELS_MORE = 5.0  # a traveller against the others
_TYPE_SHARES = (0.38, 0.20, 0.22, 0.15, 0.05)
# Times the usual rate of events (1 over all types), and what is added to the share of data among them.
_TYPE_RATES = (1.08, 1.08, 1.20, 0.35, 1.09)
_TYPE_DATA = (0.0, -0.24, 0.30, 0.0, 0.05)
_NUMBER_STRIDE = 3**18  # coprime with the space: every counter gives another number, in no visible order


def number_of(counter: Integers | int) -> Integers:
    """The nine digits (after the prefix) of the n-th number given out; a bijection, so none is given twice."""
    return (np.asarray(counter, dtype=np.int64) * _NUMBER_STRIDE + 271_828_183) % _NUMBER_SPACE


def pick_regions(rng: np.random.Generator, count: int) -> Integers:
    """Regions drawn by their share of the lines."""
    weights = np.array([region.weight for region in REGIONS])
    return rng.choice(len(REGIONS), count, p=weights / weights.sum()).astype(np.int64)


def add_customers(
    world: World, journal: Journal, rng: np.random.Generator, is_group: Flags, region: Integers, since: Integers
) -> Integers:
    """New customers known from `since` (local seconds); returns their positions."""
    count = len(region)
    people = len(SURNAMES) * len(GIVEN_NAMES)
    birth_year = np.clip(np.rint(rng.normal(1986, 15, count)), 1938, 2010).astype(np.int64)
    born_on = birth_year * 10_000 + rng.integers(1, 13, count) * 100 + rng.integers(1, 29, count)
    known_gender = np.where(rng.random(count) < 0.96, rng.integers(0, 2, count), 2)
    name = np.where(is_group, rng.integers(firm_names_from(), len(names()), count), rng.integers(0, people, count))
    positions = world.customers.append(
        count,
        kind=is_group.astype(np.int64),
        name=name,
        id_number=born_on * 10_000 + rng.integers(0, 10_000, count),
        contact=number_of(np.arange(count) + _NUMBER_SPACE // 2 + len(world.customers)),
        region=region,
        gender=np.where(is_group, -1, known_gender),
        birth_year=np.where(is_group, -1, birth_year),
        is_senior=np.where(is_group, -1, birth_year <= 1960),
        has_partner=np.where(is_group, -1, rng.random(count) < 0.55),
        has_dependents=np.where(is_group, -1, rng.random(count) < 0.35),
    )
    journal_customers(world, journal, positions, since)
    return positions


def journal_customers(world: World, journal: Journal, positions: Integers, since: Integers) -> None:
    """Write the present state of customers, in force from `since`."""
    customers = world.customers
    journal.add(
        "crm.customer",
        len(positions),
        customer_id=positions + 1,
        effective_at=since,
        customer_type=customers.kind[positions],
        customer_name=customers.name[positions],
        id_number=customers.id_number[positions],
        contact_msisdn=customers.contact[positions],
        region_id=customers.region[positions],
        gender=customers.gender[positions],
        birth_year=customers.birth_year[positions],
        is_senior=customers.is_senior[positions],
        has_partner=customers.has_partner[positions],
        has_dependents=customers.has_dependents[positions],
    )


def add_accounts(
    world: World,
    journal: Journal,
    rng: np.random.Generator,
    customer: Integers,
    since: Integers,
    billed_to_date: Integers | None = None,
) -> Integers:
    """New accounts paid by `customer`; returns their positions."""
    count = len(customer)
    columns = {
        "customer": customer,
        "payment_method": rng.choice(len(PAYMENT_METHODS), count, p=(0.46, 0.30, 0.17, 0.07)).astype(np.int64),
        "is_paperless": (rng.random(count) < 0.8).astype(np.int64),
    }
    if billed_to_date is not None:
        columns["billed_to_date"] = billed_to_date
    accounts = world.accounts
    positions = accounts.append(count, **columns)
    journal.add(
        "crm.account",
        count,
        account_id=positions + 1,
        effective_at=since,
        customer_id=customer + 1,
        currency_code=0,
        payment_method=accounts.payment_method[positions],
        is_paperless=accounts.is_paperless[positions],
        billed_to_date_amount=accounts.billed_to_date[positions],
    )
    return positions


def draw_types(world: World, rng: np.random.Generator, positions: Integers) -> None:
    """Give new lines a behavioural type, which tilts what they use, how much, and how often they travel."""
    lines = world.lines
    kind = rng.choice(len(BEHAVIOUR_TYPES), len(positions), p=_TYPE_SHARES).astype(np.int64)
    lines.behaviour_type[positions] = kind
    lines.rate[positions] *= np.array(_TYPE_RATES)[kind]
    lines.data_share[positions] = np.clip(lines.data_share[positions] + np.array(_TYPE_DATA)[kind], 0.05, 0.92)


def draw_rates(rng: np.random.Generator, behaviour: Behaviour, segment: Integers) -> tuple[Floats, Floats]:
    """Usage events a day of new lines (heavy-tailed) and how far each is from the middle, in standard deviations."""
    spread = 1.0
    by_segment = np.array([0.82, 1.28, 0.0, 1.15])[segment]
    score = rng.standard_normal(len(segment))
    rate = behaviour.events_per_day * by_segment * np.exp(spread * score - spread**2 / 2)
    return np.minimum(rate, 25 * behaviour.events_per_day), score


def choose_offers(rng: np.random.Generator, segment: Integers, score: Floats) -> Integers:
    """Main offers within the segments: heavy users tend to the dear end."""
    taste = 0.6 * score + 0.8 * rng.standard_normal(len(segment))
    quantile = 1 / (1 + np.exp(-1.702 * taste))  # the logistic that lies closest to the normal distribution
    offer = np.empty(len(segment), dtype=np.int64)
    for position, name in enumerate(SEGMENTS):
        chosen = segment == position
        steps = np.cumsum(SEGMENT_SHARES[name])
        place = np.minimum(np.searchsorted(steps, quantile[chosen]), len(steps) - 1)
        offer[chosen] = np.array(segment_offers(name))[place]
    return offer


def _numbers(world: World, rng: np.random.Generator, activated_at: Integers, has_number: Flags) -> Integers:
    """Numbers for new lines; some were somebody else's before."""
    counters, given = world.counters, np.full(len(activated_at), -1, dtype=np.int64)
    wants_old = rng.random(len(activated_at)) < 0.3
    for row in np.flatnonzero(has_number & wants_old):
        if world.released and world.released[0][0] <= activated_at[row]:
            given[row] = world.released.pop(0)[1]
    fresh = np.flatnonzero(has_number & (given < 0))
    given[fresh] = number_of(counters.msisdn + np.arange(len(fresh)))
    counters.msisdn += len(fresh)
    return given


def add_lines(
    world: World,
    journal: Journal,
    rng: np.random.Generator,
    behaviour: Behaviour,
    month: Month,
    *,
    customer: Integers,
    user: Integers,
    account: Integers,
    region: Integers,
    segment: Integers,
    activated_at: Integers,
    predecessor: Integers | None = None,
    is_opening: bool = False,
) -> Integers:
    """New lines with their number, plan, add-on, contract and discount; returns their positions.

    `is_opening` means that they joined long ago: contracts and discounts are partly used up.
    """
    count, lines = len(customer), world.lines
    rate, score = draw_rates(rng, behaviour, segment)
    offer = choose_offers(rng, segment, score)
    is_postpaid = np.array([item.plan_type == "postpaid" for item in OFFERS])[offer]
    is_mobile = segment != SEGMENTS.index("broadband")
    is_group = segment == SEGMENTS.index("group")
    has_discount = is_postpaid & (rng.random(count) < np.where(is_group, 0.8, 0.28))
    discount = np.where(has_discount, 5 * rng.integers(2, 7, count), 0)
    months_left = np.where(is_group, 240, rng.integers(1, 13, count) if is_opening else 12)
    pays_handset = is_postpaid & is_mobile & (rng.random(count) < 0.12)
    addon = np.where(is_mobile & (rng.random(count) < 0.15), rng.integers(0, 2, count), -1)
    addons = [index for index, item in enumerate(OFFERS) if item.offer_type == "addon"]
    fading = np.where(rng.random(count) < 0.09, rng.uniform(0.45, 0.85, count), 0.0) if is_opening else np.zeros(count)
    fee = world.fees[offer] * (100 - discount) // 100
    holding = world.counters.holding + np.cumsum(1 + (addon >= 0)) - (addon >= 0)
    world.counters.holding += count + int((addon >= 0).sum())
    positions = lines.append(
        count,
        customer=customer,
        user=user,
        account=account,
        region=region,
        channel=rng.choice(len(CHANNELS), count, p=[channel[3] for channel in CHANNELS]),
        offer=offer,
        msisdn=_numbers(world, rng, activated_at, is_mobile),
        activated_at=activated_at,
        predecessor=np.full(count, -1) if predecessor is None else predecessor,
        last_activity=np.maximum(activated_at // DAY_SECONDS, month.first_day - 1),
        changed_at=activated_at,
        main_holding=holding,
        main_started=activated_at,
        addon=np.where(addon >= 0, np.array(addons)[addon], -1),
        addon_holding=np.where(addon >= 0, holding + 1, -1),
        addon_started=np.where(addon >= 0, activated_at, -1),
        discount=discount,
        discount_ends=month.index + months_left,
        instalment=np.where(pays_handset, 100 * rng.integers(60, 260, count), 0),
        instalments_left=np.where(pays_handset, rng.integers(1, 25, count) if is_opening else 24, 0),
        rate=rate,
        data_share=np.clip(rng.normal(0.42, 0.14, count), 0.05, 0.85),
        fading=fading,
        decline=fading,
        bill_1=fee if is_opening else -1,
    )
    journal_lines(world, journal, positions, activated_at)
    journal.add(
        "crm.subscription_event",
        count,
        event_id=0,
        subscription_id=positions + 1,
        event_type=0,
        occurred_at=activated_at,
        reason_code=-1,
        other_operator=-1,
    )
    with_addon = positions[addon >= 0]
    for rows, held, sold in (
        (positions, lines.main_holding, lines.offer),
        (with_addon, lines.addon_holding, lines.addon),
    ):
        since = lines.activated_at[rows]
        journal.add(
            "crm.subscribed_offer",
            len(rows),
            subscribed_offer_id=held[rows],
            effective_at=since,
            subscription_id=rows + 1,
            offer_id=sold[rows],
            started_at=since,
            ended_at=-1,
        )
    _first_contracts(world, journal, rng, month, positions[is_postpaid], is_opening)
    return positions


def _first_contracts(
    world: World, journal: Journal, rng: np.random.Generator, month: Month, postpaid: Integers, is_opening: bool
) -> None:
    lines = world.lines
    bound = postpaid[rng.random(len(postpaid)) < 0.68]
    term = np.array([item.term_months for item in OFFERS])[lines.offer[bound]]
    joined = lines.activated_at[bound] // DAY_SECONDS
    # Of the contracts of the opening base some have run out already.
    elapsed = (rng.uniform(0, 1.2, len(bound)) * term * 30.4).astype(np.int64) if is_opening else 0
    begins = np.maximum(joined, month.first_day - elapsed) if is_opening else joined
    sign_contracts(world, journal, bound, begins, term, np.maximum(begins * DAY_SECONDS, lines.activated_at[bound]))


def sign_contracts(
    world: World, journal: Journal, positions: Integers, begins: Integers, term: Integers, signed_at: Integers
) -> None:
    """Contracts of `term` months from day `begins` on, agreed at `signed_at`."""
    lines, count = world.lines, len(positions)
    number = world.counters.contract + np.arange(1, count + 1)
    world.counters.contract += count
    ends = add_months(begins, term) - 1
    lines.contract[positions] = number
    lines.contract_ends[positions] = ends
    journal.add(
        "crm.contract",
        count,
        contract_id=number,
        effective_at=signed_at,
        subscription_id=positions + 1,
        start_date=begins,
        end_date=ends,
        term_months=term,
    )


def journal_lines(world: World, journal: Journal, positions: Integers, since: Integers) -> None:
    """Write the present state of lines, in force from `since`."""
    lines = world.lines
    journal.add(
        "crm.subscription",
        len(positions),
        subscription_id=positions + 1,
        effective_at=since,
        customer_id=lines.customer[positions] + 1,
        user_customer_id=np.where(lines.user[positions] >= 0, lines.user[positions] + 1, -1),
        account_id=lines.account[positions] + 1,
        region_id=lines.region[positions],
        channel_id=lines.channel[positions],
        main_offer_id=lines.offer[positions],
        msisdn=lines.msisdn[positions],
        activated_at=lines.activated_at[positions],
        predecessor_subscription_id=np.where(lines.predecessor[positions] >= 0, lines.predecessor[positions] + 1, -1),
    )
