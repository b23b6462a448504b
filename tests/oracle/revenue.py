"""Revenue by line: signed documents, charges of a whole account shared out, and the month each is posted to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.oracle.deliveries import Delivery, Row, deliveries
from tests.oracle.operator import History, Line, Operator, histories, next_month

SERVICE = ("recurring", "usage", "discount", "credit")
UNALLOCATED = "unallocated"
CENT = Decimal("0.01")
# (line, service month, posted month, charge type, document type, account, method, currency)
RevenueKey = tuple[str, date, date, str, str, str, str, str]
Money = tuple[Decimal, Decimal]


@dataclass
class Revenue:
    """Net and tax by `RevenueKey`, and the months whose bills were delivered."""

    rows: dict[RevenueKey, Money] = field(default_factory=lambda: defaultdict(lambda: (Decimal(0), Decimal(0))))
    billed_months: set[date] = field(default_factory=set)
    gross_of_invoice: dict[str, dict[str, Decimal]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Decimal))
    )

    def of_line(self, service_only: bool) -> dict[tuple[str, date], Decimal]:
        """Net amount by line and posted month."""
        sums: dict[tuple[str, date], Decimal] = defaultdict(Decimal)
        for (line_id, _, posted, charge, *_), (net, _) in self.rows.items():
            if charge in SERVICE or not service_only:
                sums[line_id, posted] += net
        return sums


def count_revenue(operator: Operator) -> Revenue:
    """Post and share out every invoice line delivered by the as-of date."""
    revenue, delivered = Revenue(), []
    months = operator.months()
    for delivery in deliveries(operator.folder, "billing.invoice_line"):
        revenue.billed_months |= {
            month for month in months if delivery.period_from < next_month(month) and delivery.period_to >= month
        }
        delivered += [(row, delivery.business_date) for row in delivery.rows()]
    offers = histories(operator.folder, "crm.offer", "offer_id", operator.end)
    recurring: dict[tuple[str, str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row, _ in delivered:
        if row["subscription_id"] and row["charge_type"] == "recurring":
            place = (row["account_id"], row["service_month"], row["currency_code"])
            recurring[place][row["subscription_id"]] += Decimal(row["net_amount"])
    for row, business_date in delivered:
        service_month = date.fromisoformat(row["service_month"])
        posted = posted_month(operator, service_month, datetime.fromisoformat(row["issued_at"]), business_date)
        net, tax = Decimal(row["net_amount"]), Decimal(row["tax_amount"])
        if row["subscription_id"]:
            method, shares = "direct", {row["subscription_id"]: (net, tax)}
        else:
            weights = _stand_alone_prices(operator, row, service_month, offers)
            if weights:
                method, shares = "stand_alone_price", _split_both((net, tax), weights)
            else:
                method, shares = _share_out(operator, row, service_month, recurring, (net, tax))
        for line_id, (part, part_tax) in shares.items():
            revenue.gross_of_invoice[row["invoice_id"]][line_id] += part + part_tax
            key = (
                line_id,
                service_month,
                posted,
                row["charge_type"],
                row["document_type"],
                row["account_id"],
                method,
                row["currency_code"],
            )
            before = revenue.rows[key]
            revenue.rows[key] = (before[0] + part, before[1] + part_tax)
    return revenue


def posted_month(operator: Operator, service_month: date, issued_at: datetime, business_date: date) -> date:
    """The service month while it is open; for what comes later, the earliest month that was still open then.

    A line is known once it was issued and delivered. On the day a month closes it still takes what arrives.
    """
    known = max(operator.clock.day(issued_at), business_date)
    earliest_open = (known - timedelta(days=operator.clock.close_days)).replace(day=1)
    return max(service_month, earliest_open)


def event_month(operator: Operator, day: date, delivery: Delivery) -> date:
    """The month an event of a day counts in: its own, or the earliest open when a file of a later period brought it."""
    known = delivery.business_date if day < delivery.period_from else day
    earliest_open = (known - timedelta(days=operator.clock.close_days)).replace(day=1)
    return min(max(day.replace(day=1), earliest_open), operator.as_of.replace(day=1))


def _share_out(
    operator: Operator,
    row: Row,
    service_month: date,
    recurring: dict[tuple[str, str, str], dict[str, Decimal]],
    amount: Money,
) -> tuple[str, dict[str, Money]]:
    """Share a charge of the account by the recurring charges of its lines, else equally over the lines it pays for."""
    place = (row["account_id"], row["service_month"], row["currency_code"])
    weights = {line_id: weight for line_id, weight in recurring.get(place, {}).items() if weight > 0}
    method = "recurring_share"
    if not weights:
        method = "equal_share"
        weights = {
            line.line_id: Decimal(1)
            for line in operator.lines.values()
            if _is_billed_to(operator, line, row["account_id"], service_month)
        }
    if not weights:
        return "unallocated", {UNALLOCATED: amount}
    return method, _split_both(amount, weights)


def _stand_alone_prices(
    operator: Operator, row: Row, month: date, offers: dict[str, History]
) -> dict[str, Decimal] | None:
    """For a bundle: what the plan of each line of the account costs alone, by the fee in force as the month ends.

    The extracts name no holders of bundles, so that a bundle serves every line billed to the account. None for other
    charges, and where there is no price to go by for every line.
    """
    if not row["offer_id"] or offers[row["offer_id"]].latest["offer_type"] != "bundle":
        return None
    end, prices = operator.clock.midnight(next_month(month)), {}
    for line in operator.lines.values():
        if _is_billed_to(operator, line, row["account_id"], month):
            plan = offers[state_at_month_end(operator, line, month)["main_offer_id"]]
            price = plan.before(min(end, line.terminated_at) if line.terminated_at else end)
            if price["currency_code"] != row["currency_code"]:
                return None
            prices[line.line_id] = Decimal(str(price["monthly_fee_amount"]))
    return prices if sum(prices.values()) > 0 else None


def _split_both(amount: Money, weights: dict[str, Decimal]) -> dict[str, Money]:
    parts = [_split(total, weights) for total in amount]
    return {line_id: (parts[0][line_id], parts[1][line_id]) for line_id in weights}


def _is_billed_to(operator: Operator, line: Line, account_id: str, month: date) -> bool:
    start, end = operator.clock.midnight(month), operator.clock.midnight(next_month(month))
    if line.activated_at >= end or (line.terminated_at and line.terminated_at < start):
        return False
    return state_at_month_end(operator, line, month)["account_id"] == account_id


def state_at_month_end(operator: Operator, line: Line, month: date) -> Row:
    """The state of a line as a month ends, or just before it was terminated."""
    end = operator.clock.midnight(next_month(month))
    return line.history.before(min(end, line.terminated_at) if line.terminated_at else end)


def _split(total: Decimal, weights: dict[str, Decimal]) -> dict[str, Decimal]:
    """Shares to the cent; what rounding leaves over goes to the largest (the first by name among equals)."""
    whole = sum(weights.values())
    parts = {line_id: (total * weight / whole).quantize(CENT, ROUND_HALF_UP) for line_id, weight in weights.items()}
    largest = min(weights, key=lambda line_id: (-weights[line_id], line_id))
    parts[largest] += total - sum(parts.values())
    return parts
