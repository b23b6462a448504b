"""The embedded server and the rights of its roles."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import psycopg
import pytest

from tenure import services
from tenure.database import EmbeddedPostgres, prepare_roles
from tenure.errors import TenureError
from tenure.settings import Settings
from tenure.warehouse import prepare_warehouse


@pytest.fixture(scope="module")
def own_server(test_base: Path):
    settings = Settings(_env_file=None, home=test_base / "a server")
    embedded = EmbeddedPostgres(settings)
    embedded.start()
    prepare_roles(settings)
    yield settings, embedded
    embedded.stop()


@pytest.fixture
def server(own_server):
    """A running server apart from the session's, because these tests stop and kill it."""
    own_server[1].start()
    return own_server


def wait_until(condition, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_starts_answers_stops_and_a_second_start_changes_nothing(server) -> None:
    _, embedded = server
    pid = embedded.postmaster_pid()
    assert embedded.start() is False
    assert embedded.postmaster_pid() == pid
    assert embedded.stop() is True
    assert embedded.stop() is False
    assert embedded.start() is True
    assert embedded.is_ready()


def test_listens_on_loopback_only_with_durability_and_scram(server) -> None:
    settings, _ = server
    with psycopg.connect(settings.url("owner")) as connection:

        def show(name: str) -> str:
            return connection.execute(f"show {name}").fetchone()[0]

        assert show("listen_addresses") == "127.0.0.1"
        assert show("unix_socket_directories") == ""
        assert (show("fsync"), show("synchronous_commit"), show("full_page_writes")) == ("on", "on", "on")
        rules = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
        hashed = connection.execute("select rolpassword from pg_authid where rolname = 'tenure_analyst'").fetchone()
        assert hashed[0].startswith("SCRAM-SHA-256$")


def test_wrong_password_is_refused(server) -> None:
    settings, _ = server
    url = settings.url("analyst").replace(settings.secret("postgres_analyst"), "guess")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url)


def test_committed_rows_survive_sigkill(server) -> None:
    settings, embedded = server
    with psycopg.connect(settings.url("loader")) as connection:
        connection.execute("create table ops.survivor as select 7 as seven")
    pid = embedded.postmaster_pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: embedded.postmaster_pid() != pid)
    assert embedded.start() is True
    with psycopg.connect(settings.url("loader")) as connection:
        assert connection.execute("select seven from ops.survivor").fetchone() == (7,)


def test_pid_file_of_a_zombie_does_not_block_the_start(server) -> None:
    settings, embedded = server
    embedded.stop()
    child = os.fork()
    if child == 0:
        os._exit(0)
    # Ended and not reaped: a zombie, as a killed postmaster is where process 1 reaps late.
    wait_until(lambda: Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
    try:
        pid_file = embedded.data / "postmaster.pid"
        pid_file.write_text(f"{child}\n{embedded.data}\n0\n{settings.port('postgres')}\n\n127.0.0.1\n\n")
        assert embedded.start() is True
        assert embedded.is_ready()
    finally:
        os.waitpid(child, 0)


def test_busy_port_is_replaced(server) -> None:
    settings, embedded = server
    embedded.stop()
    before = settings.port("postgres")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", before))
        other.listen()
        embedded.start()
        assert settings.port("postgres") != before
        assert embedded.is_ready()


def test_busy_port_of_the_operator_is_named(server) -> None:
    settings, embedded = server
    embedded.stop()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        fixed = settings.model_copy(update={"postgres_port": other.getsockname()[1]})
        with pytest.raises(TenureError, match=r"in use.*TENURE_POSTGRES_PORT"):
            EmbeddedPostgres(fixed).start()


WRITES = [
    "create table marts.mine (a int)",
    "create table public.mine (a int)",
    "create temporary table mine (a int)",
    "create schema mine",
    "insert into marts.publication values (99, current_date, now(), false)",
    "with gone as (delete from marts.publication returning *) select * from gone",
    "drop table marts.publication",
    "set role tenure_loader",
    "set role tenure_owner",
    "copy (select 1) to program 'cat'",
    "alter role tenure_loader password 'mine'",
]
READS = [
    "select * from raw_crm.customer",
    "select * from raw_usage.usage_event",
    "select * from ops.load",
    "select * from scores.churn_score",
    "select rolpassword from pg_authid",
    "select pg_read_file('PG_VERSION')",
]


@pytest.mark.parametrize("role", ["analyst", "dashboard"])
@pytest.mark.parametrize("writable", [False, True], ids=["as it logs in", "after asking for a writable session"])
@pytest.mark.parametrize("statement", WRITES + READS)
def test_readers_of_marts_can_do_nothing_else(settings: Settings, role: str, writable: bool, statement: str) -> None:
    with psycopg.connect(settings.url("transformer"), autocommit=True) as connection:
        connection.execute(
            "create table if not exists marts.publication"
            " (publication_id bigint, as_of_date date, published_at timestamptz, is_current boolean)"
        )
    with psycopg.connect(settings.url(role), autocommit=True) as connection:
        assert connection.execute("select count(*) >= 0 from marts.publication").fetchone() == (True,)
        if writable:
            connection.execute("set default_transaction_read_only = off")
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            connection.execute(statement)


def test_scorer_and_transformer_cannot_touch_what_was_landed(settings: Settings) -> None:
    for role, statement in [
        ("transformer", "delete from raw_crm.customer"),
        ("transformer", "delete from ops.load"),
        ("scorer", "select * from raw_crm.customer"),
        ("scorer", "create table marts.mine (a int)"),
        ("loader", "create table marts.mine (a int)"),
        ("loader", "select * from scores.churn_score"),
    ]:
        with psycopg.connect(settings.url(role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_preparing_twice_changes_no_right(settings: Settings) -> None:
    def rights() -> list:
        with psycopg.connect(settings.url("owner")) as connection:
            return connection.execute(
                """
                select nspname, relname, relacl::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where nspname !~ '^pg_' and nspname <> 'information_schema' and relkind in ('r', 'v') order by 1, 2
                """
            ).fetchall()

    # Once for what an earlier test has put there.
    prepare_warehouse(settings)
    before = rights()
    prepare_warehouse(settings)
    assert rights() == before
    assert any(name == "customer" for _, name, _ in before)


def test_a_service_is_stopped_with_its_whole_session(settings: Settings, tmp_path: Path) -> None:
    stubborn = services.Service(
        name="stubborn",
        argv=["/bin/sh", "-c", "trap '' TERM; sleep 300 & set -m; sleep 300 & echo up; wait; sleep 300"],
        env=dict(os.environ),
        log_path=tmp_path / "stubborn.log",
        ready=lambda: "up" in (tmp_path / "stubborn.log").read_text(),
        cwd=tmp_path,
    )
    pid = services.start(settings, stubborn)
    assert services.status(settings)["stubborn"] == pid
    assert services.start(settings, stubborn) == pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: services.running_pid(settings, "stubborn") is None)
    services.stop(settings, "stubborn")
    left = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
        and (fields := services._stat_fields(int(entry.name)))
        and int(fields[3]) == pid
        and fields[0] != "Z"
    ]
    assert left == []
