"""The command line: every command is one call into the package."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tenure.contract_commands import contract_app
from tenure.errors import TenureError
from tenure.landing_commands import register as register_landing
from tenure.mail_commands import mail_app
from tenure.model_commands import register as register_models
from tenure.model_commands import run_models
from tenure.outages import noted_defect, of_exception
from tenure.protection.commands import register as register_protection
from tenure.settings import get_settings
from tenure.terminal import out, print_rows, say

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tenure: a customer-lifecycle warehouse for telecom operators.",
)
db_app = typer.Typer(no_args_is_help=True, help="The embedded database: start, stop, status, url.")
app.add_typer(db_app, name="db")
app.add_typer(contract_app, name="contract")
app.add_typer(mail_app, name="mail")
register_landing(app)
register_models(app)
register_protection(app)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise TenureError(f"{text!r} is not a date", hint="write it as 2026-01-31", exit_code=2) from None


@app.command()
def simulate(
    out_dir: Annotated[Path, typer.Option("--out", help="a new or empty folder")],
    subscriptions: Annotated[int, typer.Option(help="lines at the start")] = 4000,
    months: Annotated[int, typer.Option(help="closed months")] = 15,
    days: Annotated[int, typer.Option(help="daily files of the open month after them")] = 0,
    seed: Annotated[int, typer.Option(help="same seed, same files")] = 1,
    start: Annotated[str, typer.Option(help="first month, YYYY-MM")] = "2025-08",
    dirty: Annotated[float, typer.Option(help="share of rows made bad on purpose, at most 0.05")] = 0.0,
    late: Annotated[float, typer.Option(help="share of events delivered in a later file, at most 0.2")] = 0.0,
) -> None:
    """Write a simulated operator's extracts, and the truth behind them."""
    from tenure.simulator import simulate as run

    summary = run(out_dir, subscriptions, months, days, seed, start, dirty=dirty, late=late)
    say(str(summary))


@app.command()
def land(
    directory: Annotated[str, typer.Argument(help="folder of extracts, or s3://bucket/prefix")],
    mapping: Annotated[Path | None, typer.Option(help="mapping of files that differ from the contract")] = None,
    source: Annotated[str | None, typer.Option(help="only this source, e.g. billing")] = None,
    date: Annotated[str | None, typer.Option(help="only files up to this business date")] = None,
) -> None:
    """Land all files of a folder or a bucket that are not landed yet."""
    from tenure.landing import balance_sheet
    from tenure.landing import land as run
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    prepare_warehouse(settings)
    summary = run(settings, directory, mapping=mapping, source=source, up_to_date=_day(date) if date else None)
    for refusal in balance_sheet.refusals(summary):
        print(f"tenure: {refusal}", file=sys.stderr)
    for line in (*balance_sheet.notes(summary), *balance_sheet.text_of(balance_sheet.of_run(summary.files))):
        say(line)
    say(str(summary))
    if summary.is_refused:
        raise typer.Exit(1)


@app.command()
def build(
    full_refresh: Annotated[bool, typer.Option("--full-refresh", help="rebuild what dbt builds incrementally")] = False,
) -> None:
    """Build, score, test and publish the marts from what has landed; glossary and dashboards follow the definitions."""
    from tenure.dashboards import follow
    from tenure.orchestration.steps import build_models
    from tenure.warehouse import prepare_warehouse, publish

    settings = get_settings()
    prepare_warehouse(settings)
    build_models(["tag:base"], full_refresh=full_refresh)
    run_models("score")
    build_models(["tag:scored"], full_refresh=full_refresh)
    say(f"published {publish(settings)}")
    follow(settings, say)


@app.command()
def docs() -> None:
    """Write the documentation of all tables as one page to open in a browser."""
    from tenure.documentation import write_documentation

    say(f"open {write_documentation(get_settings())}")


@app.command()
def upgrade() -> None:
    """Move a warehouse with data from the layout of an earlier release to this one; interrupted, it resumes."""
    from tenure.warehouse.upgrade import upgrade as run

    count = run(get_settings(), say)
    say(f"{count} steps done; `tenure build` brings the marts up to date" if count else "nothing to upgrade")


@app.command()
def dashboards(
    generate: Annotated[bool, typer.Option("--generate", help="only rewrite the dataset files")] = False,
) -> None:
    """Install the dashboards as the files say, and start Superset."""
    from tenure.dashboards import generate as write_datasets
    from tenure.dashboards import login, provision, start_warming
    from tenure.stack import start_superset
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    if generate:
        for path in write_datasets(settings):
            say(f"changed {path.relative_to(settings.root)}")
        return
    prepare_warehouse(settings)
    provision(settings, say)
    start_superset(settings)
    start_warming(settings, say)
    say("Superset: {} (user {}, password {})".format(*login(settings)))


@app.command()
def run(date: Annotated[str, typer.Option(help="business date, YYYY-MM-DD")]) -> None:
    """Land, build, score, publish and refresh for a business date, through Airflow."""
    from tenure.orchestration import run_day
    from tenure.stack import start_airflow, wait_for_airflow
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    day = _day(date)
    prepare_warehouse(settings)
    start_airflow(settings)
    wait_for_airflow(settings)
    run_day(settings, day, say)


@app.command()
def backfill(
    date_from: Annotated[str, typer.Option("--from", help="first business date")],
    date_to: Annotated[str, typer.Option("--to", help="last business date")],
) -> None:
    """Run every business date of a range again, through Airflow."""
    from tenure.orchestration import backfill as run_range
    from tenure.stack import start_airflow, wait_for_airflow
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    first, last = _day(date_from), _day(date_to)
    if first > last:
        raise TenureError(f"--from {first} is after --to {last}", exit_code=2)
    prepare_warehouse(settings)
    start_airflow(settings)
    wait_for_airflow(settings)
    run_range(settings, first, last, say)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False) -> None:
    """Freshness, last loads with their balance, gaps, rejects by reason, models, what runs."""
    from tenure.status import gather, render

    found = gather(get_settings())
    if as_json:
        print(json.dumps(found, default=str, indent=1))
    else:
        render(found, out)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="one SELECT")],
    csv: Annotated[bool, typer.Option("--csv", help="comma-separated output")] = False,
) -> None:
    """Run one query on the marts, read-only, as the analyst role."""
    from tenure import analyst

    columns, rows = analyst.query(get_settings(), query)
    if csv:
        sys.stdout.write(analyst.to_csv(columns, rows))
    else:
        print_rows(columns, rows)


@app.command()
def digest(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    extracts: Annotated[Path | None, typer.Option(help="of the rows of this folder of extracts instead")] = None,
) -> None:
    """An order-free digest of every published mart."""
    if extracts is not None:
        from tenure.simulator.content import content_digests

        contents = content_digests(extracts)
        say(json.dumps(contents, indent=1) if as_json else "\n".join(f"{it}  {name}" for name, it in contents.items()))
        return
    from tenure.warehouse import mart_digests

    found = mart_digests(get_settings())
    if as_json:
        print(json.dumps({item.name: {"rows": item.row_count, "digest": item.digest} for item in found}, indent=1))
    else:
        for item in found:
            say(f"{item.digest}  {item.row_count:>9}  {item.name}")


@app.command()
def doctor() -> None:
    """What is missing on this machine and how to get it."""
    from tenure.doctor import examine

    findings = examine(get_settings())
    for finding in findings:
        mark = "ok" if finding.is_fine else ("MISSING" if finding.is_needed else "absent")
        say(f"{mark:<8} {finding.subject}: {finding.detail}")
    if any(finding.is_needed and not finding.is_fine for finding in findings):
        raise typer.Exit(1)


@app.command()
def up() -> None:
    """Start database, Airflow and Superset."""
    from tenure.orchestration import login as airflow_login
    from tenure.stack import up as start_all

    settings = get_settings()
    start_all(settings, lambda what: say(f"starting {what}"))
    say("Airflow: {} (user {}, password {})".format(*airflow_login(settings)))


@app.command()
def down() -> None:
    """Stop everything that was started from here."""
    from tenure.stack import down as stop_all

    if not stop_all(get_settings(), say):
        say("nothing was running")


@app.command()
def demo() -> None:
    """From nothing to live dashboards on a simulated operator."""
    from tenure.demo import run_demo

    run_demo(get_settings(), say)


@app.command("prepare-dashboards", hidden=True)
def prepare_dashboards() -> None:
    """Make Superset's environment, install the dashboards and start it: the demo runs this beside the pipeline."""
    from tenure.bootstrap import SetupFailed, ensure
    from tenure.dashboards import provision
    from tenure.stack import start_superset

    settings = get_settings()
    try:
        ensure("superset", say=say)
    except SetupFailed as failure:
        raise TenureError(str(failure)) from None
    provision(settings, say)
    start_superset(settings)


@app.command()
def home(every: Annotated[bool, typer.Option("--all", help="the folders outside it as well")] = False) -> None:
    """Where data, logs and extracts lie."""
    from tenure.database.unprivileged import shared_folder

    settings = get_settings()
    print(settings.home)
    if every:
        for folder in (shared_folder(settings.home), settings.postgres_dir):
            if folder is not None and folder.exists():
                print(folder)


@db_app.command("start")
def db_start() -> None:
    """Start the embedded server, with its roles and schemas."""
    from tenure.database import start_database
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    started = start_database(settings)
    prepare_warehouse(settings)
    where = f"127.0.0.1:{settings.port('postgres')}" if settings.is_embedded else "the server of TENURE_DATABASE_URL"
    say(f"{'started' if started else 'running'}: {where}")


@db_app.command("stop")
def db_stop() -> None:
    """Stop the embedded server."""
    from tenure.database import stop_database

    say("stopped" if stop_database(get_settings()) else "was not running")


@db_app.command("status")
def db_status() -> None:
    """Whether the embedded server runs; exit status 1 when it does not."""
    from tenure.database import EmbeddedPostgres

    settings = get_settings()
    if not settings.is_embedded:
        raise TenureError("the server of TENURE_DATABASE_URL is not ours to look after", exit_code=2)
    server = EmbeddedPostgres(settings)
    if not server.is_ready():
        say("not running")
        raise typer.Exit(1)
    say(f"running: 127.0.0.1:{settings.port('postgres')}, process {server.postmaster_pid()}, data {server.data}")


@db_app.command("url")
def db_url(
    role: Annotated[str, typer.Argument(help="owner, loader, transformer, scorer, dashboard, analyst")] = "analyst",
) -> None:
    """The connection URL of a role, with its password: for tools of your own."""
    try:
        print(get_settings().url(role))
    except ValueError as error:
        raise TenureError(str(error), exit_code=2) from None


def main() -> None:
    """Entry point: exit status 0 done, 1 refused, 2 wrong use; every error is one line."""
    # Memory that columns no longer need goes back at once; read when the libraries are loaded, which is later.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:2")
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Commands that land or report do no linear algebra, and idle threads of it spin.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        # Outside standalone mode `typer.Exit(1)` comes back as the returned value.
        code = app(standalone_mode=False)
        raise SystemExit(code if isinstance(code, int) else 0)
    except TenureError as error:
        print(f"tenure: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, typer.Abort):
        print("tenure: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            print(f"tenure: {error.format_message()} (see `tenure --help`)", file=sys.stderr)
            raise SystemExit(2) from None
        print(f"tenure: {of_exception(error) or noted_defect(error)}", file=sys.stderr)
        raise SystemExit(1) from None
