"""Extracts of billing."""

from tenure.simulator.codes import CHARGE_TYPES, DOCUMENT_TYPES
from tenure.simulator.columns import amounts, dates, instants
from tenure.simulator.entities.entity import ACCOUNT, CURRENCY, LINE, OFFER, Entity, codes_of, identifiers_of


def billing() -> list[Entity]:
    """The extracts of billing, in delivery order."""
    return [
        Entity(
            "billing",
            "invoice_line",
            (
                ("invoice_line_id", identifiers_of("L", 14)),
                ("invoice_id", identifiers_of("I", 16)),
                ("account_id", ACCOUNT),
                ("subscription_id", LINE),
                ("offer_id", OFFER),
                ("document_type", codes_of(DOCUMENT_TYPES)),
                ("charge_type", codes_of(CHARGE_TYPES)),
                ("service_month", dates),
                ("issued_at", instants),
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
    ]
