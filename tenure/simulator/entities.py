"""The extracts: columns of each entity, in the order of the contracts, and how each is written."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa

from tenure.simulator.catalogue import BRANDS, CHANNELS, CURRENCY, OFFERS, REGIONS, RIVALS
from tenure.simulator.columns import amounts, booleans, codes, dates, identifiers, instants, integers
from tenure.simulator.journal import Columns
from tenure.simulator.timeline import DAY_SECONDS, Integers

EVENT_TYPES = (
    "activated",
    "terminated",
    "suspended",
    "resumed",
    "plan_changed",
    "number_changed",
    "account_changed",
    "region_changed",
    "owner_changed",
)
# Position 0 is "resumes" in the state of a suspended line, so reasons start at 1.
REASONS = ("none", "request", "port_out", "non_payment", "fraud")
DOCUMENT_TYPES = ("invoice", "credit_note", "adjustment", "statement")
CHARGE_TYPES = ("recurring", "usage", "one_off", "discount", "credit", "equipment", "interconnect", "ict_project")
SERVICES = ("voice", "sms", "data", "vas")
DIRECTIONS = ("outgoing", "incoming")
NETWORKS = ("on_net", "off_net", "none")
ROAMING = ("home", "national", "international")
TOPUP_CHANNELS = ("online", "store", "agent", "bank")
PAYMENT_METHODS = ("WeChat Pay", "Alipay", "Bank debit", "Cash")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
GIVEN_NAMES = (
    *"伟芳娜敏静磊军洋勇艳杰涛明超霞平刚桂英华",
    *("子轩", "浩然", "梓涵", "欣怡", "建国", "秀英", "志强", "晓东", "雨桐", "思远"),
)
FIRM_WORDS = ("恒信", "中泰", "宏达", "金石", "远洋", "华瑞", "天成", "博雅", "盛世", "联创")
FIRM_KINDS = ("科技", "贸易", "物流", "餐饮", "制造", "医药", "建设", "传媒")

Encoder = Callable[[Integers], pa.Array]


@dataclass(frozen=True)
class Entity:
    """One extract: its columns with their encoders, the raw column that dates a row, and its formats.

    `keep` tells which raw column holds the instant (local seconds) of a row; files are cut by its day. `required`
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

    @property
    def full_name(self) -> str:
        """source.entity."""
        return f"{self.source}.{self.name}"

    def table(self, rows: Columns) -> pa.Table:
        """Arrow table in contract order, sorted by instant and key."""
        order = np.lexsort((rows[self.key], rows[self.dated_by]))
        return pa.table({name: encode(rows[name][order]) for name, encode in self.columns})

    def no_rows(self) -> Columns:
        """What `table` takes when nothing happened."""
        return {name: np.empty(0, dtype=np.int64) for name, _ in self.columns}

    def days(self, rows: Columns) -> Integers:
        """Day number of each row of `table`, ascending."""
        return np.sort(rows[self.dated_by]) // DAY_SECONDS


@cache
def names() -> tuple[str, ...]:
    """Every name a customer may have: people first, then firms (`firm_names_from`)."""
    people = [family + given for family in SURNAMES for given in GIVEN_NAMES]
    firms = [f"{word}{kind}有限公司" for word in FIRM_WORDS for kind in FIRM_KINDS]
    return (*people, *firms)


def firm_names_from() -> int:
    """Position of the first firm in `names`."""
    return len(SURNAMES) * len(GIVEN_NAMES)


def _ids(prefix: str, width: int = 8) -> Encoder:
    return lambda numbers: identifiers(numbers, prefix, width)


def _codes(values: tuple[str, ...]) -> Encoder:
    return lambda positions: codes(positions, values)


def _names(positions: Integers) -> pa.Array:
    return codes(positions, names())


# Real Chinese mobile numbers start with 13 to 19; ours start with 12 and so belong to nobody.
_MSISDN = _ids("12", 9)
_CURRENCY = _codes((CURRENCY,))
_REGION = _codes(tuple(region.region_id for region in REGIONS))
_OFFER = _codes(tuple(offer.offer_id for offer in OFFERS))
_LINE = _ids("S")
_CUSTOMER = _ids("C")
_ACCOUNT = _ids("A")


def _crm() -> list[Entity]:
    return [
        Entity(
            "crm",
            "region",
            (
                ("region_id", _REGION),
                ("effective_at", instants),
                ("region_name", _codes(tuple(region.name for region in REGIONS))),
                ("province_name", _codes(tuple(region.province for region in REGIONS))),
                ("city_name", _codes(tuple(region.name for region in REGIONS))),
                ("population", integers),
                ("households", integers),
                ("firms", integers),
            ),
            "effective_at",
            "csv",
            "csv",
            "region_id",
            (),
            (),
        ),
        Entity(
            "crm",
            "channel",
            (
                ("channel_id", _codes(tuple(channel[0] for channel in CHANNELS))),
                ("effective_at", instants),
                ("channel_name", _codes(tuple(channel[1] for channel in CHANNELS))),
                ("channel_type", _codes(tuple(channel[2] for channel in CHANNELS))),
            ),
            "effective_at",
            "csv",
            "csv",
            "channel_id",
            (),
            (),
        ),
        Entity(
            "crm",
            "customer",
            (
                ("customer_id", _CUSTOMER),
                ("effective_at", instants),
                ("customer_type", _codes(("individual", "group"))),
                ("customer_name", _names),
                ("id_number", _ids("000000", 12)),
                ("contact_msisdn", _MSISDN),
                ("region_id", _REGION),
                ("gender", _codes(("female", "male", "unknown"))),
                ("birth_year", integers),
                ("is_senior", booleans),
                ("has_partner", booleans),
                ("has_dependents", booleans),
            ),
            "effective_at",
            "csv.gz",
            "csv",
            "customer_id",
            ("region_id",),
            ("customer_type", "gender"),
        ),
        Entity(
            "crm",
            "account",
            (
                ("account_id", _ACCOUNT),
                ("effective_at", instants),
                ("customer_id", _CUSTOMER),
                ("currency_code", _CURRENCY),
                ("payment_method", _codes(PAYMENT_METHODS)),
                ("is_paperless", booleans),
                ("billed_to_date_amount", amounts),
            ),
            "effective_at",
            "csv",
            "csv",
            "account_id",
            ("customer_id",),
            ("currency_code",),
        ),
        Entity(
            "crm",
            "offer",
            (
                ("offer_id", _OFFER),
                ("effective_at", instants),
                ("offer_name", _codes(tuple(offer.name for offer in OFFERS))),
                ("offer_type", _codes(tuple(offer.offer_type for offer in OFFERS))),
                ("brand_name", _codes(tuple(offer.brand for offer in OFFERS))),
                ("service_line", _codes(tuple(offer.service_line for offer in OFFERS))),
                ("plan_type", _codes(tuple(offer.plan_type for offer in OFFERS))),
                ("monthly_fee_amount", amounts),
                ("currency_code", _CURRENCY),
                ("contract_term_months", integers),
            ),
            "effective_at",
            "jsonl",
            "jsonl",
            "offer_id",
            (),
            (),
        ),
        Entity(
            "crm",
            "subscription",
            (
                ("subscription_id", _LINE),
                ("effective_at", instants),
                ("customer_id", _CUSTOMER),
                ("user_customer_id", _CUSTOMER),
                ("account_id", _ACCOUNT),
                ("region_id", _REGION),
                ("channel_id", _codes(tuple(channel[0] for channel in CHANNELS))),
                ("main_offer_id", _OFFER),
                ("msisdn", _MSISDN),
                ("activated_at", instants),
                ("predecessor_subscription_id", _LINE),
            ),
            "effective_at",
            "csv.gz",
            "csv",
            "subscription_id",
            ("customer_id", "main_offer_id"),
            (),
        ),
        Entity(
            "crm",
            "subscription_event",
            (
                ("event_id", _ids("E", 14)),
                ("subscription_id", _LINE),
                ("event_type", _codes(EVENT_TYPES)),
                ("occurred_at", instants),
                ("reason_code", _codes(REASONS)),
                ("other_operator", _codes(RIVALS)),
            ),
            "occurred_at",
            "jsonl",
            "jsonl",
            "event_id",
            ("subscription_id",),
            ("event_type",),
        ),
        Entity(
            "crm",
            "subscribed_offer",
            (
                ("subscribed_offer_id", _ids("H", 9)),
                ("effective_at", instants),
                ("subscription_id", _LINE),
                ("offer_id", _OFFER),
                ("started_at", instants),
                ("ended_at", instants),
            ),
            "effective_at",
            "csv.gz",
            "csv.gz",
            "subscribed_offer_id",
            ("subscription_id", "offer_id"),
            (),
        ),
        Entity(
            "crm",
            "contract",
            (
                ("contract_id", _ids("K")),
                ("effective_at", instants),
                ("subscription_id", _LINE),
                ("start_date", dates),
                ("end_date", dates),
                ("term_months", integers),
            ),
            "effective_at",
            "jsonl.gz",
            "csv",
            "contract_id",
            ("subscription_id",),
            (),
        ),
    ]


def _billing_and_usage() -> list[Entity]:
    return [
        Entity(
            "billing",
            "invoice_line",
            (
                ("invoice_line_id", _ids("L", 14)),
                ("invoice_id", _ids("I", 16)),
                ("account_id", _ACCOUNT),
                ("subscription_id", _LINE),
                ("offer_id", _OFFER),
                ("document_type", _codes(DOCUMENT_TYPES)),
                ("charge_type", _codes(CHARGE_TYPES)),
                ("service_month", dates),
                ("issued_at", instants),
                ("net_amount", amounts),
                ("tax_amount", amounts),
                ("currency_code", _CURRENCY),
            ),
            "issued_at",
            "csv.gz",
            "csv.gz",
            "invoice_line_id",
            ("account_id",),
            ("charge_type", "document_type"),
            ("net_amount", "tax_amount"),
        ),
        Entity(
            "usage",
            "usage_event",
            (
                ("event_id", _ids("U", 15)),
                ("msisdn", _MSISDN),
                ("started_at", instants),
                ("service_type", _codes(SERVICES)),
                ("direction", _codes(DIRECTIONS)),
                ("network_type", _codes(NETWORKS)),
                ("roaming_type", _codes(ROAMING)),
                ("other_operator", _codes(RIVALS)),
                ("duration_seconds", integers),
                ("volume_bytes", integers),
                ("rated_amount", amounts),
                ("currency_code", _CURRENCY),
            ),
            "started_at",
            "parquet",
            "csv.gz",
            "event_id",
            ("msisdn",),
            ("service_type", "direction", "network_type"),
            ("duration_seconds", "volume_bytes", "rated_amount"),
        ),
        Entity(
            "usage",
            "topup",
            (
                ("topup_id", _ids("T", 14)),
                ("msisdn", _MSISDN),
                ("topped_up_at", instants),
                ("amount", amounts),
                ("currency_code", _CURRENCY),
                ("channel_type", _codes(TOPUP_CHANNELS)),
            ),
            "topped_up_at",
            "csv.gz",
            "csv",
            "topup_id",
            ("msisdn",),
            ("currency_code",),
            ("amount",),
        ),
    ]


@cache
def entities() -> dict[str, Entity]:
    """Every extract by `source.entity`, in delivery order."""
    return {entity.full_name: entity for entity in (*_crm(), *_billing_and_usage())}


def brand_position(offer: int) -> int:
    """Position in BRANDS of an offer's brand."""
    return BRANDS.index(OFFERS[offer].brand)
