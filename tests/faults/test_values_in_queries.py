"""Whatever stands in names and values stays data; and secrets, numbers and names of people are told to nobody."""

from __future__ import annotations

import gzip
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
from psycopg import sql

from tenure.database import EmbeddedPostgres
from tenure.landing import land
from tenure.settings import Settings
from tests.faults.processes import Process, landing, wait_until
from tests.landing.deliveries import csv_text, customer, deliver, ledger, path_of, query, topup, topups

PAYLOADS = (
    "'; drop table ops.load; --", "' or 1=1 --", '"; drop schema ops cascade; --', "$$; select pg_sleep(60); $$",
    "'||(select current_user)||'", "1; copy (select 1) to program 'touch /tmp/owned'", "\\'; truncate ops.load; --",
    "{{ 7 * 7 }}", "{% for x in ().__class__.__mro__ %}{{ x }}{% endfor %}", "{{ env_var('HOME') }}", "$(reboot)",
    "`id`", "| cat /etc/passwd", "; rm -rf ~", "%s%n%(name)s", "{0.__class__}", "${jndi:ldap://x/y}", "<b>1</b>",
    "=cmd|' /C calc'!A0", "$1", ":name", "?", "\\N", "\\.", "null", "E'\\x00'", "U&'\\0027'", "ops.load", "select",
)  # fmt: skip

EVIL_NAMES = (
    "topup_20260110'; drop table ops.load; --.csv", 'topup_20260110"; drop table ops.load; --.csv',
    "topup_$(reboot).csv", "topup_`id`.csv", "topup_20260110.csv;id", "topup_20260110 .csv", " topup_20260110.csv",
    "topup_20260110.csv ", "topup_20260110\n.csv", "topup_2026\t0110.csv", "topup_20260110.csv\n",
    "topup_%s%n.csv", "topup_{0}.csv", "topup_{{7*7}}.csv", "topup_\u202evsc.01106202.csv",
    "topup_２０２６０１１０.csv", "topup_20260110_1234567.csv", "-rf", "--mapping=x.csv",
    "topup_20260110.csv.manifest.json.csv", "topup_20260110\\..\\x.csv", "C:\\topup_20260110.csv",
    "TOPUP_20260110.CSV", "topup_20260110.csv.gz.gz", "topup_20260110.csv?x=1", "topup_20260110#.csv", "*.csv",
    "~.csv", "topup_20260110.csv\u200b", "топуп_20260110.csv", "topup_00000000.csv", "topup_99999999.csv", "&.csv",
    "|.csv", "topup_20260110\x7f.csv", "topup_20260110\x1b[31m.csv", "null", "con.csv", "x" * 240 + ".csv",
    "充值_20260110.csv", "topup_-2026011.csv", "topup_20260110_-1.csv", "topup_20260110_.csv",
    "topup_20260110..csv", "topup__20260110.csv", "topup_20260110.exe", "topup_20260110.csv'",
    "topup_20260110,.csv", "topup_20260110(1).csv", "…topup_20260110.csv",
)  # fmt: skip

NAME, NUMBER, ID = "龘灪小明", "13912345678", "110101199012121234"


def _catalog(settings: Settings) -> list[tuple[object, ...]]:
    """Every relation, column, function and right, apart from what the ledger and the raw tables hold."""
    with psycopg.connect(settings.url("owner")) as connection:
        return connection.execute(
            "select c.oid::text, n.nspname, c.relname, c.relkind::text, coalesce(c.relacl::text, ''),"
            " (select string_agg(attname || atttypid, ',' order by attnum) from pg_attribute where attrelid = c.oid)"
            " from pg_class as c join pg_namespace as n on n.oid = relnamespace"
            " where nspname !~ '^pg_(toast|temp)' and relkind <> 't'"
            " union all select oid::text, '', proname, 'f', '', '' from pg_proc"
            " union all select oid::text, '', rolname, 'r', rolsuper::text, '' from pg_roles order by 1, 2, 3"
        ).fetchall()


def test_payloads_in_values__land_as_they_are(warehouse: Settings, tmp_path: Path) -> None:
    before = _catalog(warehouse)
    rows = [topup(n, topup_id=f"id{n}", channel_type=text) for n, text in enumerate(PAYLOADS)]
    # In the key too, where settling duplicates looks for it; with the same row again, and with another content.
    rows += [topup(50, topup_id=text) for text in PAYLOADS]
    deliver(tmp_path, "usage.topup", rows)
    deliver(tmp_path, "usage.topup", [topup(50, topup_id=text) for text in PAYLOADS], day="20260110_1")
    people = [customer(n, customer_name=text, region_id=text[:20]) for n, text in enumerate(PAYLOADS)]
    deliver(tmp_path, "crm.customer", people)
    summary = land(warehouse, tmp_path)
    assert not summary.is_refused, str(summary)
    found = query(
        warehouse, "select channel_type from raw_usage.topup where topup_id ~ '^id[0-9]+$' order by _line_number"
    )
    assert [text for (text,) in found] == list(PAYLOADS)
    keys = query(warehouse, "select topup_id from raw_usage.topup where topup_id !~ '^id[0-9]+$'")
    assert sorted(key for (key,) in keys) == sorted(PAYLOADS)
    assert [row[2:] for row in ledger(warehouse)] == [(58, 58, 0, 0), (29, 0, 0, 29)]
    assert query(warehouse, "select count(*)::int from raw_crm.customer") == [(len(PAYLOADS),)]
    assert _catalog(warehouse) == before
    assert not Path("/tmp/owned").exists()  # noqa: S108 (what one of the payloads would make)


def test_evil_file_names__are_refused_and_run_nothing(warehouse: Settings, tmp_path: Path) -> None:
    before = _catalog(warehouse)
    folder = tmp_path / "usage.topup"
    folder.mkdir()
    content = csv_text(topups(3))
    for name in EVIL_NAMES:
        (folder / name).write_text(content)
    summary = land(warehouse, tmp_path)
    assert len(EVIL_NAMES) == 50
    assert {item.status for item in summary.files} == {"refused"}
    assert len(summary.files) == len(EVIL_NAMES)
    shown = "".join(item.file_name + item.message for item in summary.files)
    assert not re.search(r"[\x00-\x1f\x7f\u200b\u202e]", shown)
    assert query(warehouse, "select count(*)::int from raw_usage.topup") == [(0,)]
    assert _catalog(warehouse) == before
    assert not list(warehouse.archive_dir.rglob("*.enc"))


def test_evil_column_names__are_ignored_and_run_nothing(warehouse: Settings, tmp_path: Path) -> None:
    before = _catalog(warehouse)
    names = [name for name in PAYLOADS if name not in ("\\.",)]
    rows = [{**topup(n), **dict.fromkeys(names, "x"), NUMBER: "y"} for n in range(3)]
    deliver(tmp_path, "usage.topup", rows)
    (item,) = land(warehouse, tmp_path).files
    assert (item.status, item.balance.landed) == ("landed", 3)
    assert item.message.startswith("ignored columns that are not in the contract: ")
    assert NUMBER not in item.message
    assert _catalog(warehouse) == before


class _ProcessList:
    """Everything that `ps` would have shown while a test ran."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._end = Event()
        self._thread = Thread(target=self._look)

    def __enter__(self) -> _ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue


def _bad_files(folder: Path) -> Iterator[None]:
    """Files of people of which each breaks another thing, canaries wherever they fit."""
    person = customer(1, customer_name=NAME, contact_msisdn=NUMBER, id_number=ID)
    text = csv_text([person])
    header, line = text.splitlines()
    shifted = customer(2, customer_name=NUMBER, birth_year=NUMBER, gender=NAME, is_senior=ID, effective_at=NAME)
    contents: dict[str, tuple[bytes, str, object]] = {
        "20260101": ((line + "\n").encode(), "csv", None),
        "20260102": (text.rstrip("\n").encode(), "csv", None),
        "20260103": (text.encode("gb18030"), "csv", None),
        "20260104": (gzip.compress(text.encode())[:-9], "csv.gz", None),
        "20260105": (text.encode(), "parquet", None),
        "20260106": (csv_text([person, shifted]).encode(), "csv", None),
        "20260107": (f"{header}\n{line.replace(NAME, chr(34) + NAME)}\n{line}\n".encode(), "csv", None),
        "20260108": (text.encode(), "csv", {"rows": 2, "encoding": NUMBER}),
        "20260109": (text.encode(), "csv", {"control_totals": {NUMBER: "1"}}),
        "20260110": (f"{header},{NUMBER},{NAME}\n{line},1,2\n".encode(), "csv", None),
        "20260111": (json.dumps(person)[:-1].encode() + b"\n", "jsonl", None),
        "20260112": ((json.dumps(shifted) + "\n").encode(), "jsonl", None),
        "20260113": (csv_text([person, {**person, "region_id": NUMBER}]).encode(), "csv", None),
        "20260114": (text.encode(), "csv", NAME),
        "20260115": (f"{header}\n{line},{NUMBER},{NAME}\n{ID}\n".encode(), "csv", None),
    }
    for day, (content, ending, manifest) in contents.items():
        path = path_of(folder, "crm.customer", day, ending)
        path.write_bytes(content)
        if manifest is not None:
            path.with_name(path.name + ".manifest.json").write_text(json.dumps(manifest))
    (folder / "crm.customer" / f"customer_{NUMBER}.csv").write_text(text)
    (folder / "crm.customer" / f"{NAME}.csv").write_text(text)
    yield


# All but the file whose shifted row alone is refused, and the one whose further columns are ignored; names that hold a
# canary are told masked.
REFUSED = [
    *(f"customer_202601{day}" for day in ("01.csv", "02.csv", "03.csv", "04.csv.gz", "05.parquet", "07.csv")),
    *(f"customer_202601{day}" for day in ("08.csv", "09.csv", "11.jsonl", "12.jsonl", "13.csv", "14.csv", "15.csv")),
    "xxxxxxxx_99999999999.xxx",
    "文文文文.xxx",
]


def test_canaries__are_told_to_nobody_whatever_fails(warehouse: Settings, tmp_path: Path) -> None:
    passwords = [warehouse.secret(f"postgres_{role}") for role in ("owner", "loader", "analyst", "vault")]
    secrets = [
        *passwords,
        *(warehouse.secret(f"{name}_key") for name in ("token", "vault", "archive")),
        "canary-word-1",
    ]
    folder = tmp_path / "people"
    next(_bad_files(folder))
    said: list[str] = []
    with _ProcessList() as processes:
        deliver(
            tmp_path / "good", "crm.customer", [customer(1, customer_name=NAME, contact_msisdn=NUMBER, id_number=ID)]
        )
        commands = [
            landing(warehouse, folder),
            landing(warehouse, tmp_path / NUMBER),
            landing(warehouse, folder, TENURE_DATABASE_URL="postgresql://owner:canary-word-1@127.0.0.1:1/tenure"),
            landing(warehouse, folder, TENURE_DATABASE_URL="postgresql://owner:canary-word-1@127.0.0.1:none/tenure"),
            Process(warehouse, "sql", f"select '{NUMBER[:0]}' || region_id from raw_crm.customer"),
            Process(warehouse, "rejects"),
            Process(warehouse, "rejects", "--csv"),
            Process(warehouse, "replay-rejects"),
            Process(warehouse, "status"),
        ]
        for command in commands:
            command.end()
            said.append(command.err + command.out.replace(str(tmp_path / NUMBER), ""))
        killed = landing(warehouse, tmp_path / "good", pause_at="before_commit")
        killed.wait_until_paused()
        with psycopg.connect(warehouse.url("owner"), autocommit=True) as owner:
            owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tenure_loader'")
            wait_until(
                lambda: not owner.execute("select 1 from pg_stat_activity where usename = 'tenure_loader'").fetchall()
            )
        killed.go_on()
        said.append(killed.line())
        died = landing(warehouse, tmp_path / "good", TENURE_KILL_AT="before_ledger")
        assert died.end() == -signal.SIGKILL
        said.append(died.err + died.out)
        status = Process(warehouse, "status", "--json")
        assert status.end() == 0, status.err
        assert json.loads(status.out)
        said.append(status.out + status.err)
    # The person who asked for a folder called like a number may be told its name.
    said = [text.replace(str(tmp_path / NUMBER), "") for text in said]
    assert "Traceback" not in "".join(said)
    logs = [EmbeddedPostgres(warehouse).log_path, *(path for path in warehouse.logs_dir.rglob("*") if path.is_file())]
    said += [path.read_text(errors="replace") for path in logs]
    with psycopg.connect(warehouse.url("loader")) as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname ~ '^(ops|raw_)'"
        ).fetchall()
        said += [
            repr(connection.execute(sql.SQL("select * from {}").format(sql.Identifier(*name))).fetchall())
            for name in tables
        ]
    own = str(tmp_path / NUMBER)
    said += [seen.replace(own, "") for seen in processes.seen]
    for canary in (NAME, NUMBER, ID, *secrets):
        assert not [text[:2000] for text in said if canary in text], canary
    refused = query(warehouse, "select file_name from ops.load where status = 'refused'")
    assert sorted(name for (name,) in refused) == REFUSED, "failures were forced"
