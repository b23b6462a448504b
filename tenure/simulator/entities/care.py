"""Extracts of customer care."""

from tenure.simulator.care import (
    CAUSES,
    CHANNELS,
    DIRECTIONS,
    SEVERITIES,
    SURVEYS,
    TICKET_STATES,
    TICKET_TYPES,
    TOPICS,
    TOUCHPOINTS,
)
from tenure.simulator.columns import booleans, instants, integers
from tenure.simulator.entities.entity import CUSTOMER, LINE, REGION, Entity, codes_of, identifiers_of
from tenure.simulator.staff import STAFF_IDS


def care() -> list[Entity]:
    """The extracts of customer care, in delivery order."""
    return [
        Entity(
            "care",
            "interaction",
            (
                ("interaction_id", identifiers_of("Q", 14)),
                ("customer_id", CUSTOMER),
                ("subscription_id", LINE),
                ("channel_code", codes_of(CHANNELS)),
                ("direction", codes_of(DIRECTIONS)),
                ("topic_code", codes_of(TOPICS)),
                ("started_at", instants),
                ("answered_at", instants),
                ("ended_at", instants),
                ("wait_seconds", integers),
                ("handle_seconds", integers),
                ("is_abandoned", booleans),
                ("is_resolved", booleans),
                ("staff_id", codes_of(STAFF_IDS)),
            ),
            "started_at",
            "parquet",
            "csv",
            "interaction_id",
            ("customer_id",),
            ("channel_code", "direction", "topic_code"),
            ("wait_seconds", "handle_seconds"),
        ),
        Entity(
            "care",
            "ticket",
            (
                ("ticket_id", identifiers_of("Y", 13)),
                ("effective_at", instants),
                ("subscription_id", LINE),
                ("customer_id", CUSTOMER),
                ("ticket_type", codes_of(TICKET_TYPES)),
                ("cause_code", codes_of(CAUSES)),
                ("opened_at", instants),
                ("resolved_at", instants),
                ("status_code", codes_of(TICKET_STATES)),
                ("region_id", REGION),
                ("severity_code", codes_of(SEVERITIES)),
            ),
            "effective_at",
            "csv.gz",
            "csv",
            "ticket_id",
            ("subscription_id",),
            ("ticket_type", "cause_code", "status_code"),
        ),
        Entity(
            "care",
            "survey_response",
            (
                ("survey_response_id", identifiers_of("Z", 14)),
                ("subscription_id", LINE),
                ("customer_id", CUSTOMER),
                ("survey_type", codes_of(SURVEYS)),
                ("score", integers),
                ("responded_at", instants),
                ("touchpoint_code", codes_of(TOUCHPOINTS)),
            ),
            "responded_at",
            "jsonl.gz",
            "jsonl",
            "survey_response_id",
            ("subscription_id",),
            ("survey_type", "touchpoint_code"),
        ),
    ]
