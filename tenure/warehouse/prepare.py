"""Making a server ready for landing, dbt and the models."""

from __future__ import annotations

from tenure.database import prepare_roles, start_database
from tenure.landing.schema import ensure_landing_tables
from tenure.protection.tables import ensure_protection_tables
from tenure.settings import Settings
from tenure.warehouse.reader_rights import ensure_reader_rights
from tenure.warehouse.refresh_tables import ensure_refresh_tables


def prepare_warehouse(settings: Settings) -> None:
    """Start the embedded server if it is ours to start; create missing roles, schemas, ledger and raw tables."""
    start_database(settings)
    prepare_roles(settings)
    ensure_landing_tables(settings)
    ensure_protection_tables(settings)
    ensure_refresh_tables(settings)
    ensure_reader_rights(settings)
