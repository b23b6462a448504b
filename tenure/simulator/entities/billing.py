"""Extracts of billing."""

from tenure.simulator.codes import CHARGE_TYPES, DOCUMENT_TYPES, PAYMENT_METHODS
from tenure.simulator.columns import amounts, booleans, dates, instants
from tenure.simulator.entities.entity import (
    ACCOUNT,
    CURRENCY,
    INVOICE,
    LINE,
    OFFER,
    Entity,
    codes_of,
    identifiers_of,
)
from tenure.simulator.payments import COLLECTION_TYPES


def billing() -> list[Entity]:
    """The extracts of billing, in delivery order."""
    return [
        Entity(
            "billing",
            "invoice_line",
            (
                ("invoice_line_id", identifiers_of("L", 14)),
                ("invoice_id", INVOICE),
                ("account_id", ACCOUNT),
                ("subscription_id", LINE),
                ("offer_id", OFFER),
                ("document_type", codes_of(DOCUMENT_TYPES)),
                ("charge_type", codes_of(CHARGE_TYPES)),
                ("service_month", dates),
                ("issued_at", instants),
                ("due_date", dates),
                ("net_amount", amounts),
                ("tax_amount", amounts),
                ("currency_code", CURRENCY),
            ),
            "issued_at",
            "csv.gz",
            "csv.gz",
            "invoice_line_id",
            ("account_id",),
            ("charge_type", "document_type"),
            ("net_amount", "tax_amount"),
            is_monthly=True,
        ),
        Entity(
            "billing",
            "payment",
            (
                ("payment_id", identifiers_of("Y", 14)),
                ("account_id", ACCOUNT),
                ("invoice_id", INVOICE),
                ("paid_at", instants),
                ("amount", amounts),
                ("currency_code", CURRENCY),
                ("payment_method", codes_of(PAYMENT_METHODS)),
                ("is_reversal", booleans),
            ),
            "paid_at",
            "csv.gz",
            "csv",
            "payment_id",
            ("account_id",),
            ("currency_code",),
            ("amount",),
        ),
        Entity(
            "billing",
            "collection_event",
            (
                ("collection_event_id", identifiers_of("V", 17)),
                ("account_id", ACCOUNT),
                ("invoice_id", INVOICE),
                ("subscription_id", LINE),
                ("occurred_at", instants),
                ("event_type", codes_of(COLLECTION_TYPES)),
                ("amount", amounts),
                ("currency_code", CURRENCY),
            ),
            "occurred_at",
            "jsonl",
            "csv",
            "collection_event_id",
            ("account_id",),
            ("event_type",),
            ("amount",),
        ),
    ]
