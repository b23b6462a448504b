"""Rivals by month, region and service line, from the files: shares, ports, fees and campaigns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.oracle.deliveries import all_rows
from tests.oracle.operator import Operator, histories

OWN = "Tenure Telecom"
MILLIONTH = Decimal("0.000001")
Place = tuple[date, str, str, str]  # month, region, service line, rival


@dataclass
class Rival:
    """What is known of a rival in a month and place. Counts of lines are None without delivered shares."""

    lines: int | None = None
    own_lines: int | None = None
    market_lines: int | None = None
    ports: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    fees: list[tuple[Decimal, Decimal | None]] = field(default_factory=list)
    discounts: list[int] = field(default_factory=list)

    def share(self) -> Decimal | None:
        """The rival's part of the market."""
        if self.lines is None or not self.market_lines:
            return None
        return (Decimal(self.lines) / self.market_lines).quantize(MILLIONTH, ROUND_HALF_UP)

    def gap(self) -> Decimal | None:
        """By how much the plans that stand against one of ours cost more than ours, as a share of ours."""
        pairs = [(theirs, ours) for theirs, ours in self.fees if ours is not None]
        ours_added = sum((ours for _, ours in pairs), Decimal(0))
        if not ours_added:
            return None
        difference = sum((theirs for theirs, _ in pairs), Decimal(0)) - ours_added
        return (difference / ours_added).quantize(MILLIONTH, ROUND_HALF_UP)


def rivals(operator: Operator) -> dict[Place, Rival]:
    """Every rival wherever anything is known of it."""
    found: dict[Place, Rival] = defaultdict(Rival)
    market: dict[tuple[Any, ...], dict[str, int]] = defaultdict(dict)
    for row in all_rows(operator.folder, "market.market_share"):
        place = (date.fromisoformat(str(row["month"])), row["region_id"], row["service_line"])
        market[place][row["operator_name"]] = int(row["subscription_count"])
    for place, lines in market.items():
        for name, count in lines.items():
            if name != OWN and place[0] in operator.months():
                found[*place, name].lines = count
    for row in all_rows(operator.folder, "market.porting"):
        at = datetime.fromisoformat(row["completed_at"])
        if at < operator.end:
            line = operator.lines.get(row["subscription_id"])
            service = operator.slice_of(line.history.before(at))[2] if line else "mobile"
            month = operator.clock.day(at).replace(day=1)
            found[month, row["region_id"], service, row["rival_name"]].ports[row["direction"], row["status_code"]] += 1
    _offers(operator, found)
    for history in histories(operator.folder, "market.rival_campaign", "rival_campaign_id", operator.end).values():
        last = history.latest
        first_day, last_day = _day(last["start_date"]), _day(last["end_date"]) or date.max
        for month in operator.months():
            month_end = operator.clock.day(operator.month_end(month)) - timedelta(days=1)
            if first_day and first_day <= month_end and last_day >= month:
                rival = found[month, last["region_id"], last["service_line"], last["rival_name"]]
                rival.discounts.append(int(last["discount_percent"]))
    for key, rival in found.items():
        if key[:3] in market:
            rival.market_lines = sum(market[key[:3]].values())
            rival.own_lines = market[key[:3]].get(OWN)
    return dict(found)


def _offers(operator: Operator, found: dict[Place, Rival]) -> None:
    """The fee of each plan in force as a month ends, and that of our offer it stands against."""
    ours = histories(operator.folder, "crm.offer", "offer_id", operator.end)
    for history in histories(operator.folder, "market.rival_offer", "rival_offer_id", operator.end).values():
        for month in operator.months():
            end = operator.month_end(month)
            if history.since[0] >= end:
                continue
            state = history.before(end)
            own = ours.get(state["comparable_offer_id"])
            fee = Decimal(str(own.before(end)["monthly_fee_amount"])) if own else None
            place = (month, state["region_id"], state["service_line"], state["rival_name"])
            found[place].fees.append((Decimal(str(state["monthly_fee_amount"])), fee))


def _day(value: Any) -> date | None:
    return date.fromisoformat(str(value)) if value else None
