"""Call lists: clear numbers only for a reason, on record before they are shown, and not for those who said no."""

from __future__ import annotations

import csv
import stat
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tenure.errors import TenureError
from tenure.landing import land
from tenure.protection import call_list
from tenure.protection.call_list import CallList, detokenise
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver
from tests.protection.people import as_role, consent, msisdn, subscription

Listed = Callable[..., Path]


@pytest.fixture
def operator(warehouse: Settings, tmp_path: Path) -> Settings:
    """Six customers with a line each; one line is used by another customer than its owner."""
    folder = tmp_path / "extracts"
    deliver(folder, "crm.customer", [customer(n) for n in range(6)])
    lines = [subscription(n) for n in range(5)] + [subscription(5, user_customer_id="C000001", msisdn="+13977770005")]
    deliver(folder, "crm.subscription", lines)
    later = {"effective_at": "2025-09-01T08:00:00+08:00"}
    deliver(
        folder, "crm.consent",
        [
            consent(0, True),
            consent(1, True), consent(1, False, **later),
            consent(2, False), consent(2, True, **later),
            # Calls are allowed, whatever `any` says; e-mails are not.
            consent(3, False), consent(3, True, consent_id="K000103", channel_code="call"),
            consent(3, False, consent_id="K000203", channel_code="email"),
            consent(4, False, purpose_code="profiling"),
        ],
    )  # fmt: skip
    land(warehouse, folder)
    return warehouse


@pytest.fixture
def token_list(operator: Settings, tmp_path: Path) -> Path:
    rows = as_role(operator, "loader", "select subscription_id, msisdn_token from raw_crm.subscription order by 1")
    path = tmp_path / "watch list.csv"
    lines = [f"{line},{token},=1+1\n" for line, token in rows] + [f"S999999,{'0' * 32},\n"]
    path.write_text("subscription_id,msisdn_token,note\n" + "".join(lines))
    return path


def read(done: CallList) -> list[dict[str, str]]:
    with done.path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_call_list__has_the_numbers_in_a_private_file(operator: Settings, token_list: Path) -> None:
    done = detokenise(operator, token_list, "msisdn_token", "retention calls, ticket 4711")
    rows = read(done)
    assert done.path == token_list.with_name("watch list.clear.csv")
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o600
    assert [row["msisdn"] for row in rows] == [*(msisdn(n) for n in range(5)), "'+13977770005", ""]
    assert {row["note"] for row in rows} == {"'=1+1", ""}
    assert (done.row_count, done.unknown_count, done.withheld_count) == (7, 1, 0)


def test_every_row__is_on_record_with_who_and_why(operator: Settings, token_list: Path) -> None:
    detokenise(operator, token_list, "msisdn_token", " retention \n calls ", purpose="marketing")
    found = as_role(
        operator, "vault",
        "select user_name <> '', reason, purpose, was_found, was_withheld, count(*)::int from vault.access"
        " group by 1, 2, 3, 4, 5 order by 4, 5",
    )  # fmt: skip
    assert found == [
        (True, "retention calls", "marketing", False, False, 1),
        (True, "retention calls", "marketing", True, False, 4),
        (True, "retention calls", "marketing", True, True, 2),
    ]


def test_marketing__leaves_out_who_withdrew_consent(operator: Settings, token_list: Path) -> None:
    calls = detokenise(operator, token_list, "msisdn_token", "summer offer", purpose="marketing")
    # 1 withdrew, and uses line 5; 2 gave it again; 3 allows calls; nobody asked 4 about marketing.
    assert [row["subscription_id"][-1] for row in read(calls)] == ["0", "2", "3", "4", "9"]
    assert calls.withheld_count == 2
    out = token_list.with_name("mail.csv")
    mails = detokenise(operator, token_list, "msisdn_token", "summer offer", out, "marketing", "email")
    assert [row["subscription_id"][-1] for row in read(mails)] == ["0", "2", "4", "9"]


def test_nothing_is_written__when_the_record_cannot_be(
    operator: Settings, token_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that the server refuses stands for any failure of the record.
    monkeypatch.setattr(call_list, "operating_system_user", lambda: "a\x00b")
    with pytest.raises((psycopg.Error, ValueError)):
        detokenise(operator, token_list, "msisdn_token", "calls")
    assert not token_list.with_name("watch list.clear.csv").exists()
    assert as_role(operator, "vault", "select * from vault.access") == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reason": " \n"}, "the reason is empty"),
        ({"column": "number"}, "has no column 'number'"),
        ({"purpose": "fun"}, "--purpose 'fun' is not one of service, marketing"),
        ({"channel": "fax"}, "--channel 'fax' is not one of"),
        ({"source": "absent.csv"}, "cannot be read: No such file"),
        ({"out": "watch list.csv"}, "is there already"),
        ({"out": "no/such/folder.csv"}, "is not a folder"),
    ],
)
def test_wrong_use__is_one_clear_line(
    arguments: dict[str, str], message: str, operator: Settings, token_list: Path
) -> None:
    folder = token_list.parent
    source = folder / arguments.get("source", token_list.name)
    out = folder / arguments["out"] if "out" in arguments else None
    with pytest.raises(TenureError, match=message):
        detokenise(
            operator, source, arguments.get("column", "msisdn_token"), arguments.get("reason", "calls"), out,
            arguments.get("purpose", "service"), arguments.get("channel", "call"),
        )  # fmt: skip
    assert as_role(operator, "vault", "select * from vault.access") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no header"),
        (b"\xff\xfe\x00", "is not CSV in UTF-8"),
        (b"msisdn_token,msisdn_token\n", "names a column twice"),
        (b"msisdn_token,note\nabc\n", "row 2 has 1 fields instead of 2"),
        (b"msisdn_token,msisdn\nabc,1\n", "has a column 'msisdn' already"),
    ],
)
def test_list_that_cannot_be_read__is_refused(
    content: bytes, message: str, warehouse: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(TenureError, match=message):
        detokenise(warehouse, path, "msisdn_token", "calls")
