"""Extracts of usage."""

from tenure.simulator.catalogue import RIVALS
from tenure.simulator.codes import DIRECTIONS, NETWORKS, ROAMING, SERVICES, SPONSORS, TOPUP_CHANNELS
from tenure.simulator.columns import amounts, instants, integers
from tenure.simulator.entities.entity import CURRENCY, MSISDN, Entity, codes_of, identifiers_of


def usage() -> list[Entity]:
    """The extracts of usage, in delivery order."""
    return [
        Entity(
            "usage",
            "usage_event",
            (
                ("event_id", identifiers_of("U", 15)),
                ("msisdn", MSISDN),
                ("started_at", instants),
                ("service_type", codes_of(SERVICES)),
                ("direction", codes_of(DIRECTIONS)),
                ("network_type", codes_of(NETWORKS)),
                ("roaming_type", codes_of(ROAMING)),
                ("other_operator", codes_of(RIVALS)),
                ("other_party_msisdn", MSISDN),
                ("duration_seconds", integers),
                ("volume_bytes", integers),
                ("rated_amount", amounts),
                ("currency_code", CURRENCY),
                ("sponsor_name", codes_of(SPONSORS)),
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
                ("topup_id", identifiers_of("T", 14)),
                ("msisdn", MSISDN),
                ("topped_up_at", instants),
                ("amount", amounts),
                ("currency_code", CURRENCY),
                ("channel_type", codes_of(TOPUP_CHANNELS)),
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
