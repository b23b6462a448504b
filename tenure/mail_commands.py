"""`tenure mail ...`: alerts and reports by mail, for the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from tenure.errors import TenureError
from tenure.settings import get_settings
from tenure.terminal import print_rows, say

mail_app = typer.Typer(help="Alerts and reports by mail.", no_args_is_help=True)


@mail_app.command("list")
def list_mails() -> None:
    """Each alert and report: whether it is sent, when it was last looked at, and what it found."""
    from tenure.dashboards.mails import mail_schedules

    print_rows(*mail_schedules(get_settings()))


@mail_app.command()
def send(
    names: Annotated[list[str] | None, typer.Argument(help="of superset/reports.yaml; all active ones")] = None,
) -> None:
    """Look at alerts and send reports now, as at their time: an alert that finds nothing sends nothing."""
    from tenure.dashboards.mails import send_now

    failed = []
    for outcome in send_now(get_settings(), names or ()):
        say(f"{outcome.name}: {outcome.state}")
        if outcome.error:
            failed.append(f"{outcome.name}: {outcome.error}")
    if failed:
        raise TenureError(failed[0], hint=f"see {get_settings().logs_dir / 'superset-mails.log'}")
