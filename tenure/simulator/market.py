"""What the rivals ask, offer and win: price lists, campaigns, numbers carried over, and shares of the market."""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.catalogue import OFFERS, REGIONS, RIVALS
from tenure.simulator.codes import REASONS
from tenure.simulator.columns import MILLION
from tenure.simulator.journal import Journal
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.story import RECURS_FROM, RIVAL_CAMPAIGNS, place_of, year_of
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Floats, Integers, Month, add_months

SERVICE_LINES = ("mobile", "broadband")
PLAN_TYPES = ("prepaid", "postpaid")
PORTING_STATES = ("completed", "rejected")
MAIN_OFFERS = np.array([index for index, offer in enumerate(OFFERS) if offer.offer_type == "main"])
# List prices against `Offer.rival_fee`; Broadnet asks less for broadband and more for the rest.
_PRICE_LEVEL = np.array([[1.03, 1.03], [1.04, 1.05], [1.07, 1.02]])
# Share of a region's lines that each rival holds at the start, against ours at 1.
_LINES_AGAINST_OURS = np.array([[0.62, 0.50], [0.48, 0.55], [0.12, 0.40]])
# Where those who carry their number away go, and where those come from who bring theirs.
_PULL = np.array([0.45, 0.40, 0.15])
_REPRICED, _PRICE_STEP = 0.06, 0.02  # chance a month, rival and region; size of the step of the logarithm
_BRINGS_NUMBER = 0.10  # of new mobile lines of people
_REQUEST_REJECTED = 0.0008  # of lines bound by a contract, a month: a wish to leave that was refused
# From the second round of the story on: chance a month of one more campaign, of one month and this many percent.
_SURPRISE, _SURPRISE_PERCENT = 0.25, 10
_ANNOUNCED_DAYS = 10  # before a campaign begins it is advertised
_PORT_OUT = REASONS.index("port_out")


@dataclass(frozen=True)
class _Campaign:
    """A rival's campaign as it begins; months by index, both inclusive."""

    number: int
    rival: int
    region: int
    service_line: int
    discount_percent: int
    first: int
    last: int


def service_line_of() -> Integers:
    """For each offer, its position in SERVICE_LINES."""
    return np.array([SERVICE_LINES.index(offer.service_line) for offer in OFFERS])


def open_market(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Rivals set the prices of the month, known from its first instant, and announce the campaigns of the next."""
    market, rng = world.market, child(seed, "rival prices", month.index)
    shape = market.level.shape
    moves, step = rng.random(shape) < _REPRICED, rng.normal(0, _PRICE_STEP, shape)
    if month.index == 0:
        moves = np.ones(shape, dtype=bool)
        ours = _lines_by_service(world)
        market.lines = np.rint(
            _LINES_AGAINST_OURS[:, None, :] * ours[None, :, :] * rng.uniform(0.85, 1.15, (*shape, 1))
        )
    # Prices forget: no rival drifts away for good.
    market.level = np.where(moves, 0.7 * market.level + step, market.level)
    market.discount = np.zeros_like(market.discount)
    for campaign in _campaigns(seed, month.index):
        place = (campaign.rival, campaign.region, campaign.service_line)
        market.discount[place] = max(market.discount[place], campaign.discount_percent)
    _set_fees(world, journal, month)
    following = month.index + 1
    begins = [campaign for campaign in _campaigns(seed, following) if campaign.first == following]
    _announce(journal, month, begins)


def _campaigns(seed: int, index: int) -> list[_Campaign]:
    """Campaigns of the story that are on in month `index`, and the surprise of this month."""
    told, years = year_of(index)
    found = []
    for number, script in enumerate(RIVAL_CAMPAIGNS):
        if told in script.months:
            first = index - (told - script.months[0])
            region, line = place_of(script.region_id, years), SERVICE_LINES.index(script.service_line)
            last = first + len(script.months) - 1
            found.append(_Campaign(number, script.rival, region, line, script.discount_percent, first, last))
    rng = child(seed, "rival campaigns", index)
    if index >= RECURS_FROM and rng.random() < _SURPRISE:
        rival, region, line = (int(rng.integers(size)) for size in (len(RIVALS), len(REGIONS), len(SERVICE_LINES)))
        found.append(_Campaign(len(RIVAL_CAMPAIGNS), rival, region, line, _SURPRISE_PERCENT, index, index))
    return found


def _set_fees(world: World, journal: Journal, month: Month) -> None:
    """The price list of each rival and region, to the half yuan; written where it changed."""
    market, lines = world.market, service_line_of()
    base = np.array([offer.rival_fee for offer in OFFERS])
    fees = (
        base
        * _PRICE_LEVEL[:, None, lines]
        * np.exp(market.level)[:, :, None]
        * (1 - market.discount[:, :, lines] / 100)
    )
    fees = np.maximum(np.rint(fees / 50) * 50, 50)
    rival, region, place = np.nonzero((fees != market.fees)[:, :, MAIN_OFFERS])
    offer = MAIN_OFFERS[place]
    market.fees = fees
    journal.add(
        "market.rival_offer",
        len(offer),
        rival_offer_id=(rival * len(REGIONS) + region) * len(OFFERS) + offer + 1,
        effective_at=month.start,
        rival_name=rival,
        offer_name=offer,
        service_line=offer,
        plan_type=offer,
        monthly_fee_amount=fees[rival, region, offer].astype(np.int64),
        currency_code=0,
        data_mb=np.array([item.data_mb for item in OFFERS])[offer],
        voice_minutes=np.array([item.voice_minutes for item in OFFERS])[offer],
        region_id=region,
        comparable_offer_id=offer,
    )


def _announce(journal: Journal, month: Month, coming: list[_Campaign]) -> None:
    """Campaigns that begin with the next month. A row per plan type: mobile ones reach both, broadband is postpaid."""
    for campaign in coming:
        plans = np.arange(2) if campaign.service_line == 0 else np.array([1])
        following = add_months(np.array([month.end_day]), campaign.last - campaign.first + 1)
        journal.add(
            "market.rival_campaign",
            len(plans),
            rival_campaign_id=campaign.first * 100 + campaign.number * 10 + plans,
            effective_at=month.end - _ANNOUNCED_DAYS * DAY_SECONDS,
            rival_name=campaign.rival,
            region_id=campaign.region,
            service_line=campaign.service_line,
            plan_type=plans,
            discount_percent=campaign.discount_percent,
            start_date=month.end_day,
            end_date=following - 1,
        )


def rival_fees(world: World, month: Month) -> Floats:
    """For each line, the lowest fee (fen) that a rival asks in its region in `month` for the like of its offer."""
    _check_open(world, month)
    lowest: Floats = world.market.fees.min(axis=0)
    return lowest[world.lines.region, world.lines.offer]


def campaign_pressure(world: World, month: Month) -> Floats:
    """For each line, the rivals' campaign in its region and service line, in units of 20 percent of discount."""
    _check_open(world, month)
    strongest: Floats = world.market.discount.max(axis=0) / 20
    return strongest[world.lines.region, service_line_of()[world.lines.offer]]


def _check_open(world: World, month: Month) -> None:
    if not world.market.fees.any():
        raise ValueError(f"the market of month {month.index} has not been opened")


def rival_pull(world: World, line: int) -> Floats:
    """Chances of the rivals to be the one that a line goes to; who runs a campaign there draws more."""
    lines = world.lines
    discount = world.market.discount[:, lines.region[line], service_line_of()[lines.offer[line]]]
    weight: Floats = _PULL * (1 + discount / 10)
    return weight / weight.sum()


def bring_numbers(world: World, seed: int, month: Month, joined: Integers) -> None:
    """Some new mobile lines of people bring the number they had with a rival; sets `came_from`."""
    lines, rng = world.lines, child(seed, "numbers brought", month.index)
    luck, rival = rng.random(len(joined)), rng.choice(len(RIVALS), len(joined), p=_PULL)
    before = len(lines) - len(joined)
    known = np.concatenate([lines.msisdn[:before], lines.previous_msisdn[:before]])
    able = (lines.msisdn[joined] >= 0) & (world.customers.kind[lines.customer[joined]] == 0)
    brings = able & (luck < _BRINGS_NUMBER) & ~np.isin(lines.msisdn[joined], known)
    lines.came_from[joined[brings]] = rival[brings]


def close_market(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Write who carried a number in or out in the month, and the market as it stands at its end."""
    lines, rng = world.lines, child(seed, "porting", month.index)
    out = np.flatnonzero(_within(lines.terminated_at, month) & (lines.churn_reason == _PORT_OUT))
    inward = np.flatnonzero(_within(lines.activated_at, month) & (lines.came_from >= 0))
    staying = np.flatnonzero(
        (lines.msisdn >= 0)
        & (lines.terminated_at == NEVER)
        & (lines.contract_ends > month.end_day)
        & (lines.changed_at < month.start)
    )
    refused = staying[rng.random(len(staying)) < _REQUEST_REJECTED]
    refused_at = rng.integers(month.start, month.end, len(refused))
    line = np.concatenate([out, inward, refused])
    kinds = (len(out), len(inward), len(refused))
    done = np.concatenate([lines.terminated_at[out], lines.activated_at[inward], refused_at])
    rival = np.concatenate(
        [lines.went_to[out], lines.came_from[inward], rng.choice(len(RIVALS), len(refused), p=_PULL)]
    )
    # Asked for up to two days before.
    asked = done - rng.integers(3_600, 2 * DAY_SECONDS, len(line))
    direction, state = np.repeat([1, 0, 1], kinds), np.repeat([0, 0, 1], kinds)
    order = np.lexsort((line, done))
    journal.add(
        "market.porting",
        len(line),
        porting_id=int(month.code) * 10**6 + np.arange(1, len(line) + 1),
        subscription_id=line[order] + 1,
        msisdn=lines.msisdn[line[order]],
        direction=direction[order],
        rival_name=rival[order],
        requested_at=asked[order],
        completed_at=done[order],
        status_code=state[order],
        region_id=lines.region[line[order]],
    )
    _share_market(world, rng, journal, month, out, inward)


def _within(at: Integers, month: Month) -> Flags:
    return (at >= month.start) & (at < month.end)


def _lines_by_service(world: World) -> Floats:
    """Our lines on the network by region and service line."""
    lines, counts = world.lines, np.zeros((len(REGIONS), len(SERVICE_LINES)))
    served = np.flatnonzero((lines.terminated_at == NEVER) & (lines.is_inactive == 0))
    np.add.at(counts, (lines.region[served], service_line_of()[lines.offer[served]]), 1)
    return counts


def _share_market(
    world: World, rng: np.random.Generator, journal: Journal, month: Month, out: Integers, inward: Integers
) -> None:
    """Rivals grow with the market, by their campaigns and by the numbers carried to them."""
    lines, market = world.lines, world.market
    growth = 0.003 + 0.012 * market.discount / 20 + rng.normal(0, 0.001, market.lines.shape)
    market.lines = market.lines * (1 + growth)
    for moved, rival, sign in ((out, lines.went_to, 1), (inward, lines.came_from, -1)):
        place = (rival[moved], lines.region[moved], service_line_of()[lines.offer[moved]])
        np.add.at(market.lines, place, sign)
    market.lines = np.maximum(market.lines, 0)
    counts = np.concatenate([_lines_by_service(world)[None], np.rint(market.lines)]).astype(np.int64)
    operator, region, service = (index.ravel() for index in np.indices(counts.shape))
    journal.add(
        "market.market_share",
        counts.size,
        share_key=(region * len(SERVICE_LINES) + service) * len(counts) + operator,
        region_id=region,
        operator_name=operator,
        month=month.start,
        service_line=service,
        subscription_count=counts.ravel(),
        share_ratio=_shares(counts).ravel(),
    )


def _shares(counts: Integers) -> Integers:
    """Millionths by operator (first axis) that sum to one million wherever there is anybody: what rounding leaves over
    goes to the largest."""
    total = counts.sum(axis=0)
    shares = counts * MILLION // np.maximum(total, 1)
    largest = counts.argmax(axis=0)
    rest = np.where(total > 0, MILLION - shares.sum(axis=0), 0)
    np.put_along_axis(shares, largest[None], np.take_along_axis(shares, largest[None], axis=0) + rest[None], axis=0)
    return shares
