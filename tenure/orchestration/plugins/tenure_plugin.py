"""Tells Airflow about our schedule, without which it could not read it back from its database."""

from airflow.plugins_manager import AirflowPlugin

from tenure.orchestration.timetable import BusinessDayTimetable


class TenurePlugin(AirflowPlugin):
    """Everything that Airflow has to know of Tenure beyond the DAG files."""

    name = "tenure"
    timetables = [BusinessDayTimetable]  # noqa: RUF012 (Airflow's way of declaring it)
