"""The recipe of CONTRIBUTING: an entity is one YAML and a staging model, and so is a source of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenure.settings import ROOT

VOUCHER = """\
version: 2

sources:
  - name: usage
    schema: raw_usage
    tables:
      - name: voucher
        description: Vouchers sold to be topped up later.
        config:
          meta:
            contract:
              primary_key: [voucher_id]
              cadence: daily
              delivery: event
              date_column: sold_at
              delimiter: "|"
              trailer: 'END\\|(?P<rows>[0-9]+)\\|(?P<amount>[0-9.]+)'
              time_zone: Asia/Shanghai
              null_values: ['\\N']
              unknown_columns: refuse
              control_totals: [amount]
              references:
                msisdn: crm.subscription.msisdn
        columns:
          - name: voucher_id
            description: Its number.
            config: {meta: {type: text, required: true}}
          - name: sold_at
            description: When it was sold.
            config: {meta: {type: timestamp, required: true}}
          - name: msisdn
            description: Who bought it; landed as a token only.
            config: {meta: {type: text, max_length: 20, personal: token}}
          - name: amount
            description: What it is worth.
            config: {meta: {type: numeric, currency: currency_code, required: true}}
          - name: currency_code
            description: ISO 4217 code of the currency.
            config: {meta: {type: text, max_length: 3, pattern: "[A-Z]{3}"}}
"""
STORE = """\
version: 2

sources:
  - name: retail
    schema: raw_retail
    description: The operator's shops.
    tables:
      - name: store
        description: One row per shop and change.
        config:
          meta:
            contract:
              primary_key: [store_id, effective_at]
              cadence: daily
              delivery: change
              date_column: effective_at
        columns:
          - name: store_id
            description: The operator's code of the shop.
            config: {meta: {type: text, required: true}}
          - name: effective_at
            description: Instant from which this row describes the shop.
            config: {meta: {type: timestamp, required: true}}
"""
BUILD = """\
from tenure.db import connect
from tenure.settings import get_settings
from tenure.transform import run_dbt
settings = get_settings()
run_dbt(settings, ["build", "--select", "stg_usage__voucher", "stg_retail__store"])
with connect("transformer", settings=settings) as connection:
    for row in connection.execute("select voucher_id, sold_on, amount::numeric(9, 2), length(msisdn_token) > 20"
                                  " from staging.stg_usage__voucher order by 1"):
        print(*row)
    for row in connection.execute("select store_id from staging.stg_retail__store"):
        print(*row)
"""


class Checkout:
    """A copy of the package, the dbt project and the dashboards (who may read what), with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self._home = folder / "home"
        unwanted = shutil.ignore_patterns("__pycache__", "target", "logs")
        for name in ("tenure", "dbt_project", "superset"):
            shutil.copytree(ROOT / name, self.root / name, ignore=unwanted)

    def write(self, path: str, text: str) -> None:
        """A file of the checkout."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Python in the checkout, whose package is the one that is imported."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**kept, "TENURE_HOME": str(self._home), "TENURE_ENV_FILE": os.devnull, "COLUMNS": "300"},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def tenure(self, *arguments: str) -> str:
        """What a command prints; it must end well."""
        done = self.python("-m", "tenure", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def checkout(test_base: Path) -> Iterator[Checkout]:
    """Outside pytest's private folder, because the database may run as another user."""
    folder = test_base / "new entity"
    folder.mkdir()
    found = Checkout(folder)
    yield found
    found.python("-m", "tenure", "down")
    shutil.rmtree(folder, ignore_errors=True)


def test_entity_and_source__are_a_yaml_and_a_staging_model_each(checkout: Checkout, tmp_path: Path) -> None:
    staging = "dbt_project/models/staging"
    checkout.write(f"{staging}/usage/_usage_voucher__sources.yml", VOUCHER)
    checkout.write(
        f"{staging}/usage/stg_usage__voucher.sql",
        "select voucher_id, msisdn_token, {{ local_date('sold_at') }} as sold_on, amount, currency_code\n"
        "from {{ source('usage', 'voucher') }}\n",
    )
    checkout.write(f"{staging}/retail/_retail__sources.yml", STORE)
    checkout.write(
        f"{staging}/retail/stg_retail__store.sql",
        "select store_id, effective_at from {{ source('retail', 'store') }}\n",
    )
    assert "2 contracts of 2 sources are sound" in checkout.tenure("contract", "check", "usage.voucher", "retail.store")
    assert "voucher_id|sold_at|msisdn|amount|currency_code" in checkout.tenure("contract", "show", "usage.voucher")

    (tmp_path / "usage.voucher").mkdir()
    (tmp_path / "usage.voucher" / "voucher_20260110.csv").write_text(
        "voucher_id|sold_at|msisdn|amount|currency_code\n"
        "V1|2026-01-10 00:30:00|13800138000|50.00|CNY\n"
        "V2|2026-01-10T23:30:00+08:00|\\N|100.50|CNY\n"
        "V3|2026-01-10 08:00:00|\\N|100.50|JPY\n"
        "END|3|251.00"
    )
    (tmp_path / "retail.store").mkdir()
    (tmp_path / "retail.store" / "store_20260110.jsonl").write_text(
        '{"store_id": "north-1", "effective_at": "2020-01-01T00:00:00Z"}\n'
    )
    assert "2 files landed (3 rows, 1 refused, 0 duplicates)" in checkout.tenure("land", str(tmp_path))
    done = checkout.python("-c", BUILD)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-3:] == [
        "V1 2026-01-10 50.00 True",
        "V2 2026-01-10 100.50 None",
        "north-1",
    ]
