"""Invoices, statements and corrections of a month, as signed lines in fen net of tax."""

from dataclasses import dataclass, field

import numpy as np

from tenure.simulator.behaviour import Behaviour
from tenure.simulator.catalogue import offer_position
from tenure.simulator.codes import CHARGE_TYPES, DOCUMENT_TYPES
from tenure.simulator.journal import Journal
from tenure.simulator.life import bill_shock, is_prepaid
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Integers, Month

SERVICE_TAX_PERCENT = 6
GOODS_TAX_PERCENT = 13
DUE_AFTER_DAYS = 24  # a bill of the first of a month is due on the 25th
ISSUED_AT_SECOND = 2 * 3_600  # at two in the morning of the first
SILENT_FEE_DAYS = 60  # the balance of a silent prepaid line lasts this long
_INVOICE, _CREDIT_NOTE, _ADJUSTMENT, _STATEMENT = range(len(DOCUMENT_TYPES))


@dataclass
class _Lines:
    """Invoice lines in the making."""

    parts: list[dict[str, Integers]] = field(default_factory=list)

    def add(
        self,
        charge: str,
        document: Integers | int,
        account: Integers,
        line: Integers,
        offer: Integers | int,
        amount: Integers,
        service_day: Integers | int,
        issued_at: Integers | int,
    ) -> None:
        """Add lines; those of no amount are left out. `line` -1 is a charge of the account as a whole."""
        some = amount != 0
        count = len(amount)
        columns = {
            "charge": CHARGE_TYPES.index(charge),
            "document": document,
            "account": account,
            "line": line,
            "offer": offer,
            "amount": amount,
            "service_day": service_day,
            "issued_at": issued_at,
        }
        self.parts.append(
            {
                name: np.broadcast_to(np.asarray(value, dtype=np.int64), (count,))[some]
                for name, value in columns.items()
            }
        )


def make_bills(
    world: World, seed: int, behaviour: Behaviour, journal: Journal, month: Month, earlier: list[Month], usage: Integers
) -> None:
    """Bill the month: what each line owes from its plan and its `usage` (fen by line), and corrections of `earlier`
    months (newest first; none at the beginning)."""
    lines, rng, bill = world.lines, child(seed, "billing", month.index), _Lines()
    billed = (lines.activated_at < month.end) & (lines.terminated_at > month.start)
    prepaid = is_prepaid(world)
    fee = _fees(world, month, billed, prepaid)
    document = np.where(prepaid, _STATEMENT, _INVOICE)
    discount = -(fee * np.where(lines.discount_ends > month.index, lines.discount, 0) // 100)
    every = np.arange(len(lines))
    addon_fee = np.where(lines.addon >= 0, world.fees[lines.addon], 0) * (fee > 0)
    used = np.where(billed, usage, 0)
    for charge, offer, amount in (
        ("recurring", lines.offer, fee),
        ("recurring", lines.addon, addon_fee),
        ("usage", lines.offer, used),
        ("discount", lines.offer, discount),
        ("one_off", lines.offer, _joining_fees(world, month, prepaid)),
        ("equipment", np.full(len(lines), -1), np.where(billed & (lines.instalments_left > 0), lines.instalment, 0)),
    ):
        bill.add(charge, document, lines.account, every, offer, amount, month.first_day, month.end + ISSUED_AT_SECOND)
    lines.instalments_left = np.maximum(lines.instalments_left - billed, 0)
    _account_charges(world, rng, bill, month, fee)
    if earlier:
        _corrections(world, rng, behaviour, bill, month, earlier, prepaid)
    lines.bill_3, lines.bill_2 = lines.bill_2, lines.bill_1
    lines.bill_1 = np.where(billed, fee + addon_fee + used + discount, -1)
    lines.usage_billed = used
    _journal_lines(journal, month, bill)


def _fees(world: World, month: Month, billed: Flags, prepaid: Flags) -> Integers:
    """Monthly fees before discount, by the days in service."""
    lines = world.lines
    begins = np.maximum(lines.activated_at // DAY_SECONDS, month.first_day)
    last_day = np.where(lines.terminated_at < NEVER, lines.terminated_at // DAY_SECONDS, NEVER)
    ends = np.minimum(last_day + 1, month.end_day)
    days = np.where(billed, np.maximum(ends - begins, 0), 0)
    exhausted = prepaid & (
        (lines.is_inactive == 1)
        | (lines.dormant_from + SILENT_FEE_DAYS < month.first_day) & (lines.dormant_to > month.first_day)
    )
    return np.where(exhausted, 0, world.fees[lines.offer] * days // month.days)


def _joining_fees(world: World, month: Month, prepaid: Flags) -> Integers:
    lines = world.lines
    joins = (lines.activated_at >= month.start) & (lines.activated_at < month.end) & ~prepaid
    renumbered = (lines.number_changed_at >= month.start) & (lines.number_changed_at < month.end)
    return np.where(joins, 5_000, 0) + np.where(renumbered, 2_000, 0)


def _account_charges(world: World, rng: np.random.Generator, bill: _Lines, month: Month, fee: Integers) -> None:
    """Charges of an account as a whole: family bundles, projects for firms, late fees after the last line left.

    `fee` is what each line pays this month; accounts of lines that pay nothing may still owe for paper statements.
    """
    lines, accounts = world.lines, world.accounts
    in_service = np.bincount(
        lines.account[(lines.terminated_at >= month.end) & (lines.activated_at < month.end)], minlength=len(accounts)
    )
    bundled = np.flatnonzero((accounts.bundle == 1) & (in_service >= 2))
    firms = np.flatnonzero((world.customers.kind[accounts.customer] == 1) & (in_service > 0))
    projects = firms[rng.random(len(firms)) < 0.08]
    left = np.flatnonzero(
        np.bincount(
            lines.account[(lines.churned_at >= month.start - 60 * DAY_SECONDS) & (lines.churned_at < month.start)],
            minlength=len(accounts),
        )
        * (in_service == 0)
        > 0
    )
    late = left[rng.random(len(left)) < 0.15]
    quiet = np.flatnonzero((in_service > 0) & (np.bincount(lines.account, weights=fee, minlength=len(accounts)) == 0))
    printed = quiet[rng.random(len(quiet)) < 0.08]
    bundle, won = offer_position("X030"), world.won
    # Projects that were won as an opportunity are billed when they are delivered.
    delivered = np.flatnonzero(
        (won.delivered_at >= month.start) & (won.delivered_at < month.end) & (won.line_count == 0)
    )
    for charge, account, offer, amount in (
        ("recurring", bundled, bundle, np.full(len(bundled), int(world.fees[bundle]))),
        ("discount", bundled, bundle, np.full(len(bundled), -800)),
        ("ict_project", projects, -1, rng.integers(2_000, 30_001, len(projects)) * 100),
        ("ict_project", won.account[delivered], -1, won.amount[delivered]),
        ("one_off", late, -1, rng.integers(500, 3_001, len(late))),
        ("one_off", printed, -1, np.full(len(printed), 500)),
    ):
        bill.add(
            charge,
            _INVOICE,
            account,
            np.full(len(account), -1),
            offer,
            amount,
            month.first_day,
            month.end + ISSUED_AT_SECOND,
        )


def _corrections(
    world: World,
    rng: np.random.Generator,
    behaviour: Behaviour,
    bill: _Lines,
    month: Month,
    earlier: list[Month],
    prepaid: Flags,
) -> None:
    """Credit notes for last month's bills (above all after a shock) and adjustments of the month before it."""
    lines = world.lines
    had_bill = np.flatnonzero((lines.bill_1 > 0) & ~prepaid & (lines.activated_at < earlier[0].start))
    rate = np.where(bill_shock(world)[had_bill] > 0.5, 0.15, behaviour.correction_rate)
    credited = had_bill[rng.random(len(had_bill)) < rate]
    part = rng.integers(10, 61, len(credited))
    issued = _mid_month(rng, month, len(credited))
    bill.add(
        "credit",
        _CREDIT_NOTE,
        lines.account[credited],
        credited,
        lines.offer[credited],
        -(lines.bill_1[credited] * part // 100),
        earlier[0].first_day,
        issued,
    )
    if len(earlier) > 1:
        older = had_bill[
            (rng.random(len(had_bill)) < behaviour.correction_rate / 2)
            & (lines.activated_at[had_bill] < earlier[1].start)
        ]
        amount = rng.integers(-900, 901, len(older))
        bill.add(
            "usage",
            _ADJUSTMENT,
            lines.account[older],
            older,
            lines.offer[older],
            amount,
            earlier[1].first_day,
            _mid_month(rng, month, len(older)),
        )


def _mid_month(rng: np.random.Generator, month: Month, count: int) -> Integers:
    """Office hours from the eighth to the twenty-fifth: after the month before was closed."""
    return (month.first_day + rng.integers(7, 25, count)) * DAY_SECONDS + rng.integers(32_400, 61_200, count)


def _journal_lines(journal: Journal, month: Month, bill: _Lines) -> None:
    rows = {name: np.concatenate([part[name] for part in bill.parts]) for name in bill.parts[0]}
    order = np.lexsort((rows["charge"], rows["line"], rows["account"], rows["document"], rows["issued_at"]))
    rows = {name: values[order] for name, values in rows.items()}
    count = len(order)
    goods = rows["charge"] == CHARGE_TYPES.index("equipment")
    percent = np.where(goods, GOODS_TAX_PERCENT, SERVICE_TAX_PERCENT)
    # Half a fen is rounded away from zero, for credits as for charges.
    tax = np.sign(rows["amount"]) * ((np.abs(rows["amount"]) * percent + 50) // 100)
    issued_day = rows["issued_at"] // DAY_SECONDS
    due = np.where(rows["document"] == _INVOICE, issued_day + DUE_AFTER_DAYS, -1)
    # What an adjustment adds is asked for with the invoice of its month.
    due = np.where(rows["document"] == _ADJUSTMENT, month.end_day + DUE_AFTER_DAYS, due)
    journal.add(
        "billing.invoice_line",
        count,
        invoice_line_id=int(month.code) * 10**8 + np.arange(1, count + 1),
        invoice_id=int(month.code) * 10**10 + (rows["account"] + 1) * 100 + rows["document"],
        account_id=rows["account"] + 1,
        subscription_id=np.where(rows["line"] >= 0, rows["line"] + 1, -1),
        offer_id=rows["offer"],
        document_type=rows["document"],
        charge_type=rows["charge"],
        service_month=rows["service_day"],
        issued_at=rows["issued_at"],
        due_date=due,
        net_amount=rows["amount"],
        tax_amount=tax,
        currency_code=0,
    )
