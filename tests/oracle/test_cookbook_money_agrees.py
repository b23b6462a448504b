"""The cookbook's questions about money, the market and what is new are answered as a count over the files does."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import psycopg

from tests.oracle.adoption import adopters
from tests.oracle.agreement import SEEDS
from tests.oracle.campaign_value import campaign_values
from tests.oracle.campaigns import campaign_arms
from tests.oracle.competition import Rival, rivals
from tests.oracle.conftest import Books
from tests.oracle.cookbook import QUESTIONS, assert_answer, full_months, last_full, share
from tests.oracle.deliveries import all_rows
from tests.oracle.leads import funnel
from tests.oracle.loyalty import breakage, liability, owed
from tests.oracle.operator import histories, months_later
from tests.oracle.opportunities import opportunity_months, read_rules
from tests.oracle.profit import Profit, slice_of_place
from tests.oracle.revenue import SERVICE
from tests.oracle.service import Service, instant_of, quality_by_channel
from tests.oracle.summaries import Opinion, revenue_by_slice, usage_by_slice

Marts = psycopg.Connection[Any]
ZERO = Decimal(0)
OLD = ("overdue_31_60", "overdue_61_90", "overdue_91_180", "overdue_over_180")


def test_10_what_revenue_is_made_of(opinion: Opinion, marts: Marts) -> None:
    sums: dict[tuple[str, str, bool], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for (month, _, charge, currency), (net, tax) in revenue_by_slice(opinion).items():
        if month == last_full(opinion.operator):
            sums[currency, charge, charge in SERVICE][0] += net
            sums[currency, charge, charge in SERVICE][1] += tax
    assert_answer(marts, 10, [(*key, *amounts) for key, amounts in sums.items()])


def test_11_who_owes_how_much(opinion: Opinion, books: Books, marts: Marts) -> None:
    operator, last = opinion.operator, last_full(opinion.operator)
    end = operator.month_end(last)
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO] * 7)
    for (month, account, currency), line in books[1].items():
        if month != last:
            continue
        payer = operator.accounts[account].before(end)["customer_id"]
        amounts = (
            line["opening"],
            line["billed"] + line["adjusted"] - line["credited"],
            line["paid"] - line["reversed"],
            line["written_off"],
            line["closing"],
            line["gross_receivable"],
            sum((line[age] for age in OLD), ZERO),
        )
        place = (operator.customers[payer].before(end)["region_id"], currency)
        sums[place] = [before + amount for before, amount in zip(sums[place], amounts, strict=True)]
    assert_answer(marts, 11, [(*place, *amounts) for place, amounts in sums.items()])


def test_12_what_is_left_after_cost(opinion: Opinion, profit: Profit, marts: Marts) -> None:
    last = last_full(opinion.operator)
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO] * 8)
    for place, of in profit.amounts.items():
        if place[0] == last and any(of.values()):
            amounts = (
                *(of[kind] for kind in ("revenue", "interconnect", "network", "service")),
                of["subsidy"] + of["commission"],
                of["campaign"],
                of["bad_debt"],
                profit.margin(place),
            )
            line = slice_of_place(opinion, *place)[2]
            sums[line] = [before + amount for before, amount in zip(sums[line], amounts, strict=True)]
    assert last in opinion.revenue.billed_months & profit.booked_months
    assert_answer(marts, 12, [(line, "CNY", *amounts) for line, amounts in sums.items()])


def test_14_how_much_roaming_there_is(opinion: Opinion, marts: Marts) -> None:
    months = full_months(opinion.operator, 12)
    sums: dict[tuple[date, str, str], list[Any]] = defaultdict(lambda: [0, 0, ZERO, ZERO])
    for (month, _, service, _, _, roaming, currency), amounts in usage_by_slice(opinion).items():
        if roaming == "international" and month in months:
            place = sums[month, service, currency]
            for number, amount in enumerate(amounts):
                place[number] += amount
    expected = [
        (
            *key,
            events,
            share(seconds, 60, 1) if key[1] == "voice" else None,
            share(volume, 1, 1) if key[1] == "data" else None,
            rated,
        )
        for key, (events, seconds, volume, rated) in sums.items()
    ]
    assert_answer(marts, 14, expected)


def test_15_whether_the_contact_centre_keeps_its_promises(service: Service, marts: Marts) -> None:
    last = last_full(service.operator)
    queues: dict[str, list[int]] = defaultdict(lambda: [0] * 7)
    for (month, _, _, direction, queue, _), counts in quality_by_channel(service).items():
        if month == last and direction == "inbound":
            queues[queue] = [before + count for before, count in zip(queues[queue], counts[:7], strict=True)]
    expected = [
        (
            *(queue, offered, share(in_time, offered), share(waited, answered, 1)),
            *(share(offered - answered, offered), share(settled, issues)),
        )
        for queue, (offered, answered, in_time, waited, _, issues, settled) in queues.items()
        if offered
    ]
    assert_answer(marts, 15, expected)


def test_17_which_campaigns_changed_anything(opinion: Opinion, marts: Marts) -> None:
    operator, window = opinion.operator, timedelta(days=60)
    values = campaign_values(opinion, SEEDS / "campaign_value.csv")
    last_day: dict[str, date] = {}
    for row in all_rows(operator.folder, "marketing.campaign_contact"):
        day = operator.clock.day(instant_of(row["assigned_at"]))
        last_day[row["campaign_id"]] = max(day, last_day.get(row["campaign_id"], day))
    names = histories(operator.folder, "marketing.campaign", "campaign_id", operator.end)
    counted = {}
    for campaign, (treated, control) in campaign_arms(opinion).items():
        if last_day[campaign] + window <= operator.as_of and control.assigned:
            rates = (share(treated.did, treated.assigned, 6), share(control.did, control.assigned, 6))
            gain = (Decimal(treated.did) / treated.assigned - Decimal(control.did) / control.assigned).quantize(
                Decimal("0.000001"), ROUND_HALF_UP
            )
            *_, cost, roi = values[campaign]
            counted[campaign] = (
                *(campaign, names[campaign].latest["campaign_name"], treated.assigned, control.assigned),
                *(*rates, gain, cost, roi),
            )
    rows = marts.execute(QUESTIONS[17].sql).fetchall()
    assert {row[0]: (*row[:7], *row[11:13]) for row in rows} == counted
    for _, _, _, _, _, _, gain, low, high, verdict, _, _, roi, *of_roi in rows:
        assert low <= gain <= high
        if roi is not None:
            roi_low, roi_high, roi_verdict = of_roi
            assert roi_low <= roi <= roi_high
            assert roi_verdict == ("pays" if roi_low > 0 else "loses money" if roi_high < 0 else "not shown")
        assert verdict == ("gain" if low > 0 else "harm" if high < 0 else "no effect shown")


def test_18_what_is_owed_in_points(opinion: Opinion, marts: Marts) -> None:
    movement, expected = liability(opinion), []
    for month in full_months(opinion.operator, 12):
        rate = breakage(movement, month)
        rows = [row for (of, _), row in movement.items() if of == month]
        sums = [sum(row[name] for row in rows) for name in ("opening", "earned", "redeemed", "expired", "closing")]
        debts = [owed(row["closing"], rate, SEEDS / "loyalty_point_value.csv") for row in rows]
        # What opens a month in a new place is counted in the old one; the sum is what was held.
        if rows:
            expected.append((month, "CNY", *sums, sum(debts, ZERO)))
    assert_answer(marts, 18, expected)


def test_19_which_leads_convert(opinion: Opinion, marts: Marts) -> None:
    months = full_months(opinion.operator, 3)
    sources: dict[str, Counter[str]] = defaultdict(Counter)
    for (month, _, _, source, _, status), row in funnel(opinion.operator).items():
        if month in months:
            sources[source][status] += row["entered_count"]
    expected = [
        (
            source,
            of.get("converted"),
            of.get("lost"),
            share(of.get("converted"), of["converted"] + of["lost"]),
        )
        for source, of in sources.items()
    ]
    assert_answer(marts, 19, expected)


def test_20_what_is_in_the_pipeline(opinion: Opinion, marts: Marts) -> None:
    operator, rules = opinion.operator, read_rules(SEEDS)
    stages: dict[str, list[Any]] = defaultdict(lambda: [0, ZERO, ZERO, 0])
    for (month, _), seen in opportunity_months(operator).items():
        if month == operator.as_of.replace(day=1) and seen.is_open:
            of, cents = stages[seen.stage], Decimal("0.01")
            of[0] += 1
            of[1] += seen.amount
            of[2] += (seen.amount * rules.chance[seen.stage]).quantize(cents, ROUND_HALF_UP)
            of[3] += date.fromisoformat(str(seen.state["expected_close_date"])) < operator.as_of
    assert_answer(marts, 20, [(stage, "CNY", *of) for stage, of in stages.items()])


def test_21_which_lines_with_rivals_run_out(opinion: Opinion, marts: Marts) -> None:
    operator = opinion.operator
    until = months_later(operator.as_of, 6)
    lines: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def add(ends: Any, rival: str, count: int, is_pursued: bool) -> None:
        day = date.fromisoformat(str(ends)) if ends else None
        if day and operator.as_of <= day < until:
            of = lines[day.replace(day=1), rival]
            of[0] += count
            of[1] += count * is_pursued
            of[2] += is_pursued

    for history in histories(operator.folder, "enterprise.opportunity", "opportunity_id", operator.end).values():
        row = history.latest
        if row["opportunity_type"] == "rival_line":
            is_open = row["stage_code"] not in ("won", "lost")
            add(row["rival_contract_end_date"], row["rival_name"], int(row["line_count"]), is_open)
    for history in histories(operator.folder, "enterprise.group_member", "group_member_id", operator.end).values():
        row = history.latest
        if row["rival_operator"] and not row["valid_to_date"]:
            add(row["rival_contract_end_date"], row["rival_operator"], 1, False)
    expected = [(*key, count, pursued if some else None) for key, (count, pursued, some) in lines.items()]
    assert_answer(marts, 21, expected)


def test_22_how_we_stand_against_rivals(opinion: Opinion, marts: Marts) -> None:
    last = last_full(opinion.operator)
    found: dict[str, list[Rival]] = defaultdict(list)
    for (month, _, service, name), rival in rivals(opinion.operator).items():
        if month == last and service == "mobile":
            found[name].append(rival)
    expected = []
    for name, places in found.items():
        lines = [rival.lines for rival in places if rival.lines is not None]
        market = [rival.market_lines for rival in places if rival.market_lines is not None]
        ports = [sum(rival.ports[way, "completed"] for rival in places) for way in ("in", "out")]
        cheaper = sum(ours is not None and fee < ours for rival in places for fee, ours in rival.fees)
        total = sum(lines) if lines else None
        expected.append((name, total, share(total, sum(market)), *ports, cheaper))
    assert_answer(marts, 22, expected)


def test_24_who_takes_up_new_services(opinion: Opinion, marts: Marts) -> None:
    last = last_full(opinion.operator)
    before, found = months_later(last, -1), adopters(opinion)
    here = {seen.line.line_id for seen in opinion.months if seen.month == last and seen.is_closing}
    expected = {}
    for service in {service for _, service in found}:
        now, then = found.get((last, service), set()), found.get((before, service), set())
        gone = {line for line in then - now if line not in here}
        expected[service] = (len(now), len(now - then), len(then - now - gone), len(gone))
    rows = marts.execute(QUESTIONS[24].sql).fetchall()
    assert {row[0]: row[2:6] for row in rows if any(row[2:6])} == {
        service: counts for service, counts in expected.items() if any(counts)
    }
