"""What campaigns changed, counted from the files: who was assigned, and what each subscription did afterwards."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tests.oracle.deliveries import Row, all_rows
from tests.oracle.operator import histories
from tests.oracle.summaries import Opinion

WINDOW_DAYS = 60


@dataclass
class Arm:
    """One side of a campaign: how many were assigned to it, and how many of them did what was wanted."""

    assigned: int = 0
    did: int = 0


def campaign_arms(opinion: Opinion) -> dict[str, tuple[Arm, Arm]]:
    """Treated and control of each campaign, from all that was assigned up to the end of what is known."""
    operator = opinion.operator
    campaigns = histories(operator.folder, "marketing.campaign", "campaign_id", operator.end)
    begun = _begun_offers(opinion)
    fees = histories(operator.folder, "crm.offer", "offer_id", operator.end)
    arms: dict[str, tuple[Arm, Arm]] = defaultdict(lambda: (Arm(), Arm()))
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        assigned_at = datetime.fromisoformat(row["assigned_at"])
        if assigned_at >= operator.end:
            continue
        campaign, line_id = campaigns[row["campaign_id"]].latest, row["subscription_id"]
        last_day = operator.clock.day(assigned_at) + timedelta(days=WINDOW_DAYS)
        until = min(operator.clock.midnight(last_day + timedelta(days=1)), operator.end)

        def within(instant: datetime | None, since: datetime = assigned_at, until: datetime = until) -> bool:
            return instant is not None and since <= instant < until

        taken = [(at, offer) for at, offer in begun[line_id] if within(at)]
        if campaign["objective_code"] in ("retention", "loyalty"):
            did = not any(within(stay.left_at) for stay in opinion.stays[line_id])
        elif campaign["objective_code"] == "win_back":
            did = any(line.predecessor == line_id and within(line.activated_at) for line in operator.lines.values())
        elif campaign["offer_id"]:
            did = any(offer == campaign["offer_id"] for _, offer in taken)
        else:
            held = fees[operator.lines[line_id].history.before(assigned_at)["main_offer_id"]].before(assigned_at)
            did = any(
                fees[offer].latest["offer_type"] == "main" and _fee(fees[offer].at(at)) > _fee(held)
                for at, offer in taken
            )
        arm = arms[row["campaign_id"]][row["is_control"] in (True, "true")]
        arm.assigned += 1
        arm.did += did
    return dict(arms)


def _begun_offers(opinion: Opinion) -> dict[str, list[tuple[datetime, str]]]:
    operator, found = opinion.operator, defaultdict(list)
    holdings = histories(operator.folder, "crm.subscribed_offer", "subscribed_offer_id", operator.end)
    for history in holdings.values():
        state = history.latest
        found[state["subscription_id"]].append((datetime.fromisoformat(state["started_at"]), state["offer_id"]))
    return found


def _fee(offer: Row) -> Decimal:
    return Decimal(str(offer["monthly_fee_amount"]))
