"""How long ten people wait for a page: the executive overview against Superset alone, and against its own history.

One Superset serves three sides in turn, by a change of the schema's name: the marts of a simulated operator; the same
tables with one row each, so that what remains is Superset (checking rights, making SQL, answering); and the marts with
16 times the full months, whose page must answer the very same. Ten executives open the page at once, each asking for
its charts over six connections, as a browser does; a person's time ends with the last chart. Cold: nothing is cached
when they come, as on the morning after a publication, and what one has asked the others may get. Warm: everything is,
and one opening is too short to tell the sides apart, so they come several times, to the sides in turn. The filters
above the charts are not asked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import numpy as np
import psycopg
import requests
from psycopg import sql
from requests.adapters import HTTPAdapter

from benchmarks.landing_warehouse import landing_warehouse
from benchmarks.ratios import RunDoesNotCount, result, rows_asked, runs_asked
from tenure import services
from tenure.dashboards import Provisioned
from tenure.dashboards.bundle import of_kind, read_assets
from tenure.dashboards.publication import FORGET
from tenure.dashboards.roles import MART
from tenure.dashboards.warming import WARMER
from tenure.dashboards.web import base_url
from tenure.database.rights import apply_rights
from tenure.settings import ROOT
from tests.superset.conftest import SupersetServer
from tests.superset.people import create_user, log_in

PAGE = "executive_overview"
LINES = 600
MONTHS = 14
FOLD = 16
USERS = 10
# Connections of a browser to one server.
CONNECTIONS = 6
WHOLE, FLOOR, LONG = SIDES = ("whole", "floor", "long")
# Each side before the other as often as after it.
WARM_TURNS = (WHOLE, FLOOR, FLOOR, WHOLE) * 2
COLD_TARGET, WARM_TARGET, HISTORY_TARGET = 1.25, 1.05, 1.1

Connection = psycopg.Connection[Any]


def dashboard() -> list[dict[str, Any]]:
    """p95 of the seconds to all charts: cold / its floor, warm / its floor, and at 16-fold history / as it is."""
    lines, runs = rows_asked(LINES), runs_asked()
    with landing_warehouse() as (warehouse, folder):
        warehouse.build_operator(folder, lines, MONTHS)
        with psycopg.connect(warehouse.settings.url("owner"), autocommit=True) as connection:
            months = _make_sides(connection)
        warehouse.tenure("dashboards")
        # Nothing is answered ahead: each side asks for itself.
        services.stop(warehouse.settings, WARMER)
        try:
            server = SupersetServer(
                warehouse.settings, base_url(warehouse.settings), Provisioned(is_changed=True), requests.Session()
            )
            office = Office(server)
            seconds = [office.run() for _ in range(runs)]
            version = warehouse.server_version()
        finally:
            warehouse.tenure("down")
    sizes = f"{lines} lines, {months} full months, {USERS} executives, {len(office.charts)} charts of {PAGE}"
    pairs = (
        ("dashboard_cold", (WHOLE, "cold"), (FLOOR, "cold"), COLD_TARGET, "the marts and one-row tables"),
        ("dashboard_warm", (WHOLE, "warm"), (FLOOR, "warm"), WARM_TARGET, "the marts and one-row tables"),
        ("dashboard_history", (LONG, "cold"), (WHOLE, "cold"), HISTORY_TARGET, f"{FOLD}-fold and 1-fold history"),
    )
    return [
        result(
            name,
            [run[ours] / run[theirs] for run in seconds],
            target,
            "lower",
            f"p95 seconds of {what}: {', '.join(f'{run[ours]:.2f} and {run[theirs]:.2f}' for run in seconds)}; {sizes},"
            " both histories answered the same in every run",
            ("psycopg",),
            postgresql=version,
        )
        for name, ours, theirs, target, what in pairs
    ]


def _marts_of_page() -> list[str]:
    """The marts that the charts of the page read."""
    assets = read_assets(ROOT)
    datasets = {one["uuid"]: one["sql"] for one in of_kind(assets, "datasets")}
    charts = [chart for path, chart in assets.items() if path.startswith(f"charts/{PAGE}/")]
    return sorted({mart for chart in charts for mart in MART.findall(datasets[chart["dataset_uuid"]])})


def _make_sides(connection: Connection) -> int:
    """Schemas `floor` and `long` with the marts of the page and the rights of `marts`; returns the full months."""
    marts = _marts_of_page()
    row = connection.execute("select count(distinct month) from marts.kpi_reported where not is_open_month").fetchone()
    months = int(row[0]) if row else 0
    for side in (FLOOR, LONG):
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(side)))
        connection.execute(
            sql.SQL("grant usage on schema {} to tenure_dashboard, tenure_regional").format(sql.Identifier(side))
        )
        for mart in marts:
            _copy(connection, side, mart, months)
        with _named(connection, side):
            for mart in marts:
                apply_rights(connection, mart)
        for mart in marts:
            connection.execute(sql.SQL("vacuum analyze {}").format(sql.Identifier(side, mart)))
    return months


def _copy(connection: Connection, side: str, mart: str, months: int) -> None:
    source, copy = sql.Identifier("marts", mart), sql.Identifier(side, mart)
    connection.execute(sql.SQL("create table {} (like {} including all)").format(copy, source))
    kinds = dict(
        connection.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'marts' and table_name = %s order by ordinal_position",
            (mart,),
        ).fetchall()
    )
    has_months = {"month", "is_open_month"} <= kinds.keys()
    if side == FLOOR:
        newest = "where not is_open_month order by month desc" if has_months else ""
        statement = sql.SQL("insert into {} select * from {} {} limit 1").format(copy, source, sql.SQL(newest))
        connection.execute(statement)
        return
    connection.execute(sql.SQL("insert into {} select * from {}").format(copy, source))
    if has_months:
        values = [_earlier(name, kind, months) for name, kind in kinds.items()]
        connection.execute(
            sql.SQL("insert into {} select {} from {}, generate_series(1, {}) as copy where not is_open_month").format(
                copy, sql.SQL(", ").join(values), source, sql.Literal(FOLD - 1)
            )
        )


def _earlier(name: str, kind: str, months: int) -> sql.Composable:
    """The column in a copy that lies whole histories before its original."""
    if kind != "date" and not kind.startswith("timestamp"):
        return sql.Identifier(name)
    shifted = sql.SQL("cast({} - make_interval(months => {} * copy) as {})")
    return shifted.format(sql.Identifier(name), sql.Literal(months), sql.SQL(kind))


@contextmanager
def _named(connection: Connection, side: str) -> Iterator[None]:
    """The side's schema as `marts`, where the dashboards look; WHOLE is there of itself."""
    if side == WHOLE:
        yield
        return
    with connection.transaction():
        connection.execute(f"alter schema marts rename to {WHOLE}")
        connection.execute(f"alter schema {side} rename to marts")
    try:
        yield
    finally:
        with connection.transaction():
            connection.execute(f"alter schema marts rename to {side}")
            connection.execute(f"alter schema {WHOLE} rename to marts")


class Office:
    """Ten executives and the charts of their page."""

    def __init__(self, server: SupersetServer) -> None:
        self.server = server
        uuids = [chart["uuid"] for path, chart in read_assets(ROOT).items() if path.startswith(f"charts/{PAGE}/")]
        with psycopg.connect(server.settings.url("superset")) as connection:
            found = connection.execute("select id from slices where uuid = any(%s::uuid[]) order by 1", (uuids,))
            self.charts = [number for (number,) in found]
        for number in range(USERS):
            create_user(server, f"executive-{number}", ["Executive"])

    def run(self) -> dict[tuple[str, str], float]:
        """p95 of the seconds of a page by side and state of the cache. Raises RunDoesNotCount on a wrong answer."""
        seconds: dict[tuple[str, str], float] = {}
        answers = {}
        # Anew in each run, because a login ends after a quarter of an hour.
        people = [self._person(number) for number in range(USERS)]
        with psycopg.connect(self.server.settings.url("owner"), autocommit=True) as connection:
            for side in SIDES:
                with _named(connection, side):
                    self._forget()
                    self._open(people[:1])
                    answers[side] = [self._ask(people[0], chart)["data"] for chart in self.charts]
            if answers[LONG] != answers[WHOLE] or answers[FLOOR] == answers[WHOLE]:
                raise RunDoesNotCount("a longer history has changed the page, or one row has not")
            for state, turns in (("cold", SIDES), ("warm", WARM_TURNS)):
                waited: dict[str, list[float]] = {side: [] for side in turns}
                for side in turns:
                    with _named(connection, side):
                        self._forget()
                        if state == "warm":
                            self._open(people[:1])
                        waited[side] += self._open(people)
                for side, each in waited.items():
                    seconds[side, state] = float(np.quantile(each, 0.95))
        return seconds

    def _person(self, number: int) -> requests.Session:
        session = log_in(self.server, f"executive-{number}")
        session.mount(self.server.base, HTTPAdapter(pool_maxsize=CONNECTIONS))
        return session

    def _forget(self) -> None:
        """Empty the cache, as a publication does."""
        with psycopg.connect(self.server.settings.url("superset")) as connection:
            connection.execute(FORGET)

    def _open(self, people: list[requests.Session]) -> list[float]:
        """Seconds until each of them has all charts; they begin together."""
        start = Barrier(len(people))

        def page(person: requests.Session) -> float:
            # The server ends connections that are idle for some seconds, and a new page has new ones.
            person.close()
            with ThreadPoolExecutor(CONNECTIONS) as connections:
                start.wait()
                started = time.perf_counter()
                list(connections.map(lambda chart: self._ask(person, chart), self.charts))
                return time.perf_counter() - started

        with ThreadPoolExecutor(len(people)) as office:
            return list(office.map(page, people))

    def _ask(self, person: requests.Session, chart: int) -> dict[str, Any]:
        answer = person.get(f"{self.server.base}/api/v1/chart/{chart}/data/", timeout=120)
        if answer.status_code != requests.codes.ok:
            raise RunDoesNotCount(f"chart {chart} was answered with {answer.status_code}: {answer.text[:200]}")
        found: dict[str, Any] = answer.json()["result"][0]
        return found
