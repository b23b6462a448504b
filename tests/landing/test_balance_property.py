"""Any mixture of good, bad, broken and repeated lines, against a slow oracle that reads the file line by line."""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tenure.landing import land
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.landing.deliveries import csv_text, path_of, query, topup

AMOUNT = re.compile(r"-?\d{1,18}(\.\d{1,2}0*)?")

_line = st.tuples(
    st.integers(1, 12),
    st.sampled_from(["10.00", "10.0", "-3.25", "0.1", "7", "1.005", "x", "", "NaN"]),
    st.sampled_from(["CNY", "", "cny"]),
    st.sampled_from(["app", "营业厅", 'a,"b"', ""]),
)


Content = tuple[Decimal, str, str]


class Oracle:
    """What must be in the table and what became of each row, in plain Python, from all files so far."""

    def __init__(self) -> None:
        self.files: list[list[dict[str, str]]] = []
        self.table: dict[str, Content] = {}

    def deliver(self, rows: list[dict[str, str]]) -> tuple[int, int, int]:
        """Landed, rejected and duplicate rows of this file, now that it is there."""
        self.files.append(rows)
        claims: dict[str, list[tuple[int, Content]]] = {}
        rejected = 0
        for number, file in enumerate(self.files):
            for row in file:
                good = AMOUNT.fullmatch(row["amount"]) and re.fullmatch("[A-Z]{3}", row["currency_code"])
                if good:
                    content = (Decimal(row["amount"]), row["msisdn"], row["channel_type"])
                    claims.setdefault(row["topup_id"], []).append((number, content))
                else:
                    rejected += number == len(self.files) - 1
        fates = [0, 0, 0]
        self.table = {}
        for key, claimed in claims.items():
            said = {file: {content for number, content in claimed if number == file} for file, _ in claimed}
            believed = [(file, content) for file, content in claimed if len(said[file]) == 1]
            is_disputed = len({content for _, content in believed}) > 1
            for place, (number, content) in enumerate(believed):
                fate = 1 if is_disputed else (2 if place else 0)
                if fate == 0:
                    self.table[key] = content
                fates[fate] += number == len(self.files) - 1
            fates[1] += sum(place == len(self.files) - 1 for place, _ in claimed if len(said[place]) > 1)
        return fates[0], fates[1] + rejected, fates[2]


@given(files=st.lists(st.lists(_line, min_size=1, max_size=15), min_size=1, max_size=3))
@hypothesis_settings(max_examples=15, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files__land_as_the_oracle_says(warehouse: Settings, files: list[list[tuple[int, str, str, str]]]) -> None:
    empty_warehouse(warehouse)
    oracle = Oracle()
    # Good rows keep a file below the share at which it is suspended.
    filler = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for day, lines in enumerate(files, start=10):
            rows = [topup(n, amount=a, currency_code=c, channel_type=t) for n, a, c, t in lines]
            rows += [topup(1000 + filler + n, topped_up_at=f"2026-01-{day}T09:00:00+08:00") for n in range(160)]
            filler += 160
            path_of(folder, "usage.topup", f"202601{day}").write_text(csv_text(rows))
            expected = oracle.deliver(rows)
            (item,) = [item for item in land(warehouse, folder).files if item.status != "unchanged"]
            balance = item.balance
            assert (balance.landed, balance.rejected, balance.duplicate) == expected
            total = balance.totals["amount"]
            assert total.file == total.landed + total.rejected + total.duplicate
    found = query(warehouse, "select topup_id, amount, coalesce(channel_type, '') from raw_usage.topup")
    assert {key: (amount, kind) for key, amount, kind in found} == {
        key: (amount, kind) for key, (amount, _, kind) in oracle.table.items()
    }
