"""What an extract is: its columns in the order of the contract, and how each is written."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tenure.simulator.catalogue import CHANNELS, OFFERS, REGIONS, RIVALS
from tenure.simulator.catalogue import CURRENCY as CURRENCY_CODE
from tenure.simulator.codes import names
from tenure.simulator.columns import coded, identifiers
from tenure.simulator.journal import Columns
from tenure.simulator.staff import STAFF_IDS
from tenure.simulator.timeline import DAY_SECONDS, Integers

Encoder = Callable[[Integers], pa.Array]


@dataclass(frozen=True)
class Entity:
    """One extract: its columns with their encoders, the raw column that dates a row, and its formats.

    `dated_by` is the raw column that holds the instant (local seconds) of a row; files are cut by its day. `required`
    and `coded` are used to spoil rows on purpose.
    """

    source: str
    name: str
    columns: tuple[tuple[str, Encoder], ...]
    dated_by: str
    monthly_format: str
    daily_format: str
    key: str
    required: tuple[str, ...]
    coded: tuple[str, ...]
    control_totals: tuple[str, ...] = ()
    is_monthly: bool = False  # delivered for closed months only

    @property
    def full_name(self) -> str:
        """source.entity."""
        return f"{self.source}.{self.name}"

    @property
    def is_event(self) -> bool:
        """Whether a row is something that happened once, not the new state of something."""
        return self.dated_by != "effective_at"

    def table(self, rows: Columns) -> pa.Table:
        """Arrow table in contract order, sorted by instant and key."""
        order = np.lexsort((rows[self.key], rows[self.dated_by]))
        return self.encode({name: rows[name][order] for name, _ in self.columns})

    def encode(self, rows: Columns) -> pa.Table:
        """Arrow table in contract order of rows that are in order already."""
        return pa.table({name: encode(rows[name]) for name, encode in self.columns})

    def no_rows(self) -> Columns:
        """What `table` takes when nothing happened."""
        return {name: np.empty(0, dtype=np.int64) for name, _ in self.columns}

    def days(self, rows: Columns) -> Integers:
        """Day number of each row of `table`, ascending."""
        return np.sort(rows[self.dated_by]) // DAY_SECONDS


def identifiers_of(prefix: str, width: int = 8) -> Encoder:
    """Numbers as `prefix` and `width` digits; a negative one is no value."""
    return lambda numbers: identifiers(numbers, prefix, width)


def codes_of(values: tuple[str, ...]) -> Encoder:
    """Positions in a code list as its codes; a negative one is no value."""
    return lambda positions: coded(positions, values)


def customer_names(positions: Integers) -> pa.Array:
    """Positions in `names` as the names."""
    return coded(positions, names())


# Real Chinese mobile numbers start with 13 to 19; ours start with 12 and so belong to nobody.
MSISDN = identifiers_of("12", 9)
CURRENCY = codes_of((CURRENCY_CODE,))
REGION = codes_of(tuple(region.region_id for region in REGIONS))
OFFER = codes_of(tuple(offer.offer_id for offer in OFFERS))
CHANNEL = codes_of(tuple(channel[0] for channel in CHANNELS))
STAFF_ID = codes_of(STAFF_IDS)
RIVAL = codes_of(RIVALS)
LINE = identifiers_of("S")
CUSTOMER = identifiers_of("C")
ACCOUNT = identifiers_of("A")
INVOICE = identifiers_of("I", 16)
CAMPAIGN = identifiers_of("G")
OPPORTUNITY = identifiers_of("B", 10)
