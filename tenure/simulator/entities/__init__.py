"""The extracts that the simulated operator delivers, one module per source."""

from functools import cache

from tenure.simulator.entities.billing import billing
from tenure.simulator.entities.care import care
from tenure.simulator.entities.crm import crm
from tenure.simulator.entities.enterprise import enterprise
from tenure.simulator.entities.entity import Entity
from tenure.simulator.entities.finance import finance
from tenure.simulator.entities.market import market
from tenure.simulator.entities.marketing import marketing
from tenure.simulator.entities.network import network
from tenure.simulator.entities.usage import usage


@cache
def entities() -> dict[str, Entity]:
    """Every extract by `source.entity`, in delivery order."""
    sources = (crm(), billing(), usage(), network(), care(), market(), marketing(), enterprise(), finance())
    return {entity.full_name: entity for source in sources for entity in source}


__all__ = ["Entity", "entities"]
