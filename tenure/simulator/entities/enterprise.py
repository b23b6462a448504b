"""Extracts of the group business."""

from tenure.simulator.columns import amounts, dates, instants, integers
from tenure.simulator.enterprise import (
    EVENT_KINDS,
    MEMBER_ROLES,
    OPPORTUNITY_TYPES,
    PRODUCT_LINES,
    SOURCES,
    STAGES,
)
from tenure.simulator.entities.entity import (
    CURRENCY,
    CUSTOMER,
    LINE,
    OPPORTUNITY,
    RIVAL,
    STAFF_ID,
    Entity,
    codes_of,
    identifiers_of,
)


def enterprise() -> list[Entity]:
    """The extracts of enterprise, in delivery order."""
    return [
        Entity(
            "enterprise",
            "opportunity",
            (
                ("opportunity_id", OPPORTUNITY),
                ("effective_at", instants),
                ("customer_id", CUSTOMER),
                ("owner_staff_id", STAFF_ID),
                ("opportunity_type", codes_of(OPPORTUNITY_TYPES)),
                ("product_line", codes_of(PRODUCT_LINES)),
                ("source_code", codes_of(SOURCES)),
                ("stage_code", codes_of(STAGES)),
                ("line_count", integers),
                ("expected_amount", amounts),
                ("currency_code", CURRENCY),
                ("probability", amounts),
                ("expected_close_date", dates),
                ("rival_name", RIVAL),
                ("rival_contract_end_date", dates),
                ("created_at", instants),
            ),
            "effective_at",
            "jsonl",
            "csv",
            "opportunity_id",
            ("customer_id",),
            ("stage_code", "product_line"),
        ),
        Entity(
            "enterprise",
            "opportunity_event",
            (
                ("opportunity_event_id", identifiers_of("P", 12)),
                ("opportunity_id", OPPORTUNITY),
                ("occurred_at", instants),
                ("event_type", codes_of(EVENT_KINDS)),
                ("from_stage_code", codes_of(STAGES)),
                ("to_stage_code", codes_of(STAGES)),
                ("staff_id", STAFF_ID),
            ),
            "occurred_at",
            "csv",
            "csv",
            "opportunity_event_id",
            ("opportunity_id",),
            ("event_type",),
        ),
        Entity(
            "enterprise",
            "group_member",
            (
                ("group_member_id", identifiers_of("M", 9)),
                ("effective_at", instants),
                ("group_customer_id", CUSTOMER),
                ("member_customer_id", CUSTOMER),
                ("subscription_id", LINE),
                ("member_role_code", codes_of(MEMBER_ROLES)),
                ("valid_from_date", dates),
                ("valid_to_date", dates),
                ("rival_operator", RIVAL),
                ("rival_contract_end_date", dates),
            ),
            "effective_at",
            "csv",
            "csv",
            "group_member_id",
            ("group_customer_id",),
            ("member_role_code",),
        ),
    ]
