"""Lines that have taken up a service by the end of a month, from the files."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from tests.oracle.operator import Operator, histories
from tests.oracle.summaries import Opinion

Adopters = dict[tuple[date, str], set[str]]


def adopters(opinion: Opinion) -> Adopters:
    """Lines by month and service: add-ons and bundles held, 5G phones, IPTV boxes, value-added use, roaming abroad."""
    operator, found = opinion.operator, defaultdict(set)
    service_line = {seen_key(seen): seen.closing[2] for seen in opinion.months if seen.is_closing}
    wanted = {"vas_use": "mobile", "roaming_abroad": "mobile", "phone_5g": "mobile", "iptv_box": "broadband"}
    wanted |= {
        offer_id: offer["service_line"]
        for offer_id, offer in operator.offers.items()
        if offer["offer_type"] in ("addon", "bundle")
    }

    def add(month: date, line_id: str, service: str) -> None:
        if service in wanted and service_line.get((month, line_id)) == wanted[service]:
            found[month, service].add(line_id)

    for history in histories(operator.folder, "crm.subscribed_offer", "subscribed_offer_id", operator.end).values():
        for month in operator.months():
            end, state = operator.month_end(month), history.before(operator.month_end(month))
            ended = state["ended_at"] and datetime.fromisoformat(state["ended_at"]) < end
            if datetime.fromisoformat(state["started_at"]) < end and not ended:
                add(month, state["subscription_id"], state["offer_id"])
    for month, line_id, device in _devices(operator):
        if device["device_type"] == "set_top_box":
            add(month, line_id, "iptv_box")
        elif device["device_type"] == "phone" and device["is_5g"] in (True, "true"):
            add(month, line_id, "phone_5g")
    for month, line_id, _, kind, _, _, roaming, *_ in opinion.usage.monthly:
        if kind == "vas":
            add(month, line_id, "vas_use")
        if roaming == "international":
            add(month, line_id, "roaming_abroad")
    return dict(found)


def seen_key(seen: Any) -> tuple[date, str]:
    """Month and line."""
    return seen.month, seen.line.line_id


def _devices(operator: Operator) -> list[tuple[date, str, dict[str, Any]]]:
    """The latest device of each type that a line had in use as each month ended."""
    found: dict[tuple[date, str, str], tuple[str, str, dict[str, Any]]] = {}
    for name, history in histories(operator.folder, "crm.device", "device_id", operator.end).items():
        for month in operator.months():
            end = operator.month_end(month)
            state = history.before(end)
            first = str(state["first_used_date"])
            if first <= str(operator.clock.day(end) - timedelta(days=1)):
                key = (month, state["subscription_id"], state["device_type"])
                if key not in found or found[key][:2] < (first, name):
                    found[key] = (first, name, state)
    return [(month, line_id, state) for (month, line_id, _), (_, _, state) in found.items()]
