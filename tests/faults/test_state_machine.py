"""Deliveries, repetitions, corrections, kills and backfills in any order, against a slow landing in plain Python."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.landing import land, replay_rejects
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.faults.agreement import check_entity
from tests.faults.claims_oracle import Content, Entity, Name, Row, amount
from tests.faults.fail_points import PLACES
from tests.faults.zygote import Zygote
from tests.landing.deliveries import csv_text, path_of, topup

EXAMPLES = int(os.environ.get("TENURE_TEST_EXAMPLES") or (2000 if os.environ.get("TENURE_TEST_LONG") else 20))
ENTITIES = {"usage.topup": "suspend", "crm.region": "replace"}

names = st.builds(Name, st.integers(10, 13), st.sampled_from([0, 0, 2]))
# Keys 8 and 9 are dated 13 and 15 January: too early for most files, and for a while or for ever.
odd_rows = st.one_of(
    st.builds(Row, st.integers(1, 4), st.integers(1, 2), st.just(10)),
    st.sampled_from([Row(1, 1, 10, is_bad=True), Row(8, 1, 13), Row(8, 2, 13), Row(9, 1, 15)]),
)
contents = st.lists(odd_rows, min_size=1, max_size=4)
entities = st.sampled_from(sorted(ENTITIES))


def _topup(row: Row) -> dict[str, str]:
    when = f"2026-01-{row.day}T10:00:00+08:00"
    return topup(row.key, topped_up_at=when, amount="x" if row.is_bad else str(amount(row)))


def _region(row: Row) -> dict[str, str]:
    return {
        "region_id": f"R{row.key}",
        "effective_at": f"2026-01-{row.day}T10:00:00+08:00",
        "region_name": f"name {row.variant}",
        "province_name": "x",
        "city_name": "",
        "population": "",
        "firms": "",
        "households": "x" if row.is_bad else str(row.variant),
    }


WRITTEN = {"usage.topup": _topup, "crm.region": _region}


class Deliveries(RuleBasedStateMachine):
    """The folder, the warehouse and the oracle."""

    settings: Settings
    zygote: Zygote

    @initialize()
    def start(self) -> None:
        empty_warehouse(self.settings)
        self.folder = Path(tempfile.mkdtemp())
        for name in ENTITIES:
            (self.folder / name).mkdir()
        self.delivered: dict[str, dict[Name, Content]] = {name: {} for name in ENTITIES}
        self.oracles = {name: Entity(conflict == "suspend") for name, conflict in ENTITIES.items()}

    @rule(entity=entities, name=names, rows=contents)
    def deliver(self, entity: str, name: Name, rows: list[Row]) -> None:
        """A new file, perhaps late, or a correction of one."""
        # A good row that nobody else speaks of keeps a file from being refused as a whole.
        self._write(entity, name, (*rows, Row(100 + 10 * name.day + name.sequence, 1, 10)))

    @precondition(lambda self: any(self.delivered.values()))
    @rule(data=st.data(), name=names)
    def repeat(self, data: st.DataObject, name: Name) -> None:
        """The same bytes again, under the same or another name."""
        known = [(entity, at) for entity, files in self.delivered.items() for at in sorted(files)]
        entity, at = data.draw(st.sampled_from(known))
        target = data.draw(st.sampled_from([at, name]))
        self._write(entity, target, self.delivered[entity][at])

    @precondition(lambda self: any(oracle.replaced for oracle in self.oracles.values()))
    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        """A version that was replaced is delivered once more."""
        old = [
            (entity, name, content)
            for entity, oracle in self.oracles.items()
            for name, versions in sorted(oracle.replaced.items())
            for content in versions
        ]
        if old:
            self._write(*data.draw(st.sampled_from(old)))

    @rule()
    def land(self) -> None:
        """Land everything."""
        land(self.settings, self.folder)
        self._landed()

    @rule(entity=entities, until=st.integers(10, 13))
    def land_some(self, entity: str, until: int) -> None:
        """Land the files of one source up to a day."""
        land(self.settings, self.folder, source=entity.partition(".")[0], up_to_date=dt.date(2026, 1, until))
        files = self.delivered[entity]
        self.oracles[entity].land({name: content for name, content in files.items() if name.day <= until})
        self._check()

    @rule(place=st.sampled_from(PLACES), passes=st.integers(1, 4))
    def die(self, place: str, passes: int) -> None:
        """Die on the way, and land again."""
        done = self.zygote.run(self.folder, kill_at=f"{place}:{passes}")
        assert done.status in (-9, 0), done.output
        with connect("owner", autocommit=True, settings=self.settings) as connection:
            for entity in ENTITIES:
                check_entity(connection, load_contracts(self.settings.root)[entity])
        self.land()

    @rule()
    def replay(self) -> None:
        """Check refused rows again."""
        replay_rejects(self.settings)
        self._check()

    def _write(self, entity: str, name: Name, content: Content) -> None:
        path = path_of(self.folder, entity, name.stem)
        # Delivered as it should be: complete, by a rename.
        path.with_suffix(".part").write_text(csv_text([WRITTEN[entity](row) for row in content]))
        path.with_suffix(".part").rename(path)
        self.delivered[entity][name] = content

    def _landed(self) -> None:
        for entity, oracle in self.oracles.items():
            oracle.land(self.delivered[entity])
        self._check()

    def _check(self) -> None:
        with connect("owner", autocommit=True, settings=self.settings) as connection:
            for entity, oracle in self.oracles.items():
                check_entity(connection, load_contracts(self.settings.root)[entity])
                self._compare(connection, entity, oracle)

    def _compare(self, connection: Any, entity: str, oracle: Entity) -> None:
        balances, standing = oracle.outcome()
        source, _, table = entity.partition(".")
        found = connection.execute(
            "select file_name, version, row_count, landed_count, rejected_count, duplicate_count,"
            " (control_totals -> 'amount' ->> 'file')::numeric from ops.load"
            " where status = 'landed' and source_name = %s and entity_name = %s",
            (source, table),
        ).fetchall()
        expected = {}
        for name, it in balances.items():
            total = sum((amount(row) for row in oracle.files[name] if not row.is_bad), Decimal(0))
            expected[f"{table}_{name.stem}.csv"] = (
                oracle.version(name), it.rows, it.landed, it.rejected, it.duplicate,
                total if entity == "usage.topup" else None,
            )  # fmt: skip
        assert {file: tuple(rest) for file, *rest in found} == expected
        key, value = ("topup_id", "amount::text") if entity == "usage.topup" else ("region_id", "households::text")
        rows = connection.execute(
            f"select file_name, {key}, {value} from raw_{source}.{table} join ops.load on load_id = _load_id"
        ).fetchall()
        assert Counter(rows) == Counter(
            (
                f"{table}_{name.stem}.csv",
                WRITTEN[entity](row)[key],
                WRITTEN[entity](row)["amount" if key == "topup_id" else "households"],
            )
            for name, row in standing.elements()
        )

    def teardown(self) -> None:
        """The same files landed afresh, in another order, give the same rows."""
        if not hasattr(self, "folder"):
            return
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)
        files = [(entity, name) for entity, oracle in self.oracles.items() for name in oracle.files]
        if not files:
            return
        random.Random(len(files)).shuffle(files)  # noqa: S311 (no secret)
        self.folder = Path(tempfile.mkdtemp())
        empty_warehouse(self.settings)
        half = len(files) // 2
        for part in filter(None, (files[:half], files[half:])):
            for entity, name in part:
                self._write(entity, name, self.oracles[entity].files[name])
            land(self.settings, self.folder)
        for oracle in self.oracles.values():
            oracle.replaced.clear()
        self._check()
        shutil.rmtree(self.folder)


@pytest.fixture
def zygote(warehouse: Settings, tmp_path: Path) -> Iterator[Zygote]:
    found = Zygote(warehouse.home, tmp_path)
    yield found
    found.close()


@pytest.mark.timeout(0)
def test_any_history__ends_as_the_oracle_says(warehouse: Settings, zygote: Zygote) -> None:
    Deliveries.settings, Deliveries.zygote = warehouse, zygote
    run_state_machine_as_test(
        Deliveries,
        settings=hypothesis_settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            derandomize="TENURE_TEST_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
            database=None,
            # Each step lands: what was found is short enough, and made shorter it would take hours.
            phases=[Phase.generate],
            print_blob=True,
        ),
    )
