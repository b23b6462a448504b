"""Airflow as Tenure runs it: its settings, its processes, and one business day taken through it."""

from tenure.orchestration.day import DayResult, TaskTime, backfill, is_day_done, run_day
from tenure.orchestration.processes import (
    airflow_services,
    is_running,
    login,
    prepare_airflow,
    start_airflow,
    stop_airflow,
)

__all__ = [
    "DayResult",
    "TaskTime",
    "airflow_services",
    "backfill",
    "is_day_done",
    "is_running",
    "login",
    "prepare_airflow",
    "run_day",
    "start_airflow",
    "stop_airflow",
]
