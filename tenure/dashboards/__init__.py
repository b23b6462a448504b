"""Superset: its dashboards as files, put in place by one command and served on a local port."""

from tenure.dashboards.datasets import generate, stale_files
from tenure.dashboards.following import follow
from tenure.dashboards.provisioning import Provisioned, provision
from tenure.dashboards.publication import refresh
from tenure.dashboards.warming import start_warming
from tenure.dashboards.web import dashboard_url, login, superset_environment, superset_services

__all__ = [
    "Provisioned",
    "dashboard_url",
    "follow",
    "generate",
    "login",
    "provision",
    "refresh",
    "stale_files",
    "start_warming",
    "superset_environment",
    "superset_services",
]
