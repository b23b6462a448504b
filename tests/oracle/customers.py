"""Customers and groups by month, counted from the files.

A line belongs to its owner, and to its payer, as the month ends or as it left in it. Recency is that of all lines of
the month, frequency and money that of the lines on the network at its end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.campaign_value import rounded
from tests.oracle.deliveries import Row, all_rows
from tests.oracle.movement import LineMonth
from tests.oracle.operator import histories, months_later
from tests.oracle.retention import Retention
from tests.oracle.service import Service, Ticket, due_of
from tests.oracle.summaries import Opinion

RECENT_MONTHS = 3
TIERS = ("diamond", "gold", "silver", "standard")
MARKETS = ("group", "family", "individual")
Key = tuple[date, str]
DAY = timedelta(days=1)


def owned(opinion: Opinion) -> dict[Key, list[LineMonth]]:
    """The lines of each customer and month."""
    found = defaultdict(list)
    for seen in opinion.months:
        found[seen.month, str(seen.line.history.before(seen.seen_at)["customer_id"])].append(seen)
    return found


def customers(retention: Retention) -> dict[Key, tuple[Any, ...]]:
    """What customer_monthly says of each customer and month."""
    opinion, operator = retention.opinion, retention.operator
    markets, means = retention.markets(), retention.means()
    service, every = opinion.revenue.of_line(service_only=True), opinion.revenue.of_line(service_only=False)
    used: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0, 0])
    for (month, line_id, _, kind, *_), amounts in opinion.usage.monthly.items():
        used[line_id, month][0] += amounts.seconds if kind == "voice" else 0
        used[line_id, month][1] += amounts.volume if kind == "data" else 0
    found: dict[Key, dict[str, Any]] = {}
    for (month, customer_id), lines in owned(opinion).items():
        staying = [seen for seen in lines if seen.is_closing]
        keys = [(seen.line.line_id, month) for seen in lines]
        state = operator.customers[customer_id].before(operator.month_end(month))
        billed, metered = month in opinion.revenue.billed_months, _is_metered(opinion, month)
        mean = sum((means[seen.line.line_id, month] for seen in staying), Decimal(0)) if staying else None
        recency, frequency = _activity(opinion, month, lines, staying)
        is_scored = bool(staying) and metered
        found[month, customer_id] = {
            "type": state["customer_type"],
            "region": state["region_id"],
            "market": min((markets[key] for key in keys), key=MARKETS.index),
            "tier": min((opinion.tiers[key] for key in keys), key=TIERS.index),
            "opening": sum(seen.is_opening for seen in lines),
            "closing": len(staying),
            "mobile": sum(seen.closing[2] == "mobile" for seen in staying),
            "broadband": sum(seen.closing[2] == "broadband" for seen in staying),
            "entries": sum(sum(seen.entries.values()) for seen in lines),
            "churn": sum(sum(seen.exits.values()) for seen in lines),
            "is_lost": any(seen.is_opening for seen in lines) and not staying,
            "tenure": max(seen.tenure_days for seen in lines),
            "service_revenue": sum((service.get(key, Decimal(0)) for key in keys), Decimal(0)) if billed else None,
            "revenue": sum((every.get(key, Decimal(0)) for key in keys), Decimal(0)) if billed else None,
            "mean": None if mean is None else rounded(Fraction(mean)),
            "seconds": sum(used[key][0] for key in keys) if metered else None,
            "bytes": sum(used[key][1] for key in keys) if metered else None,
            "recency": recency if is_scored else None,
            "frequency": frequency if is_scored else None,
            "money": mean if is_scored else None,
        }
    scores = [_scores(found, name, sign) for name, sign in (("recency", -1), ("frequency", 1), ("money", 1))]
    hidden = {key: row.pop("money") for key, row in found.items()}
    assert hidden.keys() == found.keys()
    return {key: (*row.values(), *(score.get(key) for score in scores)) for key, row in found.items()}


def _is_metered(opinion: Opinion, month: date) -> bool:
    return opinion.operator.usage_from < opinion.operator.clock.day(opinion.operator.month_end(month))


def _activity(opinion: Opinion, month: date, lines: list[LineMonth], staying: list[LineMonth]) -> tuple[int, int]:
    """Days since the last one with activity of three months, and how many there were."""
    first = months_later(month, 1 - RECENT_MONTHS)
    last = opinion.operator.clock.day(opinion.operator.month_end(month) - timedelta(microseconds=1))

    def days(seen: LineMonth) -> list[date]:
        return [day for day in opinion.usage.active_days.get(seen.line.line_id, ()) if first <= day <= last]

    latest = max((day for seen in lines for day in days(seen)), default=months_later(month, -RECENT_MONTHS))
    return (last - latest).days, sum(len(days(seen)) for seen in staying)


def _scores(found: dict[Key, dict[str, Any]], name: str, sign: int) -> dict[Key, int]:
    """Fifths of the ranking within each month, from the worst to the best; equals have the rank of the first."""
    scores = {}
    for month in {month for month, _ in found}:
        values = {key: sign * row[name] for key, row in found.items() if key[0] == month and row[name] is not None}
        ordered = sorted(values.values())
        place: dict[Any, int] = {}
        for number, value in enumerate(ordered):
            place.setdefault(value, number)
        for key, value in values.items():
            share = Fraction(place[value], max(len(ordered) - 1, 1))
            scores[key] = min(1 + int(share * 5), 5)
    return scores


def groups(retention: Retention, service: Service) -> dict[Key, tuple[Any, ...]]:
    """What group_monthly says of each group that pays for a line and month."""
    opinion, operator = retention.opinion, retention.operator
    markets, members = retention.markets(), _members(retention)
    money, every = opinion.revenue.of_line(service_only=True), opinion.revenue.of_line(service_only=False)
    paid: dict[Key, list[LineMonth]] = defaultdict(list)
    payer_of: dict[tuple[str, date], str] = {}
    for seen in opinion.months:
        if markets[seen.line.line_id, seen.month] == "group":
            paid[seen.month, retention.payer(seen)].append(seen)
            payer_of[seen.line.line_id, seen.month] = retention.payer(seen)
    tickets: dict[Key, list[Ticket]] = defaultdict(list)
    for ticket in service.tickets.values():
        month = operator.clock.day(ticket.opened_at).replace(day=1)
        payer = payer_of.get((ticket.states[0].row["subscription_id"], month))
        if payer:
            tickets[month, payer].append(ticket)
    roots, found = _roots(retention), {}
    for (month, customer_id), lines in paid.items():
        keys = [(seen.line.line_id, month) for seen in lines]
        opening, closing = [sum(getattr(seen, name) for seen in lines) for name in ("is_opening", "is_closing")]
        both = sum(seen.is_opening and seen.is_closing for seen in lines)
        billed = month in opinion.revenue.billed_months
        mine = tickets[month, customer_id]
        judged = [kept for ticket in mine if (kept := _is_kept(service, ticket)) is not None]
        found[month, customer_id] = (
            operator.customers[customer_id].before(operator.month_end(month))["region_id"],
            *(roots(customer_id), opening, closing, both, _share(both, opening)),
            sum(sum(seen.exits.values()) for seen in lines),
            len({seen.closing[2] for seen in lines if seen.is_closing}),
            *members(month, customer_id),
            sum((money.get(key, Decimal(0)) for key in keys), Decimal(0)) if billed else None,
            sum((every.get(key, Decimal(0)) for key in keys), Decimal(0)) if billed else None,
            len(mine),
            sum(ticket.states[-1].row["status_code"] == "resolved" for ticket in mine),
            *(len(judged), sum(judged)),
        )
    return found


def _share(part: int, whole: int) -> Decimal | None:
    return rounded(Fraction(part, whole), 6) if whole else None


def _is_kept(service: Service, ticket: Ticket) -> bool | None:
    """Whether a target was kept; None before it falls due."""
    due, month = due_of(service, ticket)
    if due is None or month is None:
        return None
    return ticket.is_resolved_at(due, service.closes(month), service.operator.clock.zone)


def _members(retention: Retention) -> Callable[[date, str], tuple[Any, ...]]:
    """Members of a group as a month ends: all, with a line of ours, with a rival, share with us. None if none ever."""
    operator = retention.operator
    listed: dict[str, list[Row]] = defaultdict(list)
    for history in histories(operator.folder, "enterprise.group_member", "group_member_id", operator.end).values():
        listed[history.latest["group_customer_id"]].append(history.latest)

    def members(month: date, customer_id: str) -> tuple[Any, ...]:
        last = str(operator.clock.day(operator.month_end(month) - timedelta(microseconds=1)))
        there = [
            row
            for row in listed[customer_id]
            if str(row["valid_from_date"]) <= last and (not row["valid_to_date"] or str(row["valid_to_date"]) > last)
        ]
        if not listed[customer_id]:
            return (None,) * 4
        ours = [row for row in there if (row["subscription_id"], month) in retention.closing]
        lost = [row for row in there if row not in ours and row["rival_operator"]]
        return len(there), len(ours), len(lost), _share(len(ours), len(there))

    return members


def _roots(retention: Retention) -> Callable[[str], str]:
    """The company at the top of the tree of a customer on the as-of date."""
    operator, parents = retention.operator, {}
    relations = histories(operator.folder, "crm.customer_relation", "relation_id", operator.end)
    for history in sorted(relations.values(), key=lambda history: str(history.latest["valid_from_date"])):
        row = history.latest
        holds = str(row["valid_from_date"]) <= str(operator.as_of) and (
            not row["valid_to_date"] or str(row["valid_to_date"]) > str(operator.as_of)
        )
        if row["relation_type"] == "parent_company" and holds:
            parents[row["from_customer_id"]] = row["to_customer_id"]

    def root(customer_id: str) -> str:
        while customer_id in parents:
            customer_id = parents[customer_id]
        return customer_id

    return root


def network(service: Service, opinion: Opinion, targets: dict[str, tuple[str, Decimal]]) -> dict[Any, tuple[Any, ...]]:
    """What network_quality_monthly says by month, region and technology, customers of the service line beside it."""
    operator = service.operator
    lines: dict[Any, list[int]] = defaultdict(lambda: [0] * 6)
    for seen in opinion.months:
        if seen.opening:
            counts = lines[seen.month, seen.opening[0], seen.opening[2]]
            counts[0] += 1
            counts[1] += seen.opening_exit == "voluntary"
    for ticket in service.tickets.values():
        first, last = ticket.states[0], ticket.states[-1].row
        counts = lines[service.posted(first), last["region_id"], first.slice[2]]
        counts[2] += 1
        counts[3] += last["ticket_type"] == "complaint"
        counts[4] += last["cause_code"] in ("outage", "coverage")
    for contact in service.contacts:
        if contact.row["direction"] == "inbound" and contact.row["topic_code"] in ("network", "fault"):
            lines[service.posted(contact), contact.slice[0], contact.slice[2]][5] += 1
    days: dict[Any, list[Row]] = defaultdict(list)
    for row in all_rows(operator.folder, "network.quality_daily"):
        day = date.fromisoformat(str(row["quality_date"]))
        if day <= operator.as_of:
            days[day.replace(day=1), row["region_id"], row["technology_code"]].append(row)
    found = {}
    for (month, region, technology), rows in days.items():
        service_line, least = targets[technology]
        means = [
            _mean(rows, name, digits)
            for name, digits in (("availability_ratio", 6), ("drop_rate", 6), ("throughput_mbps", 3), ("latency_ms", 3))
        ]
        found[month, region, technology] = (
            service_line,
            len(rows),
            sum(Decimal(row["availability_ratio"]) >= least for row in rows),
            sum(int(row["outage_minutes"]) > 0 for row in rows),
            *means,
            sum(int(row["outage_minutes"]) for row in rows),
            sum(int(row["affected_subscription_count"]) for row in rows),
            *lines[month, region, service_line],
        )
    return found


def _mean(rows: list[Row], name: str, digits: int) -> Decimal | None:
    values = [Fraction(row[name]) for row in rows if row[name] is not None]
    return rounded(sum(values, Fraction(0)) / len(values), digits) if values else None
