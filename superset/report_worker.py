"""Sends alerts and reports. Runs in Superset's own environment, with SUPERSET_SENDS_MAILS=1.

Without arguments it is Celery's worker and beat in one process, for a machine without Redis: it looks each minute at
what is due, until it is stopped. With `now NAME...` it runs these alerts and reports of superset/reports.yaml at once
and ends; its last line is `done JSON` with the state of each and the failure, if it failed.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from uuid import uuid4

from celery.beat import EmbeddedService
from superset.tasks.celery_app import app, flask_app


def keep_sending() -> None:
    """Work until a signal ends it. One thread for tasks, because a browser needs most of a small machine."""
    beat = EmbeddedService(app, thread=True, scheduler_cls="celery.beat:Scheduler")
    beat.start()
    app.Worker(pool="solo", loglevel="INFO", without_gossip=True, without_mingle=True, quiet=True).start()


def send_now(names: list[str]) -> dict[str, dict[str, str | None]]:
    """Run these alerts and reports. Returns name to `state` and `error`."""
    from superset.commands.report.execute import AsyncExecuteReportScheduleCommand
    from superset.extensions import db
    from superset.reports.models import ReportSchedule

    installed = {one.extra.get("tenure"): one for one in db.session.query(ReportSchedule).all()}
    outcome: dict[str, dict[str, str | None]] = {}
    for name in names:
        schedule, error = installed[name], None
        try:
            AsyncExecuteReportScheduleCommand(str(uuid4()), schedule.id, datetime.now(tz=UTC)).run()
        except Exception as failure:
            logging.getLogger("tenure.report_worker").exception("%s failed", name)
            error = str(failure)
        db.session.refresh(schedule)
        outcome[name] = {"state": schedule.last_state, "error": error}
    return outcome


if __name__ == "__main__":
    if sys.argv[1:2] == ["now"]:
        with flask_app.app_context():
            print("done " + json.dumps(send_now(sys.argv[2:])))
    else:
        keep_sending()
