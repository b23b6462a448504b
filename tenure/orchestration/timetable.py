"""The schedule of the landings. Imported by `dags/` and by Airflow's plugin only, because it imports Airflow."""

from __future__ import annotations

from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable


class BusinessDayTimetable(CronPartitionTimetable):
    """A cron schedule with a partition key a run, which a backfill does not disturb.

    Airflow (3.3.2) takes the newest run that is scheduled or backfilled as the last one of the schedule. After a
    backfill of old days the schedule then looks late, and Airflow starts last night's run at once, in the middle of
    the backfill. Here only scheduled runs count.
    """

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next scheduled run. A backfilled run is known by its time, which is that of its own partition."""
        if last_dagrun_info is not None and last_dagrun_info.run_after == last_dagrun_info.partition_date:
            last_dagrun_info = None
        return super().next_dagrun_info_v2(last_dagrun_info=last_dagrun_info, restriction=restriction)
