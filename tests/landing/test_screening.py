"""The screen lets nothing pass that the rules refuse, and changes nothing of what they say."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenure.contracts import Contract, load_contracts, parse_contract
from tenure.landing.batches import LINE
from tenure.landing.checks import ROW, check, window
from tenure.landing.decoding import Block
from tenure.landing.screening import Screen
from tenure.settings import ROOT

DAY = dt.date(2026, 1, 10)


def _column(name: str, **meta: Any) -> dict[str, Any]:
    return {"name": name, "description": name, "config": {"meta": meta}}


CONTRACT = parse_contract(
    "shop",
    {
        "name": "thing",
        "description": "Things.",
        "config": {
            "meta": {
                "contract": {
                    "primary_key": ["thing_id"],
                    "cadence": "daily",
                    "delivery": "event",
                    "date_column": "made_at",
                    "late_days": 3,
                }
            }
        },
        "columns": [
            _column("thing_id", type="text", required=True, max_length=8),
            _column("made_at", type="timestamp", required=True),
            _column("kind", type="text", values=["big", "small"], required_when={"code": ["AAA"]}),
            _column("code", type="text", pattern="[A-Z]{3}"),
            _column("count", type="integer", min=0),
            _column("wide", type="integer"),
            _column("amount", type="numeric", scale=3, min=-5, max=1000, currency="code"),
            _column("is_new", type="boolean"),
            _column("day", type="date"),
            _column("month", type="date", first_of_month=True),
        ],
    },
)

INSTANTS = st.sampled_from(
    [
        "2026-01-10T05:39:44+08:00", "2026-01-10 05:39:44+08:00", "2026-01-10T05:39:44Z", "2026-01-10T05:39:44.123456Z",
        "2026-01-10T05:39:44.1+08:00", "2026-01-10T05:39:44.1234567+08:00", "2026-01-10T05:39:44+0800",
        "2026-01-10T05:39+08:00", "2026-01-10T05:39:44+08", "2026-01-10T05:39:44.12+08", "2026-01-10T05:39:44",
        "2026-02-30T05:39:44+08:00", "2026-01-10T24:00:00+08:00", "2026-01-10T05:39:60+08:00", "last Tuesday",
        "2026-01-10T05:39:44+25:00", "2026-01-10T05:39:44+08:75", "2026-01-10t05:39:44+08:00",
        "2026-01-12T00:00:00+08:00",
        "2026-01-11T23:59:59.999999+08:00", "2026-01-07T00:00:00+08:00", "2026-01-06T23:59:59+08:00",
        "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "２026-01-10T05:39:44+08:00", "2026-01-10T05:39:44+０8:00",
        "2026-01-10T05:39:44.+08:00", " 2026-01-10T05:39:44+08:00", "infinity",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from(
    [
        "0", "-0", "7", "+7", "007", "0000000000000000000007", " 7", "7 ", "1e3", "1,000", "７", "0x10", "1_000", "--7",
        "999999999999999999", "1000000000000000000", "9223372036854775808", "-999999999999999999", "NaN", "inf",
        "5.", ".5", "-5.001", "1000.000", "1000.001", "1.0050", "1.0051", "1.2345", "1.005", "1.50", "1.2.3", "-", "",
    ]
) | st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,14})?", fullmatch=True)  # fmt: skip
TEXTS = st.sampled_from(
    [
        "a", "", " ", "\u3000", "A1", "too long a text", "张小明张小明张小明", "a\tb", "a\x00", "a\x7f",
        "a\u200bb", "\ufffd", "é", "AAA", "JPY",
    ]
) | st.text(max_size=12)  # fmt: skip
DATES = st.sampled_from(
    ["2026-01-01", "2026-02-30", "2026-2-3", "2026-01-1 ", "1849-12-31", "9999-01-01", "0000-01-01", "x", "２026-01-01"]
)
CELLS = {
    "thing_id": TEXTS,
    "made_at": INSTANTS,
    "kind": st.sampled_from(["big", "small", "Big", "", "huge"]),
    "code": st.sampled_from(["CNY", "JPY", "KWD", "AAA", "cny", "CNYX", "X1Y"]) | TEXTS,
    "count": NUMBERS,
    "wide": NUMBERS,
    "amount": NUMBERS,
    "is_new": st.sampled_from(["true", "TRUE", "1", "0", "false", "yes", "t"]),
    "day": DATES,
    "month": DATES,
}
GOOD: dict[str, str | None] = {
    "thing_id": "a", "made_at": "2026-01-10T05:39:44+08:00", "kind": "big", "code": "CNY", "count": "7", "wide": "-7",
    "amount": "1.50", "is_new": "true", "day": "2026-01-10", "month": "2026-01-01",
}  # fmt: skip


@st.composite
def _rows(draw: st.DrawFn) -> list[dict[str, str | None]]:
    rows = []
    for _ in range(draw(st.integers(1, 8))):
        row: dict[str, str | None] = dict(GOOD)
        for name in draw(st.lists(st.sampled_from(sorted(CELLS)), max_size=2)):
            row[name] = draw(st.none() | CELLS[name])
        rows.append(row)
    return rows


def _frame(contract: Contract, rows: list[dict[str, str | None]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(contract.column_names, pl.String))
    return frame.with_row_index(LINE, 2).with_columns(pl.col(LINE).cast(pl.Int64)).with_row_index(ROW)


@given(st.lists(_rows(), min_size=1, max_size=3))
@settings(max_examples=2000 if os.environ.get("TENURE_TEST_LONG") else 60)
def test_screen__says_what_the_rules_say(batches: list[list[dict[str, str | None]]]) -> None:
    known = window(CONTRACT, (DAY, DAY), DAY, ZoneInfo("Asia/Shanghai"))
    screen = Screen(CONTRACT, known)
    for rows in batches:
        frame = _frame(CONTRACT, rows)
        found, expected = screen.check(frame), check(CONTRACT, frame, known)
        assert found.good.sort(ROW).equals(expected.good.select(found.good.columns))
        assert found.rejects.rows() == expected.rejects.rows()


@pytest.mark.parametrize(
    "cell", ["a\tb", "a\x01", "\x7f", "a\x85b", "\u200b", "x\u202ey", "\u2066", "\ufeff", "\ufffd"]
)
def test_lines_with_odd_characters__are_known_before_any_column_is_looked_at(cell: str) -> None:
    known = window(CONTRACT, (DAY, DAY), DAY, ZoneInfo("Asia/Shanghai"))
    frame = _frame(CONTRACT, [GOOD, GOOD | {"thing_id": cell}, GOOD | {"thing_id": "明"}])
    text = "".join(",".join(row[2:]) + "\n" for row in frame.rows())
    odd = Block(text.encode(), first_line=2).odd_lines()
    assert odd.tolist() == [3]
    found = Screen(CONTRACT, known).check(frame, odd)
    assert found.rejects.rows() == check(CONTRACT, frame, known).rejects.rows()
    assert found.rejects["rule_name"].to_list() == ["control_character"]


def test_good_rows_of_every_contract__pass_without_being_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the screen is no use."""
    from tenure.landing import screening

    checked: list[int] = []

    def counting(contract: Contract, rows: pl.DataFrame, known: Any) -> Any:
        checked.append(rows.height)
        return check(contract, rows, known)

    monkeypatch.setattr(screening, "check", counting)
    usage = load_contracts(ROOT)["usage.usage_event"]
    row: dict[str, str | None] = dict.fromkeys(usage.column_names)
    row |= {
        "event_id": "E1", "msisdn": "13800001111", "started_at": "2026-01-10T10:00:00+08:00", "service_type": "voice",
        "direction": "outgoing", "network_type": "on_net", "roaming_type": "home", "duration_seconds": "61",
        "rated_amount": "0.1500", "currency_code": "CNY",
    }  # fmt: skip
    screen = Screen(usage, window(usage, (DAY, DAY), DAY, ZoneInfo("Asia/Shanghai")))
    good = screen.check(_frame(usage, [row] * 50), np.empty(0, dtype=np.int64)).good
    assert (good.height, sum(checked)) == (50, 0)
