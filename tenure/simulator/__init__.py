"""A simulated telecom operator: its extracts in the layout that landing reads, and the truth behind them."""

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.engine import SimulationSummary, simulate

__all__ = ["Behaviour", "SimulationSummary", "simulate"]
