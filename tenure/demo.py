"""`make demo`: from nothing to live dashboards on a simulated operator.

Every step looks at what is already done, so an interrupted demo goes on where it stopped and a finished one changes
nothing. Whatever ends it early, everything it started is stopped.
"""

from __future__ import annotations

import calendar
import datetime as dt
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from tenure import orchestration, services, stack
from tenure.analyst import query
from tenure.errors import TenureError
from tenure.landing import load_status
from tenure.ports import is_port_free
from tenure.settings import Settings
from tenure.simulator import simulate
from tenure.status import published
from tenure.warehouse import prepare_warehouse

Say = Callable[[str], None]

START = "2025-08"
DIRTY_SHARE = 0.001
DASHBOARDS_SECONDS = 900.0


def run_demo(settings: Settings, say: Say) -> None:
    """Bring up the demo and print its summary. Raises TenureError with one line when a step fails."""
    started = time.monotonic()

    def progress(line: str) -> None:
        say(f"[{time.monotonic() - started:4.0f} s] {line}")

    with _stopping_all_on_failure(settings, progress):
        _bring_up(settings, progress)
        for line in _summary(settings, time.monotonic() - started):
            say(line)


@contextmanager
def _stopping_all_on_failure(settings: Settings, say: Say) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in services.ENDING_SIGNALS}
    try:
        yield
    except BaseException:
        # A second Ctrl-C must not leave processes behind.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        say("stopping what was started; `make demo` goes on from here")
        stack.down(settings, say)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _bring_up(settings: Settings, say: Say) -> None:
    first_day, last_day = business_dates(settings)
    _check_ports(settings)
    say("database: starting")
    prepare_warehouse(settings)
    dashboards = _dashboards_setup(settings)
    say(f"Superset: setting up beside the rest (log: {dashboards.log_path})")
    services.start(settings, dashboards, wait=False)
    say("Airflow: starting")
    stack.start_airflow(settings)
    _simulate(settings, say)
    stack.wait_for_airflow(settings)
    url, _user, _password = orchestration.login(settings)
    say(f"Airflow: ready at {url}")
    for day in (first_day, last_day):
        if orchestration.is_day_done(settings, day):
            say(f"business date {day}: already done")
        else:
            say(f"business date {day}: land, build, score, publish, refresh")
            orchestration.run_day(settings, day, say)
    say("Superset: waiting for its set-up to end")
    services.wait_end(settings, dashboards, DASHBOARDS_SECONDS)


def business_dates(settings: Settings) -> tuple[dt.date, dt.date]:
    """The demo's two business dates, today in the open month and the day before: a history at once, then a morning."""
    year, month = (int(part) for part in START.split("-"))
    year, month = divmod(year * 12 + month - 1 + settings.demo_months - 1, 12)
    month_end = dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1])
    last = month_end + dt.timedelta(days=settings.demo_days)
    return last - dt.timedelta(days=1), last


def _check_ports(settings: Settings) -> None:
    """Name a port that the operator fixed and somebody else holds; ports chosen by us are replaced instead."""
    running = stack.running(settings)
    for service, process in (("airflow", "airflow-api-server"), ("superset", "superset-web")):
        fixed: int | None = getattr(settings, f"{service}_port")
        if fixed is not None and process not in running and not is_port_free(fixed):
            raise TenureError(
                f"port {fixed} for {service.title()} is in use",
                hint=f"set TENURE_{service.upper()}_PORT to a free one, or leave it unset",
            )


def _dashboards_setup(settings: Settings) -> services.Service:
    return services.Service(
        name="superset-setup",
        argv=[sys.executable, "-m", "tenure", "prepare-dashboards"],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        log_path=settings.logs_dir / "superset-setup.log",
        ready=lambda: True,
        cwd=settings.root,
    )


def _simulate(settings: Settings, say: Say) -> None:
    wanted = {
        "subscriptions": settings.demo_subscriptions,
        "months": settings.demo_months,
        "days": settings.demo_days,
        "seed": settings.demo_seed,
        "start": START,
        "dirty": DIRTY_SHARE,
    }
    marker = settings.home / "demo.json"
    if settings.extracts_dir.exists():
        known = json.loads(marker.read_text()) if marker.exists() else None
        if known != wanted:
            raise TenureError(
                f"{settings.extracts_dir} holds extracts that this demo did not make",
                hint="set TENURE_HOME to a new folder, or run `make clean`",
            )
        say("simulated operator: already there")
        return
    say(f"simulated operator: {settings.demo_subscriptions} lines, {settings.demo_months} months")
    unfinished = settings.home / "extracts.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    summary = simulate(out=unfinished, **wanted)  # type: ignore[arg-type]
    # What the simulator knows is for tests of the models; it must not lie among the operator's files.
    truth = settings.home / "truth"
    shutil.rmtree(truth, ignore_errors=True)
    (unfinished / "truth").rename(truth)
    marker.write_text(json.dumps(wanted, indent=1))
    unfinished.rename(settings.extracts_dir)
    say(f"simulated operator: {summary}")


def _summary(settings: Settings, seconds: float) -> list[str]:
    from tenure import dashboards

    landed = load_status(settings)["totals"]
    kpis = _latest_kpis(settings)
    # One churn model for each plan type: churn_postpaid, churn_prepaid.
    measured = [
        f"AUC {_number(row['auc'], '{:.3f}')} out of time ({row['model_name'].removeprefix('churn_')})"
        for row in published(settings)["models"]
        if row["model_name"].startswith("churn_")
    ]
    airflow_url, airflow_user, airflow_password = orchestration.login(settings)
    superset_url, superset_user, superset_password = dashboards.login(settings)
    month, currency = kpis.pop("month"), kpis.pop("currency")
    return [
        "",
        f"Tenure is up ({seconds:.0f} s)",
        f"  rows        {landed['landed_count']:,} landed, {landed['rejected_count']:,} refused,"
        f" {landed['duplicate_count']:,} duplicates, of {landed['row_count']:,} in {landed['file_count']:,} files",
        f"  base        {_number(kpis.get('closing_base'), '{:,.0f}')} subscriptions at the end of {month}",
        f"  ARPU        {_number(kpis.get('arpu'), '{:,.2f}')} {currency}",
        f"  churn       {_number(kpis.get('churn_rate'), '{:.2%}')} of the opening base",
        f"  churn model {', '.join(measured) or 'none yet'}",
        f"  disk        {_disk(settings) / 2**20:,.0f} MB in {settings.home}",
        f"  dashboards  {superset_url}  user {superset_user}, password {superset_password}",
        f"  Airflow     {airflow_url}  user {airflow_user}, password {airflow_password}",
        '  SQL         .venv/bin/tenure sql "select * from kpi_monthly limit 5"',
        "  stop        make down",
    ]


def _latest_kpis(settings: Settings) -> dict[str, Any]:
    columns, rows = query(
        settings,
        """
        select kpi_code, max(month) as month, max(currency_code) as currency_code,
               sum(numerator) / coalesce(nullif(sum(denominator), 0), 1) as kpi_value
        from marts.kpi_monthly
        where month = (select max(month) from marts.kpi_monthly where not is_open_month)
        group by kpi_code
        """,
    )
    found = [dict(zip(columns, row, strict=True)) for row in rows]
    if not found:
        raise TenureError("the marts hold no complete month", hint="see `tenure status`")
    values: dict[str, Any] = {row["kpi_code"]: row["kpi_value"] for row in found}
    values["month"] = f"{found[0]['month']:%B %Y}"
    values["currency"] = next((row["currency_code"] for row in found if row["currency_code"]), "")
    return values


def _number(value: Any, form: str) -> str:
    return "not known" if value is None else form.format(value)


def _disk(settings: Settings) -> int:
    folders: list[Path] = [settings.home]
    total = 0
    while folders:
        try:
            entries = list(folders.pop().iterdir())
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                folders.append(entry)
            else:
                total += entry.lstat().st_blocks * 512 if entry.exists() else 0
    return total
