"""The operator's source systems. Imports nothing, as DAG files are read over and over."""

SOURCES = ("crm", "billing", "usage", "care", "network", "marketing", "enterprise", "market", "finance")
