"""A KPI is changed in dbt, one command is run, and whoever reads the KPI reads the new one: nobody edits it twice."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
import yaml

from tenure.dashboards import login
from tenure.settings import ROOT, Settings
from tenure.transform import dbt_environment

METRICS = "dbt_project/models/marts/kpi/metrics.yml"
CHART = "superset/assets/charts/executive_overview/churn_rate_by_kind.yaml"
# What the operator makes of it: whoever left, under another name.
KPI = "voluntary_churn_rate"
LABEL, DEFINITION = (
    "Leavers' share",
    "Subscriptions that left for whatever reason, of those on the network at the opening.",
)
# By month, those at the opening who left of any kind, who left by request, and all.
COUNTED = """
select month, count(opening_churn_type), count(*) filter (where opening_churn_type = 'voluntary'), count(*)
from marts.subscription_monthly where is_opening group by month order by month
"""
Rates = dict[str, float]


class Checkout:
    """A copy of what a clone has, with its environments and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.home = folder / "home"
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        for name in (".venv", ".venv-superset"):
            (self.root / name).symlink_to(ROOT / name)
        self.settings = Settings(_env_file=None, home=self.home)

    def run(self, *command: str, folder: str = ".", **variables: str) -> str:
        """What a program prints when it is run in the checkout; it must end well."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        done = subprocess.run(
            command,
            cwd=self.root / folder,
            env={**kept, "TENURE_HOME": str(self.home), "TENURE_ENV_FILE": os.devnull, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def tenure(self, *arguments: str) -> str:
        """What a command of the copy prints."""
        return self.run(sys.executable, "-m", "tenure", *arguments)

    def change_the_kpi(self) -> None:
        """Edit the one place of its definition."""
        path = self.root / METRICS
        before = path.read_text(encoding="utf-8")
        start = before.index(f"  - name: {KPI}\n")
        end = before.index("  - name: ", start + 1)
        metric = yaml.safe_load(before[start:end])[0]
        assert metric["type_params"]["numerator"] == "opening_voluntary_churn"
        metric["type_params"]["numerator"] = "opening_churn"
        metric |= {"label": LABEL, "description": DEFINITION}
        entry = yaml.safe_dump([metric], allow_unicode=True, sort_keys=False)
        path.write_text(before[:start] + "".join(f"  {line}\n" for line in entry.splitlines()) + before[end:])

    def in_the_mart(self) -> Rates:
        """The KPI by month, as an analyst reads it."""
        query = (
            "select month, sum(numerator) / sum(denominator) from marts.kpi_monthly"
            f" where kpi_code = '{KPI}'"
            " group by month having sum(denominator) > 0"
        )
        return {str(month): float(rate) for month, rate in self.rows("analyst", query)}

    def in_metricflow(self) -> Rates:
        """What `mf` answers from the files of dbt."""
        target = self.root / "dbt_project" / "target"
        if not target.exists():
            target.symlink_to(self.home / "dbt" / "target")
        answer = self.home / "answer.csv"
        asked = ("--metrics", KPI, "--group-by", "metric_time__month", "--csv", str(answer))
        environment = dbt_environment(self.settings) | {"DBT_PROJECT_DIR": str(self.root / "dbt_project")}
        environment |= {"DBT_PROFILES_DIR": str(self.root / "dbt_project")}
        self.run(str(ROOT / ".venv" / "bin" / "mf"), "query", *asked, folder="dbt_project", **environment)
        with answer.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row[KPI]]
        return {row["metric_time__month"][:10]: float(row[KPI]) for row in rows}

    def rows(self, login: str, query: str) -> list[tuple[Any, ...]]:
        """The answer of this checkout's server."""
        with psycopg.connect(self.settings.url(login)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def checkout(test_base: Path) -> Iterator[Checkout]:
    """A built operator with its dashboards up."""
    folder = test_base / "one definition"
    folder.mkdir()
    found = Checkout(folder)
    operator = str(found.home / "operator")
    found.tenure("simulate", "--subscriptions", "150", "--months", "5", "--days", "3", "--seed", "5", "--out", operator)
    found.tenure("db", "start")
    found.tenure("land", operator)
    found.tenure("build")
    found.tenure("dashboards")
    yield found
    found.tenure("down")
    shutil.rmtree(folder, ignore_errors=True)


class Dashboard:
    """The executive overview as Superset's API gives it to somebody logged in."""

    def __init__(self, settings: Settings) -> None:
        url, user, password = login(settings)
        self.settings = settings
        self.base = url.split("/superset/")[0]
        self.session = requests.Session()
        answer = self.session.post(
            f"{self.base}/api/v1/security/login",
            json={"username": user, "password": password, "provider": "db"},
            timeout=120,
        )
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str) -> Any:
        answer = self.session.get(f"{self.base}/api/v1/{path}", timeout=120)
        assert answer.status_code == 200, answer.text[:300]
        return answer.json()["result"]

    def number(self, kind: str, uuid: str) -> int:
        with psycopg.connect(self.settings.url("superset")) as connection:
            row = connection.execute(f"select id from {kind} where uuid = %s", (uuid,)).fetchone()
        assert row is not None
        return int(row[0])

    def rates(self, chart: dict[str, Any]) -> Rates:
        """The KPI by month, as the chart draws it."""
        (result,) = self.get(f"chart/{self.number('slices', chart['uuid'])}/data/")
        return {
            f"{dt.datetime.fromtimestamp(row['month'] / 1000, dt.UTC):%Y-%m-%d}": row[KPI]
            for row in result["data"]
            if row[KPI] is not None
        }

    def label(self, chart: dict[str, Any]) -> tuple[str, str]:
        """What the chart calls the metric, and its definition there."""
        metrics = self.get(f"dataset/{self.number('tables', chart['dataset_uuid'])}")["metrics"]
        (found,) = [metric for metric in metrics if metric["metric_name"] == KPI]
        return found["verbose_name"], found["description"]

    def text(self) -> str:
        """All that stands on the page beside its charts."""
        position = json.loads(self.get("dashboard/executive-overview")["position_json"])
        return "\n".join(node["meta"]["code"] for key, node in position.items() if key.startswith("MARKDOWN"))


@pytest.mark.long
def test_a_change_in_dbt_reaches_every_reader_with_one_command(checkout: Checkout) -> None:
    counted = checkout.rows("dashboard", COUNTED)
    any_kind = {str(month): left / here for month, left, _, here in counted}
    by_request = {str(month): left / here for month, _, left, here in counted}
    assert any_kind != by_request
    full = [
        str(month)
        for (month,) in checkout.rows(
            "dashboard", "select distinct month from marts.kpi_reported where not is_open_month"
        )
    ]
    page, chart = Dashboard(checkout.settings), yaml.safe_load((checkout.root / CHART).read_text())
    glossary = checkout.root / "docs" / "glossary.md"

    def is_everywhere(rates: Rates) -> None:
        assert checkout.in_the_mart() == pytest.approx(rates)
        assert checkout.in_metricflow() == pytest.approx(rates)
        assert page.rates(chart) == pytest.approx({month: rates[month] for month in full if month in rates})

    is_everywhere(by_request)
    assert DEFINITION not in glossary.read_text() + page.text()

    checkout.change_the_kpi()
    said = checkout.tenure("build")

    assert "changed docs/glossary.md" in said and "changed superset/assets/datasets/kpi_trend.yaml" in said
    is_everywhere(any_kind)
    assert f"| {LABEL}" in glossary.read_text() and DEFINITION in glossary.read_text()
    assert page.label(chart) == (LABEL, DEFINITION)
    assert f"**{LABEL}** — {DEFINITION}" in page.text()
