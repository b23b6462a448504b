"""The operator's state while the months pass: growing columns, one position per line, customer and account."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tenure.simulator.agenda import Agenda
from tenure.simulator.catalogue import OFFERS, REGIONS, RIVALS
from tenure.simulator.timeline import NEVER, Flags, Floats, Integers

POINT_MONTHS = 24  # points are gone two years after they were earned

CIRCLE_SIZE = 6


def _whole(default: int = -1) -> Integers:
    return field(default_factory=lambda: np.empty(0, dtype=np.int64), metadata={"default": default})


def _places(count: int) -> Integers:
    return field(default_factory=lambda: np.empty((0, count), dtype=np.int64), metadata={"default": -1})


def _real(default: float = 0.0) -> Floats:
    return field(default_factory=lambda: np.empty(0, dtype=np.float64), metadata={"default": default})


class Growing:
    """Columns of equal length; -1 stands for "none" unless a field says otherwise."""

    def append(self, count: int, **columns: Integers | Floats | int | float) -> Integers:
        """Add `count` rows (columns not given take their defaults) and return their positions."""
        first = len(self)
        for column in fields(self):  # type: ignore[arg-type]
            grown = self._grown(column.name, first + count)
            grown[first:] = columns.get(column.name, column.metadata["default"])
            setattr(self, column.name, grown)
        return np.arange(first, first + count, dtype=np.int64)

    def _grown(self, name: str, length: int) -> npt.NDArray[Any]:
        """The column with `length` rows; mostly there is room behind it, so that one row more costs no copy."""
        column, rooms = getattr(self, name), self.__dict__.setdefault("_rooms", {})
        room = rooms.get(name)
        if room is None or column.base is not room or len(room) < length:
            room = rooms[name] = np.empty((length + length // 16, *column.shape[1:]), dtype=column.dtype)
            room[: len(column)] = column
        grown: npt.NDArray[Any] = room[:length]
        return grown

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]


@dataclass
class Customers(Growing):
    """People and firms; kind 0 individual, 1 group."""

    kind: Integers = _whole(0)
    name: Integers = _whole()
    id_number: Integers = _whole()
    contact: Integers = _whole()
    region: Integers = _whole()
    gender: Integers = _whole()
    birth_year: Integers = _whole()
    is_senior: Integers = _whole()
    has_partner: Integers = _whole()
    has_dependents: Integers = _whole()


@dataclass
class Accounts(Growing):
    """Who pays; billed_to_date in fen, bundle 1 when the account pays for a family bundle."""

    customer: Integers = _whole()
    payment_method: Integers = _whole()
    is_paperless: Integers = _whole()
    billed_to_date: Integers = _whole(int(np.iinfo(np.int64).min))
    bundle: Integers = _whole(0)


@dataclass
class Lines(Growing):
    """Subscriptions. Instants in local seconds, days as day numbers, money in fen."""

    customer: Integers = _whole()
    user: Integers = _whole()
    account: Integers = _whole()
    region: Integers = _whole()
    channel: Integers = _whole()
    offer: Integers = _whole()
    msisdn: Integers = _whole()
    activated_at: Integers = _whole()
    predecessor: Integers = _whole()
    # life
    terminated_at: Integers = _whole(NEVER)
    churned_at: Integers = _whole(NEVER)  # voluntary or involuntary only
    churn_reason: Integers = _whole()
    suspended_from: Integers = _whole(NEVER)
    suspended_to: Integers = _whole(NEVER)
    suspension_outcome: Integers = _whole()  # 0 resumes, else the reason of the termination at suspended_to
    is_suspended: Integers = _whole(0)
    dormant_from: Integers = _whole(NEVER)  # days
    dormant_to: Integers = _whole(NEVER)
    last_activity: Integers = _whole()
    is_inactive: Integers = _whole(0)
    inactive_on: Integers = _whole()
    has_returned: Integers = _whole(0)
    changed_at: Integers = _whole()
    # number
    previous_msisdn: Integers = _whole()
    number_changed_at: Integers = _whole(0)
    # what it holds
    main_holding: Integers = _whole()
    main_started: Integers = _whole()
    addon: Integers = _whole()
    addon_holding: Integers = _whole()
    addon_started: Integers = _whole()
    contract: Integers = _whole()
    contract_ends: Integers = _whole()
    discount: Integers = _whole(0)  # percent of the fee
    discount_ends: Integers = _whole(0)  # month index
    instalment: Integers = _whole(0)
    instalments_left: Integers = _whole(0)
    # behaviour
    rate: Floats = _real()  # usage events a day
    data_share: Floats = _real()
    fading: Floats = _real()  # usage lost when fully faded; 0 when not fading
    decline: Floats = _real()  # usage lost this month
    travels: Integers = _whole(0)
    bill_1: Integers = _whole()  # last three bills, newest first; -1 before there was one
    bill_2: Integers = _whole()
    bill_3: Integers = _whole()
    usage_billed: Integers = _whole(0)
    circle: Integers = _places(CIRCLE_SIZE)  # lines it talks to, closest first
    behaviour_type: Integers = _whole()  # position in people.BEHAVIOUR_TYPES
    # service, market and marketing
    complained_at: Integers = _whole()  # instant of the last complaint
    came_from: Integers = _whole()  # rival that the number was brought from
    went_to: Integers = _whole()  # rival that the number was carried to
    campaign_effect: Floats = _real()  # shift of the logit of leaving, in force this month
    lasting_effect: Floats = _real()  # the same for the month after
    win_back_effect: Floats = _real()  # added to the chance that a lost line comes back this month
    retention_trial: Integers = _whole(-9)  # month index of the last campaign about leaving it took part in
    contacts: Integers = _whole(0)  # campaign contacts this month
    # arrears at the start of the month: how much likelier than usual it is barred, and the oldest bill overdue
    arrears_odds: Floats = _real()
    arrears_bill: Integers = _whole()
    opportunity: Integers = _whole()  # the opportunity that won it
    # its parties (positions in Parties) and the phone in use
    owner_party: Integers = _whole()
    user_party: Integers = _whole()
    payer_party: Integers = _whole()
    device: Integers = _whole()
    device_since: Integers = _whole()  # day


@dataclass
class Profiles(Growing):
    """What customers allow and joined; one row for each customer of the months before, in the same order."""

    # consent: 1 given, 0 withheld, -1 not asked yet
    allows_marketing: Integers = _whole()
    allows_calls: Integers = _whole()
    allows_profiling: Integers = _whole()
    allows_location: Integers = _whole()
    withdrew_in: Integers = _whole()  # month index of the last withdrawal
    is_member: Integers = _whole()  # of the loyalty programme; -1 not asked yet


@dataclass
class Payers(Growing):
    """How accounts pay; one row for each account of the months before, in the same order."""

    lateness: Floats = _real()  # chance that a bill is still open when its month ends
    credit: Integers = _whole(0)  # credit notes not set against an invoice yet, fen
    is_blacklisted: Integers = _whole(0)


@dataclass
class Parties(Growing):
    """Who has been owner, user or payer of a line, and since which day."""

    customer: Integers = _whole()
    since: Integers = _whole()


@dataclass
class Receivables(Growing):
    """Bills to be paid, as gross amounts in fen; those settled leave the table."""

    document: Integers = _whole()  # the number of the invoice
    account: Integers = _whole()
    issued_at: Integers = _whole()
    due_day: Integers = _whole()
    open: Integers = _whole(0)
    pays_at: Integers = _whole(NEVER)  # when it will be paid in full unless the line is barred first
    is_barred: Integers = _whole(0)  # a line was barred for it

    def keep(self, chosen: Flags) -> None:
        """Drop the rows that are not chosen."""
        for column in fields(self):
            setattr(self, column.name, getattr(self, column.name)[chosen])


@dataclass
class Won(Growing):
    """What group customers ordered when an opportunity was won, still to be delivered; amount in fen."""

    opportunity: Integers = _whole()
    customer: Integers = _whole()
    account: Integers = _whole()
    product: Integers = _whole()
    line_count: Integers = _whole(0)
    amount: Integers = _whole(0)
    delivered_at: Integers = _whole()


@dataclass
class Counters:
    """Next number of everything that is numbered by the operator."""

    contract: int = 0
    holding: int = 0
    event: int = 0
    msisdn: int = 0
    circled: int = 0  # lines before this position have their calling circle
    device: int = 0
    asked: int = 0  # customers before this position were asked for their consent
    related: int = 0  # customers before this position have their relations
    employed: int = 0  # lines before this position have their employer relation
    equipped: int = 0  # lines before this position have their router or first phone


def _grid(*shape: int) -> Floats:
    return field(default_factory=lambda: np.zeros(shape, dtype=np.float64))


@dataclass
class Market:
    """What the rivals do, by rival and region: service lines are (mobile, broadband), fees in fen by offer position."""

    level: Floats = _grid(len(RIVALS), len(REGIONS))  # drift of list prices, logarithm
    fees: Floats = _grid(len(RIVALS), len(REGIONS), len(OFFERS))
    discount: Floats = _grid(len(RIVALS), len(REGIONS), 2)  # percent, of campaigns on this month
    lines: Floats = _grid(len(RIVALS), len(REGIONS), 2)


@dataclass
class World:
    """Everything the operator knows, the fees in force (fen, by offer position), and how many lines it began with."""

    fees: Integers
    opening_lines: int
    customers: Customers = field(default_factory=Customers)
    accounts: Accounts = field(default_factory=Accounts)
    lines: Lines = field(default_factory=Lines)
    counters: Counters = field(default_factory=Counters)
    # numbers given back, with the instant from which they may be given out again
    released: list[tuple[int, int]] = field(default_factory=list)
    market: Market = field(default_factory=Market)
    # minutes without service a line, by region, technology and day of the latest month; network_loss is their sum
    outages: Floats = _grid(len(REGIONS), 3, 31)
    network_loss: Floats = _grid(len(REGIONS), 3)
    agenda: Agenda = field(default_factory=Agenda)
    profiles: Profiles = field(default_factory=Profiles)
    payers: Payers = field(default_factory=Payers)
    parties: Parties = field(default_factory=Parties)
    receivables: Receivables = field(default_factory=Receivables)
    won: Won = field(default_factory=Won)
    # loyalty points not spent yet: customers x months in which they were earned, newest first
    points: Integers = field(default_factory=lambda: np.zeros((0, POINT_MONTHS), dtype=np.int64))
