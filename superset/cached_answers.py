"""A cached answer asks nothing of the warehouse.

Superset finds the answer in its cache, and then still opens a connection to the warehouse for the name of its default
schema, reads the statement of the dataset for its tables, and asks for the currency of the amounts. Here the tables of
a statement are kept by the process, and the currency lies in the cache beside the answers, under the same version of
the marts and the same login.
"""

from functools import lru_cache
from typing import Any

CURRENCY_PREFIX = "currency_"
# Superset tells no failure to ask from several currencies, or none: neither stays for long.
UNKNOWN_SECONDS = 300
# Some dozens of datasets, and what an administrator makes beside them.
STATEMENTS = 1000


def attach() -> None:
    """Put ours in the place of Superset's."""
    from superset.common import query_actions
    from superset.connectors.sqla.models import SqlaTable

    SqlaTable.get_extra_cache_keys = _with_kept_tables(SqlaTable.get_extra_cache_keys)
    query_actions.detect_currency = _kept(query_actions.detect_currency)


@lru_cache(maxsize=STATEMENTS)
def tables_of(statement: str, engine: str) -> frozenset[Any]:
    """The tables that a statement reads. Raises SupersetParseError when it is none."""
    from superset.sql.parse import SQLScript

    return frozenset(table for one in SQLScript(statement, engine=engine).statements for table in one.tables)


def _with_kept_tables(stock: Any) -> Any:
    """What of a dataset's answer depends on the rows that Superset itself shows to whoever asks."""

    def extra_cache_keys(dataset: Any, query: dict[str, Any]) -> list[Any]:
        from superset.exceptions import SupersetParseError
        from superset.utils.rls import get_predicates_for_table

        if not (dataset.is_virtual and dataset.sql and dataset.schema) or dataset.has_extra_cache_key_calls(query):
            return list(stock(dataset, query))
        database = dataset.database
        try:
            tables = tables_of(dataset.sql, database.db_engine_spec.engine)
        except SupersetParseError:
            return list(stock(dataset, query))
        catalog = database.get_default_catalog()
        own = [table.qualify(catalog=dataset.catalog, schema=dataset.schema) for table in tables]
        return sorted({rule for table in own for rule in get_predicates_for_table(table, database, catalog)})

    return extra_cache_keys


def _kept(stock: Any) -> Any:
    """The one currency of what a query asks for, or None, from the cache if it is there."""

    def detect_currency(datasource: Any, **query: Any) -> str | None:
        from superset.extensions import cache_manager, security_manager
        from superset.utils.cache import generate_cache_key

        of = {
            "datasource": datasource.uid,
            "changed_on": datasource.changed_on,
            "rls": security_manager.get_rls_cache_key(datasource),
            "extra_cache_keys": datasource.get_extra_cache_keys({}),
            **query,
        }
        key = generate_cache_key(of, CURRENCY_PREFIX)
        kept: dict[str, str | None] | None = cache_manager.data_cache.get(key)
        if kept is None:
            kept = {"currency": stock(datasource, **query)}
            lasts = {"timeout": UNKNOWN_SECONDS} if kept["currency"] is None else {}
            cache_manager.data_cache.set(key, kept, **lasts)
        return kept["currency"]

    return detect_currency
