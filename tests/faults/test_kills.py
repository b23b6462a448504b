"""Killed at every fail-point, landing leaves ledger and data in agreement, and the same command ends as if undisturbed.

The points are those of the source, so that a new one is tried from the day it is written.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import sql

from tenure.contracts import load_contracts
from tenure.db import connect
from tenure.settings import Settings
from tests.conftest import empty_warehouse
from tests.faults.agreement import check_all, check_entity, digest
from tests.faults.fail_points import PLACES
from tests.faults.zygote import Done, Zygote
from tests.landing.deliveries import csv_text, customer, deliver, path_of, topup, topups
from tests.landing.test_mapping import MAPPING
from tests.protection.people import account

ENTITIES = ("usage.topup", "crm.customer", "crm.account", "crm.contract", "crm.region")
IS_LONG = bool(os.environ.get("TENURE_TEST_LONG"))
DOUBLE_KILLS = 10
OLD = "usage.topup/topup_20200101.csv.0000000000000000.enc"


def _first_deliveries(folder: Path) -> None:
    """What has landed before: with conflicts, refused rows, rows before their time and unknown references."""
    early = [topup(90, topped_up_at="2026-01-12T09:00:00+08:00"), topup(70, amount="x")]
    deliver(folder, "usage.topup", [*topups(30), *early])
    soon = topup(92, topped_up_at="2026-01-13T09:00:00+08:00")
    today = [topup(number, topped_up_at="2026-01-11T11:00:00+08:00") for number in range(31, 51)]
    rows = [topup(5, amount="1.00"), topup(6), topup(7, amount="2.00"), *today, soon]
    deliver(folder, "usage.topup", rows, day="20260111")
    # In a folder of their own, which the landing that dies does not look through.
    deliver(folder / "first", "crm.customer", [customer(number) for number in range(1, 5)])
    deliver(folder / "first", "crm.account", [account(number) for number in (2, 7, 99)])


def _more_deliveries(folder: Path) -> None:
    """What is under way when the landing dies: a correction, duplicates, conflicts, late rows, a copy, a bad file."""
    early = topup(91, topped_up_at="2026-01-12T10:00:00+08:00")
    deliver(folder, "usage.topup", [*topups(25, first=4), topup(40), topup(71, amount="x"), early])
    late = topup(93, topped_up_at="2026-01-10T11:00:00+08:00")
    today = [topup(number, topped_up_at="2026-01-12T11:00:00+08:00") for number in range(100, 150)]
    bad = topup(94, currency_code="yuan", topped_up_at="2026-01-12T11:00:00+08:00")
    rows = [*today, today[0], topup(6), topup(8, amount="3.00"), topup(5), late, bad]
    deliver(folder, "usage.topup", rows, day="20260112")
    shutil.copy(path_of(folder, "usage.topup", "20260111"), path_of(folder, "usage.topup", "20260113"))
    path_of(folder, "usage.topup", "20260114").write_text(csv_text([topup(n, amount="?") for n in range(20)]))
    people = [customer(3, region_id="south"), *(customer(number) for number in range(5, 20))]
    deliver(folder, "crm.customer", people, day="20260111")


def _mapped_file(folder: Path, is_corrected: bool) -> None:
    joined = "2026-01-06" if is_corrected else "2026-01-05"
    lines = ["NR;NAME;JOINED;MONTHS;KIND", "1;王一;2026-01-05;12;P", f"2;NA;{joined};0;F", "3;李三;2026-01-07;24;P"]
    lines += [f"{number};张{number};2026-01-08;12;P" for number in range(4, 44)]
    lines += ["44;赵四;2026-01-09;-1;P"] if is_corrected else []
    (folder / "people_20260131.txt").write_bytes(("\n".join(lines) + "\n").encode("gb18030"))


class World:
    """A warehouse with the first deliveries landed, to go back to; the others are on disk."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.owner = connect("owner", autocommit=True, settings=settings)
        self.contracts = [load_contracts(settings.root)[name] for name in ENTITIES]
        self.zygote = Zygote(settings.home, folder)
        self._kept = folder / "archive"
        extracts, mapping = folder / "extracts", folder / "mapping.yml"
        extracts.mkdir()
        mapping.write_text(yaml.safe_dump(MAPPING, allow_unicode=True, sort_keys=False), encoding="utf-8")
        self.commands = {
            "folder": (extracts, None),
            "mapped": (folder / "people_20260131.txt", mapping),
        }
        _first_deliveries(extracts)
        _mapped_file(folder, is_corrected=False)
        for command in (*self.commands.values(), (extracts / "first", None)):
            done = self.zygote.run(*command)
            assert done.status == 0, done.output
        _more_deliveries(extracts)
        _mapped_file(folder, is_corrected=True)
        shutil.rmtree(extracts / "first")
        self._keep()
        self.whole = {name: self._undisturbed(command) for name, command in self.commands.items()}

    def _keep(self) -> None:
        # Keys of another version of the hash function: the landing renews them first.
        self.owner.execute("update ops.key_chunk set hash_name = 'other' where entity_name = 'topup'")
        old = self.settings.archive_dir / OLD
        old.write_bytes(b"old")
        os.utime(old, (0, 0))
        shutil.copytree(self.settings.archive_dir, self._kept)
        tables = self.owner.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('ops', 'vault', 'raw_usage', 'raw_crm')"
        ).fetchall()
        self.owner.execute("create schema kept")
        # The order matters to no constraint but one: loads come first.
        self._tables = sorted(tables, key=lambda table: table != ("ops", "load"))
        for schema, table in self._tables:
            self.owner.execute(
                sql.SQL("create table {} as table {}").format(
                    sql.Identifier("kept", f"{schema}_{table}"), sql.Identifier(schema, table)
                )
            )

    def restore(self) -> None:
        """Go back to where only the first deliveries have landed."""
        with self.owner.transaction():
            for schema, table in reversed(self._tables):
                self.owner.execute(sql.SQL("delete from {}").format(sql.Identifier(schema, table)))
            for schema, table in self._tables:
                statement = sql.SQL("insert into {} overriding system value table {}").format(
                    sql.Identifier(schema, table), sql.Identifier("kept", f"{schema}_{table}")
                )
                self.owner.execute(statement)
        shutil.rmtree(self.settings.archive_dir)
        shutil.copytree(self._kept, self.settings.archive_dir)

    def _undisturbed(self, command: tuple[Path, Path | None]) -> tuple[Done, dict[str, list[str]]]:
        self.restore()
        done = self.zygote.run(*command, kill_at="nowhere")
        self.check_agreement()
        return done, digest(self.owner, self.contracts)

    def killed(self, name: str, place: str) -> None:
        """Run a command that dies there; what it leaves agrees with the ledger."""
        done = self.zygote.run(*self.commands[name], kill_at=place)
        assert done.status == -9, f"{place} was not reached: {done.output}"
        self._await_end_of_sessions()
        self.check_agreement()

    def completed(self, name: str) -> None:
        """Run it again, to the end that it has undisturbed."""
        done = self.zygote.run(*self.commands[name])
        whole, expected = self.whole[name]
        assert done.status == whole.status, done.output
        self.check_agreement()
        found = digest(self.owner, self.contracts)
        for part, rows in expected.items():
            assert found[part] == rows, part
        assert [path.name for path in self.settings.spool_dir.iterdir()] == []
        assert list(self.settings.archive_dir.rglob("*.part")) == []

    def check_agreement(self) -> None:
        """The ledger and the data agree."""
        check_all(self.settings, self.owner, self.contracts)

    def _await_end_of_sessions(self) -> None:
        # A server notices the death of its client when it next reads from it.
        for _ in range(500):
            found = self.owner.execute(
                "select state, wait_event, query from pg_stat_activity where usename = 'tenure_loader'"
            ).fetchall()
            if not found:
                return
            time.sleep(0.01)
        raise AssertionError(f"sessions of a killed process live on: {found}")

    def close(self) -> None:
        """Leave nothing."""
        self.zygote.close()
        self.owner.execute("drop schema kept cascade")
        self.owner.close()


@pytest.fixture(scope="module")
def world(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    empty_warehouse(settings)
    found = World(settings, tmp_path_factory.mktemp("kills and more"))
    yield found
    found.close()


@pytest.fixture
def reader(world: World) -> Iterator[list[int]]:
    """Somebody who looks all the time, and must see whole files only; the number of looks."""
    looks, errors, stop = [0], [], threading.Event()

    def look(connection: psycopg.Connection[Any]) -> None:
        while not stop.wait(0.1):
            for contract in world.contracts:
                check_entity(connection, contract)
            looks[0] += 1

    def watch() -> None:
        try:
            with connect("owner", autocommit=True, settings=world.settings) as connection:
                connection.execute("set application_name = 'reader'")
                look(connection)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    yield looks
    stop.set()
    thread.join()
    assert not errors, errors


def _places(world: World, name: str) -> list[str]:
    """Every fail-point that a landing passes: of a folder at the first and the last pass, of a mapped file at the last.

    The last pass of a mapped file is in the last of the entities that it fills.
    """
    passed = world.whole[name][0].passed
    first = {1} if name == "folder" else set()
    return [f"{place}:{n}" for place in PLACES if place in passed for n in sorted(first | {passed[place]})]


def test_points__are_all_passed_by_these_deliveries(world: World) -> None:
    assert len(PLACES) > 30
    passed = {place for done, _ in world.whole.values() for place in done.passed}
    assert set(PLACES) <= passed, set(PLACES) - passed
    folder = world.whole["folder"]
    assert folder[0].status == 1, "one of its files is refused"
    assert any("key_conflict" in row for row in folder[1]["reject"])
    assert folder[1]["held"] and folder[1]["unknown"]


@pytest.mark.parametrize("name", ["folder", "mapped"])
def test_landing__killed_anywhere_agrees_and_ends_complete(world: World, name: str, reader: list[int]) -> None:
    places = _places(world, name)
    for place in places:
        world.restore()
        world.killed(name, place)
        world.completed(name)
    print(f"{name}: killed {len(places)} times, {reader[0]} looks meanwhile")


# All pairs of points take far longer than a test may otherwise.
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", ["folder", "mapped"])
def test_landing__killed_twice_agrees_and_ends_complete(world: World, name: str) -> None:
    places = _places(world, name)
    pairs = [(first, second) for first in places for second in places]
    if not IS_LONG:
        pairs = random.Random(7).sample(pairs, DOUBLE_KILLS)  # noqa: S311 (no secret)
    both = 0
    for first, second in pairs:
        world.restore()
        world.killed(name, first)
        # What the first run has done the second does not do again: it may not come by there.
        again = world.zygote.run(*world.commands[name], kill_at=second)
        both += again.status == -9
        world._await_end_of_sessions()
        world.check_agreement()
        world.completed(name)
    assert both, "no second kill has happened"
