"""Extracts of network operations."""

from tenure.simulator.columns import dates_of, integers, millionths, thousandths
from tenure.simulator.entities.entity import REGION, Entity, codes_of
from tenure.simulator.network import TECHNOLOGIES


def network() -> list[Entity]:
    """The extracts of network operations, in delivery order."""
    return [
        Entity(
            "network",
            "quality_daily",
            (
                ("region_id", REGION),
                ("quality_date", dates_of),
                ("technology_code", codes_of(TECHNOLOGIES)),
                ("availability_ratio", millionths),
                ("drop_rate", millionths),
                ("throughput_mbps", thousandths),
                ("latency_ms", thousandths),
                ("outage_minutes", integers),
                ("affected_subscription_count", integers),
            ),
            "quality_date",
            "csv.gz",
            "csv",
            "quality_key",
            ("region_id",),
            ("technology_code",),
            ("outage_minutes", "affected_subscription_count"),
        ),
    ]
