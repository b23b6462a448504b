"""The commands about personal data on the command line: what they print, and one clear line when used wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenure.landing import land
from tenure.settings import Settings
from tests.landing.deliveries import customer, deliver, query
from tests.protection.people import account, msisdn, subscription
from tests.unit.test_cli import run, the_line


def test_a_call_list_and_an_erasure__say_what_was_done(warehouse: Settings, tmp_path: Path) -> None:
    deliver(tmp_path, "crm.customer", [customer(n) for n in range(3)])
    deliver(tmp_path, "crm.account", [account(n) for n in range(3)])
    deliver(tmp_path, "crm.subscription", [subscription(n) for n in range(3)])
    land(warehouse, tmp_path)
    tokens = [token for (token,) in query(warehouse, "select msisdn_token from raw_crm.subscription order by 1")]
    path = tmp_path / "list.csv"
    path.write_text("\n".join(["msisdn_token", *tokens, ""]))
    listed = run("detokenise", str(path), "--column", "msisdn_token", "--reason", "calls", home=warehouse.home)
    assert listed.returncode == 0, listed.stderr
    assert "3 rows, 0 with a token that the vault does not have, 0 left out" in listed.stdout
    assert sorted((tmp_path / "list.clear.csv").read_text().split()) == sorted(["msisdn", *map(msisdn, range(3))])
    erased = run("erase", "C000001", "--no-build", home=warehouse.home)
    assert erased.returncode == 0, erased.stderr
    assert "vault_rows       4" in erased.stdout
    assert "the marts still show the customer" in erased.stdout
    assert "C000001" not in erased.stdout
    assert run("retention", home=warehouse.home).stdout.startswith("removed 0 archived files, 0 refused rows")
    rotated = run("keys", "rotate", "vault", home=warehouse.home)
    assert rotated.stdout == "vault_key: 8 moved to the new key\n"


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["erase", "C-nobody"], "there is no such customer in the warehouse", 1),
        (["keys", "rotate", "door"], "there is no key 'door'", 2),
        (["backup", "x.tar"], "there is no passphrase for the secrets (set TENURE_BACKUP_PASSPHRASE)", 2),
        (["detokenise", "absent.csv", "--column", "a", "--reason", "b"], "absent.csv cannot be read", 2),
        (["detokenise", "absent.csv", "--column", "a"], "--reason", 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_use__is_one_line(arguments: list[str], said: str, code: int, warehouse: Settings) -> None:
    done = run(*arguments, home=warehouse.home)
    assert said in the_line(done)
    assert done.returncode == code


def test_restore__needs_a_passphrase_and_an_empty_home(warehouse: Settings) -> None:
    done = run("restore", "x.tar", home=warehouse.home)
    assert "there is no passphrase" in the_line(done)
    done = run("restore", "x.tar", home=warehouse.home, TENURE_BACKUP_PASSPHRASE="a long passphrase")
    assert "is not empty: it has secrets.json" in the_line(done)
