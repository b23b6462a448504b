"""Landing: delivered files, checked against their contracts, into the raw tables, with a ledger that balances."""

from tenure.landing.replay import ReplaySummary, replay_rejects
from tenure.landing.reports import balance_of, load_status, reject_report
from tenure.landing.results import Balance, ControlTotal, FileResult, LandSummary
from tenure.landing.run import land

__all__ = [
    "Balance",
    "ControlTotal",
    "FileResult",
    "LandSummary",
    "ReplaySummary",
    "balance_of",
    "land",
    "load_status",
    "reject_report",
    "replay_rejects",
]
