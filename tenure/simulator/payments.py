"""Who pays which bill and when: on time, late, in parts, twice and back; and what is done about bills not paid.

Amounts are gross, in fen. A bill of an account is one document: the invoice of a month, or adjustments that came to a
charge. Credit notes reduce what is asked for next. Lines are barred only for a bill that is overdue, and once it is
paid they are open again (`life` decides how each bar ends, this module makes the money follow).
"""

from dataclasses import dataclass

import numpy as np

from tenure.simulator.billing import DUE_AFTER_DAYS
from tenure.simulator.codes import DOCUMENT_TYPES, EVENT_TYPES, PAYMENT_METHODS, REASONS
from tenure.simulator.journal import Journal
from tenure.simulator.life import is_prepaid
from tenure.simulator.randomness import child
from tenure.simulator.state import World
from tenure.simulator.timeline import DAY_SECONDS, NEVER, Flags, Integers, Month

COLLECTION_TYPES = (
    "reminder",
    "call",
    "suspension",
    "promise",
    "write_off",
    "recovery",
    "blacklisted",
    "unblacklisted",
)
MEAN_LATENESS = 0.06  # of bills still open when their month ends
PREPAYER_SHARE = 0.008  # of payments, followed by money paid ahead for the bills to come
PARTIAL_SHARE = 0.25  # of late bills, paid in two parts
DOUBLE_SHARE = 0.003  # of payments, made twice and given back
BOUNCED_SHARE = 0.015  # of bank debits, taken back by the bank and paid in the month after
RECOVERY_SHARE = 0.15  # of the bills written off, paid in part some months later
WRITE_OFF_AFTER_DAYS = 100  # after it was due
_REMINDER, _CALL, _SUSPENSION, _PROMISE, _WRITE_OFF, _RECOVERY, _BLACKLISTED, _UNBLACKLISTED = range(8)
_INVOICE, _ADJUSTMENT = DOCUMENT_TYPES.index("invoice"), DOCUMENT_TYPES.index("adjustment")
_STATEMENT = DOCUMENT_TYPES.index("statement")


@dataclass
class Dunning:
    """Payments and dunning of one month in the making."""

    world: World
    journal: Journal
    month: Month
    rng: np.random.Generator


def collect(world: World, seed: int, journal: Journal, month: Month) -> None:
    """Pay and chase in `month` the bills known at its start: call it after the month's bills were made."""
    hand = Dunning(world, journal, month, child(seed, "payments", month.index))
    _draw_lateness(world, child(seed, "payers", month.index))
    _follow_bars(hand)
    _pay(hand)
    _write_off(hand)
    _mark_arrears(hand)
    _take_in(hand)


def _take_in(hand: Dunning) -> None:
    """Add the month's documents: invoices and charges are to be paid, credits reduce what is asked for next."""
    world, rng, month = hand.world, hand.rng, hand.month
    column = {
        name: hand.journal.column("billing.invoice_line", name)
        for name in ("invoice_id", "account_id", "document_type", "issued_at", "net_amount", "tax_amount")
    }
    owed = column["document_type"] != _STATEMENT
    document, first, inverse = np.unique(column["invoice_id"][owed], return_index=True, return_inverse=True)
    gross = np.bincount(inverse, (column["net_amount"] + column["tax_amount"])[owed], len(document)).astype(np.int64)
    account = column["account_id"][owed][first] - 1
    is_invoice = column["document_type"][owed][first] == _INVOICE
    payers = world.payers
    credit = gross < 0
    np.add.at(payers.credit, account[credit], -gross[credit])
    asked = gross > 0
    document, account, gross = document[asked], account[asked], gross[asked]
    # A credit of this month or before comes off the invoice; an account has one invoice a month.
    issued = np.where(is_invoice[asked], month.end, column["issued_at"][owed][first][asked])
    used = np.where(is_invoice[asked], np.minimum(payers.credit[account], gross), 0)
    payers.credit[account[is_invoice[asked]]] -= used[is_invoice[asked]]
    open_now = gross - used
    rows = open_now > 0
    due = month.end_day + DUE_AFTER_DAYS
    world.receivables.append(
        int(rows.sum()),
        document=document[rows],
        account=account[rows],
        issued_at=issued[rows],
        due_day=due,
        open=open_now[rows],
        pays_at=_intentions(world, rng, account[rows], due),
    )


def _draw_lateness(world: World, rng: np.random.Generator) -> None:
    """Give accounts that are new their way of paying: most are punctual, a few are mostly late."""
    count = len(world.accounts) - len(world.payers)
    world.payers.append(count, lateness=rng.beta(0.5, 0.5 / MEAN_LATENESS - 0.5, count))


def _intentions(world: World, rng: np.random.Generator, account: Integers, due: int) -> Integers:
    """When each account means to pay a bill due on day `due`: in time, or after its month ended, or never."""
    accounts, count = world.accounts, len(account)
    late = rng.random(count) < world.payers.lateness[account]
    debit = accounts.payment_method[account] == PAYMENT_METHODS.index("Bank debit")
    in_time = np.where(debit, due, due - np.minimum(rng.exponential(9, count).astype(np.int64), DUE_AFTER_DAYS - 1))
    slow = rng.random(count) < 0.04
    in_time = np.where(slow & ~debit, due + rng.integers(1, 4, count), in_time)
    afterwards = due + rng.integers(9, 60, count)
    at = np.where(late, afterwards, in_time) * DAY_SECONDS + rng.integers(28_800, 79_200, count)
    return np.where(_has_vanished(world)[account], NEVER, at)


def _has_vanished(world: World) -> Flags:
    """Accounts that will pay nothing more: their last line went, or will go, for fraud or arrears."""
    lines, count = world.lines, len(world.accounts)
    lost_soon = (lines.is_suspended == 1) & (lines.suspension_outcome > 0)
    healthy = (lines.terminated_at == NEVER) & ~lost_soon
    went_badly = (lines.churn_reason == REASONS.index("non_payment")) | (lines.churn_reason == REASONS.index("fraud"))
    return (np.bincount(lines.account[healthy], minlength=count) == 0) & (
        np.bincount(lines.account[went_badly | lost_soon], minlength=count) > 0
    )


def _mark_arrears(hand: Dunning) -> None:
    """Note who may be barred next month, and for which bill: one line of each account that is overdue."""
    lines, bills, month = hand.world.lines, hand.world.receivables, hand.month
    count = len(hand.world.accounts)
    # A bill is a reason to bar a line once.
    late = np.flatnonzero((bills.due_day < month.end_day) & (bills.is_barred == 0))
    oldest = np.full(count, -1)
    # Later rows overwrite earlier ones, so the oldest bill comes last.
    order = late[np.argsort(-bills.due_day[late], kind="stable")]
    oldest[bills.account[order]] = bills.document[order]
    in_service = np.flatnonzero((lines.terminated_at == NEVER) & ~is_prepaid(hand.world))
    barred = (lines.suspended_from < month.end) & (lines.suspended_to >= month.end) & (lines.terminated_at == NEVER)
    oldest[lines.account[barred]] = -1
    shuffled = hand.rng.permutation(in_service)
    chosen = np.full(count, -1)
    chosen[lines.account[shuffled]] = shuffled
    chosen = chosen[(chosen >= 0) & (oldest >= 0)]
    lines.arrears_bill = np.full(len(lines), -1)
    lines.arrears_odds = np.zeros(len(lines))
    lines.arrears_bill[chosen] = oldest[lines.account[chosen]]
    # The one that is chosen stands for all lines of its account.
    lines_of = np.bincount(lines.account[in_service], minlength=count)
    lines.arrears_odds[chosen] = lines_of[lines.account[chosen]] / MEAN_LATENESS


def _follow_bars(hand: Dunning) -> None:
    """Bills of barred lines: paid hours before the line is open again, or never when it will be lost."""
    world, lines, bills = hand.world, hand.world.lines, hand.world.receivables
    barred, at = _events(hand, "suspended")
    place = _find(bills.document, lines.arrears_bill[barred])
    account = bills.account[place]
    lost = lines.suspension_outcome[barred] > 0
    pays_at = np.full(len(world.accounts), -1)
    pays_at[account] = np.where(lost, NEVER, lines.suspended_to[barred] - hand.rng.integers(900, 14_400, len(barred)))
    overdue = (bills.due_day < hand.month.first_day) & (pays_at[bills.account] >= 0)
    bills.pays_at = np.where(overdue, pays_at[bills.account], bills.pays_at)
    bills.is_barred = np.where(overdue, 1, bills.is_barred)
    bills.pays_at = np.where(_has_vanished(world)[bills.account], NEVER, bills.pays_at)
    _journal_dunning(hand, _SUSPENSION, place, at, barred)


def _pay(hand: Dunning) -> None:
    """Take in the payments of the month and drop what is settled."""
    bills, rng, month = hand.world.receivables, hand.rng, hand.month
    due = np.flatnonzero(bills.pays_at < month.end)
    at, amount = bills.pays_at[due], bills.open[due]
    count = len(due)
    method = hand.world.accounts.payment_method[bills.account[due]]
    debit = method == PAYMENT_METHODS.index("Bank debit")
    bounced = debit & (rng.random(count) < BOUNCED_SHARE) & (at + 2 * DAY_SECONDS < month.end)
    late = (at > (bills.due_day[due] + 5) * DAY_SECONDS) & (bills.is_barred[due] == 0)
    share = rng.integers(30, 71, count)
    earlier = np.maximum(at - rng.integers(1, 9, count) * DAY_SECONDS, month.start + 36_000)
    in_parts = late & ~bounced & (rng.random(count) < PARTIAL_SHARE) & (earlier < at) & (amount > 100)
    twice = ~bounced & (rng.random(count) < DOUBLE_SHARE) & (at + 4 * DAY_SECONDS < month.end)
    ahead = ~late & ~bounced & (rng.random(count) < PREPAYER_SHARE) & (at + 7_200 < month.end)
    part = np.where(in_parts, amount * share // 100, 0)
    deposit = -(-3 * amount // 10_000) * 10_000
    every = np.ones(count, dtype=bool)
    back = rng.integers(1, 4, count) * DAY_SECONDS
    rows = [
        (every, at, amount - part, 0, bills.document[due]),
        (in_parts, earlier, part, 0, bills.document[due]),
        (twice, at + 90, amount, 0, bills.document[due]),
        (twice, at + back, -amount, 1, bills.document[due]),
        (bounced, at + DAY_SECONDS, -amount, 1, bills.document[due]),
        (ahead, at + 3_600, deposit, 0, np.full(count, -1)),
    ]
    picked = [
        np.concatenate([np.broadcast_to(np.asarray(row[place]), (count,))[row[0]] for row in rows])
        for place in (1, 2, 3, 4)
    ]
    account = np.concatenate([bills.account[due][row[0]] for row in rows])
    paid_at, paid, is_reversal, document = picked
    order = np.lexsort((document, account, paid_at))
    hand.journal.add(
        "billing.payment",
        len(order),
        payment_id=int(month.code) * 10**8 + np.arange(1, len(order) + 1),
        account_id=account[order] + 1,
        invoice_id=document[order],
        paid_at=paid_at[order],
        amount=paid[order],
        currency_code=0,
        payment_method=hand.world.accounts.payment_method[account[order]],
        is_reversal=is_reversal[order],
    )
    np.add.at(hand.world.payers.credit, bills.account[due][ahead], deposit[ahead])
    bills.pays_at[due[bounced]] = month.end + rng.integers(2 * DAY_SECONDS, 9 * DAY_SECONDS, int(bounced.sum()))
    settled = np.zeros(len(bills), dtype=bool)
    settled[due[~bounced]] = True
    _chase(hand, settled)
    bills.keep(~settled)


def _chase(hand: Dunning, settled: Flags) -> None:
    """Remind, call and take promises for bills overdue on a day of the month; those settled later as well."""
    bills, rng, month = hand.world.receivables, hand.rng, hand.month
    paid_at = np.where(settled, bills.pays_at, NEVER)
    for event, after, share in ((_REMINDER, 3, 1.0), (_CALL, 12, 0.7), (_PROMISE, 14, 0.3)):
        day = bills.due_day + after
        at = day * DAY_SECONDS + rng.integers(32_400, 64_800, len(bills))
        drawn = rng.random(len(bills)) < share
        rows = np.flatnonzero((day >= month.first_day) & (day < month.end_day) & (at < paid_at) & drawn)
        _journal_dunning(hand, event, rows, at[rows])


def _write_off(hand: Dunning) -> None:
    """Give up bills that will not be paid; a few are paid in part much later."""
    bills, rng, payers = hand.world.receivables, hand.rng, hand.world.payers
    day = bills.due_day + WRITE_OFF_AFTER_DAYS
    rows = np.flatnonzero((bills.pays_at == NEVER) & (day < hand.month.end_day))
    at = np.maximum(day[rows], hand.month.first_day) * DAY_SECONDS + 10 * 3_600
    _journal_dunning(hand, _WRITE_OFF, rows, at)
    listed = rows[payers.is_blacklisted[bills.account[rows]] == 0]
    _, first = np.unique(bills.account[listed], return_index=True)
    listed = listed[first]
    payers.is_blacklisted[bills.account[listed]] = 1
    listed_at = np.maximum(day[listed], hand.month.first_day) * DAY_SECONDS + 11 * 3_600
    _journal_dunning(hand, _BLACKLISTED, listed, listed_at)
    found = rng.random(len(rows)) < RECOVERY_SHARE
    later = at + rng.integers(30, 150, len(rows)) * DAY_SECONDS
    part = bills.open[rows] * rng.integers(40, 101, len(rows)) // 100
    _journal_dunning(hand, _RECOVERY, rows[found], later[found], amount=part[found])
    cleared = found & (part == bills.open[rows])
    _journal_dunning(hand, _UNBLACKLISTED, rows[cleared], later[cleared] + 3_600)
    kept = np.ones(len(bills), dtype=bool)
    kept[rows] = False
    bills.keep(kept)


def _journal_dunning(
    hand: Dunning,
    event: int,
    rows: Integers,
    at: Integers,
    line: Integers | None = None,
    amount: Integers | None = None,
) -> None:
    """Events about the bills in `rows`; a bar names its line, and a recovery what was paid."""
    bills = hand.world.receivables
    hand.world.agenda.add(
        hand.journal,
        hand.month,
        "billing.collection_event",
        at,
        len(rows),
        collection_event_id=bills.document[rows] * 10 + event,
        account_id=bills.account[rows] + 1,
        invoice_id=bills.document[rows],
        subscription_id=-1 if line is None else line + 1,
        occurred_at=at,
        event_type=event,
        amount=bills.open[rows] if amount is None else amount,
        currency_code=0,
    )


def _events(hand: Dunning, event: str) -> tuple[Integers, Integers]:
    """Lines and instants of one kind of event this month."""
    name = "crm.subscription_event"
    chosen = hand.journal.column(name, "event_type") == EVENT_TYPES.index(event)
    return hand.journal.column(name, "subscription_id")[chosen] - 1, hand.journal.column(name, "occurred_at")[chosen]


def _find(documents: Integers, wanted: Integers) -> Integers:
    """Positions of the documents wanted, which are all there."""
    order = np.argsort(documents)
    return order[np.searchsorted(documents[order], wanted)]
