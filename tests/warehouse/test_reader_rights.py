"""What each reader may do with the warehouse: what the files say, as the catalog shows it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tenure.database.logins import read_roles, regional_logins
from tenure.database.rights import REGIONAL, read_rights, rights_on
from tenure.settings import ROOT, Settings
from tenure.transform import marts
from tenure.warehouse import mart_digests, prepare_warehouse, publish
from tests.warehouse.write_statements import WRITE_STATEMENTS

LOGINS = regional_logins(ROOT)
READERS = ("dashboard", "analyst", "retention", *LOGINS)
OWN, OTHER = "region_guangdong", "JS-NJ"
COLUMNS = """
select n.nspname || '.' || c.relname, a.attname, has_schema_privilege(%(role)s, n.oid, 'usage')
    and has_column_privilege(%(role)s, c.oid, a.attnum, 'select')
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
WRITABLE = """
select n.nspname || '.' || c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and case when c.relkind = 'S' then has_sequence_privilege(%(role)s, c.oid, 'usage, update')
        else has_table_privilege(%(role)s, c.oid, 'insert, update, delete, truncate, references, trigger')
            or has_any_column_privilege(%(role)s, c.oid, 'insert, update, references') end
"""
# How a view or a function would let somebody read as its owner.
AS_THEIR_OWNER = """
select c.relname from pg_class as c where c.relnamespace = 'marts'::regnamespace and c.relkind in ('v', 'm')
    and not coalesce(c.reloptions::text like '%%security_invoker=true%%', false)
union all
select p.proname from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""


@pytest.fixture(scope="module")
def settings(built_warehouse: Any) -> Settings:
    found: Settings = built_warehouse.settings
    return found


@pytest.fixture(scope="module")
def columns(settings: Settings) -> dict[str, list[str]]:
    """Columns by published table, in their order."""
    with psycopg.connect(settings.url("owner")) as connection:
        rows = connection.execute(
            "select table_name, array_agg(column_name::text order by ordinal_position)"
            " from information_schema.columns where table_schema = 'marts' group by 1"
        )
        return dict(rows.fetchall())


@pytest.fixture
def regional(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.url(OWN), autocommit=True) as connection:
        yield connection


def rows_of(connection: psycopg.Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


@pytest.mark.parametrize("login", READERS)
def test_catalog__shows_the_rights_of_the_file(settings: Settings, columns: dict[str, list[str]], login: str) -> None:
    reader = REGIONAL if login in LOGINS else f"tenure_{login}"
    declared = {
        (f"marts.{mart}", column)
        for mart, names in columns.items()
        if (right := rights_on(mart, names).get(reader))
        for column in right.columns
    }
    if login in LOGINS:
        declared |= {("rights.region_scope", "login_name"), ("rights.region_scope", "region_id")}
    with psycopg.connect(settings.url("owner")) as connection:
        role = {"role": f"tenure_{login}"}
        shown = {(table, column) for table, column, may in connection.execute(COLUMNS, role).fetchall() if may}
        assert shown == declared
        assert connection.execute(WRITABLE, role).fetchall() == []
        memberships = {
            (group, may_set)
            for group, may_set in connection.execute(
                "select roleid::regrole::text, set_option from pg_auth_members where member = %(role)s::regrole", role
            )
        }
    assert memberships == ({(REGIONAL, False)} if login in LOGINS else set())


def test_every_mart__has_row_rules_and_nothing_reads_as_its_owner(settings: Settings) -> None:
    with psycopg.connect(settings.url("owner")) as connection:
        assert (
            connection.execute(
                "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind = 'r'"
                " and not relrowsecurity"
            ).fetchall()
            == []
        )
        assert connection.execute(AS_THEIR_OWNER).fetchall() == []


def test_file_of_rights__names_only_marts_that_exist(columns: dict[str, list[str]]) -> None:
    declared = read_rights()
    regional = declared["regional"]
    named = {*declared["retention"], *declared["personal_columns"]}
    for kind in ("columns", "through", "shared"):
        named |= set(regional[kind])
    assert named <= set(columns)
    for mart, hidden in declared["personal_columns"].items():
        assert set(hidden) <= set(columns[mart])
    # A mart with a region is never given as a whole.
    assert not [mart for mart in regional["shared"] if any("region_id" in column for column in columns[mart])]


@pytest.mark.parametrize("login", sorted(LOGINS))
def test_regional_login__sees_its_regions_and_all_of_them(
    settings: Settings, columns: dict[str, list[str]], login: str
) -> None:
    with psycopg.connect(settings.url("analyst")) as everything, psycopg.connect(settings.url(login)) as own:
        conditions = " or ".join(f"{column} = '{value}'" for column, value in LOGINS[login])
        regions = {row[0] for row in rows_of(everything, f"select region_id from marts.dim_region where {conditions}")}
        assert regions
        of_regions = [mart for mart, names in columns.items() if "region_id" in names]
        assert len(of_regions) > 25
        for mart in of_regions:
            count = sql.SQL("select region_id, count(*) from marts.{} group by 1").format(sql.Identifier(mart))
            wanted = {region: rows for region, rows in everything.execute(count) if region in regions}
            assert dict(own.execute(count).fetchall()) == wanted, mart
        moved = (
            "select count(*) from marts.subscription_monthly where opening_region_id = any(%(mine)s)"
            " or closing_region_id = any(%(mine)s)"
        )
        mine = {"mine": list(regions)}
        seen = own.execute("select count(*) from marts.subscription_monthly").fetchone()
        assert seen == everything.execute(moved, mine).fetchone()
        through = (
            "select count(*) from marts.fct_churn_signal where subscription_id in"
            " (select subscription_id from marts.dim_subscription where is_current and region_id = any(%(mine)s))"
        )
        seen = own.execute("select count(*) from marts.fct_churn_signal").fetchone()
        assert seen == everything.execute(through, mine).fetchone()


def test_regional_login_without_a_known_region__sees_nothing(settings: Settings) -> None:
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("delete from rights.region_scope where login_name = %s", (f"tenure_{OWN}",))
    try:
        with psycopg.connect(settings.url(OWN)) as connection:
            assert rows_of(connection, "select * from marts.kpi_monthly") == []
            assert rows_of(connection, "select * from marts.dim_region") == []
    finally:
        prepare_warehouse(settings)
    with psycopg.connect(settings.url(OWN)) as connection:
        assert rows_of(connection, "select region_id from marts.dim_region limit 1") != []


LEAKS = (
    f"select * from marts.kpi_monthly where region_id = '{OTHER}'",
    f"select * from marts.dim_region where region_id = '{OTHER}'",
    f"select * from rights.region_scope where login_name <> 'tenure_{OWN}'",
    # A failing cast would tell the value if it were asked of rows that are not one's own.
    f"select cast(region_id as int) from marts.kpi_monthly where region_id = '{OTHER}'",
    f"select 1 / case when region_id = '{OTHER}' then 0 else 1 end from marts.kpi_monthly where region_id = '{OTHER}'",
    # The statistics of the planner hold the commonest values of every column.
    "select * from pg_stats where schemaname = 'marts' and tablename = 'kpi_monthly'",
    "select * from pg_stats_ext where schemaname = 'marts'",
    f"select query from pg_stat_activity where usename <> 'tenure_{OWN}' and query like '%marts%'",
)


@pytest.mark.parametrize("statement", LEAKS)
def test_regional_login__gets_no_row_of_others(regional: psycopg.Connection[Any], statement: str) -> None:
    assert rows_of(regional, statement) == []


DENIED = (
    "select * from marts.fct_revenue",
    "select * from marts.dim_account",
    "select * from marts.dim_customer",
    "select customer_name_token from marts.dim_customer",
    "select birth_year from marts.dim_customer",
    "select staff_name_token from marts.dim_staff",
    "select * from raw_crm.customer",
    "select * from vault.identity",
    "select * from build.kpi_monthly",
    "select * from pg_statistic",
    "select query_to_xml('select * from build.kpi_monthly', true, false, '')",
    "set session authorization tenure_region_jiangsu",
    "set role tenure_region_jiangsu",
    "set row_security = off; select * from marts.kpi_monthly",
)


@pytest.mark.parametrize("statement", DENIED)
def test_regional_login__is_denied(regional: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        regional.execute(statement)


def test_plan_and_errors__name_no_value_of_other_regions(regional: psycopg.Connection[Any], settings: Settings) -> None:
    plan = str(rows_of(regional, "explain (analyze, verbose) select * from marts.kpi_monthly where numerator > 0"))
    with psycopg.connect(settings.url("analyst")) as connection:
        others = {row[0] for row in rows_of(connection, "select region_id from marts.dim_region")}
    own = {row[0] for row in rows_of(regional, "select region_id from marts.dim_region")}
    assert not [region for region in others - own - {"unknown"} if region in plan]
    with pytest.raises(psycopg.errors.InvalidTextRepresentation) as failure:
        regional.execute("select cast(region_id as int) from marts.kpi_monthly")
    assert not [region for region in others - own if region in str(failure.value)]


@pytest.mark.parametrize("login", ["dashboard", "analyst", "retention", OWN])
def test_forty_statements__write_nothing(settings: Settings, login: str) -> None:
    assert len(WRITE_STATEMENTS) == 40
    before = mart_digests(settings)
    done = []
    with psycopg.connect(settings.url(login), autocommit=True) as connection:
        for is_writable in (False, True):
            connection.execute(f"set default_transaction_read_only = {'off' if is_writable else 'on'}")
            for statement in WRITE_STATEMENTS:
                try:
                    with connection.transaction():
                        connection.execute(statement)
                    done.append((is_writable, statement))
                except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
                    pass
    assert done == []
    assert mart_digests(settings) == before


def test_company_wide_readers__pay_nothing_for_the_rules(settings: Settings) -> None:
    with psycopg.connect(settings.url("dashboard")) as connection:
        plan = rows_of(connection, "explain select * from marts.kpi_monthly")
    assert len(plan) == 1
    assert plan[0][0].startswith("Seq Scan")


def test_publication__gives_a_replaced_mart_its_rules_again(settings: Settings) -> None:
    names = [mart.name for mart in marts(settings)]
    assert "competition_monthly" in names
    with psycopg.connect(settings.url("transformer")) as connection:
        connection.execute("drop table marts.competition_monthly")
    publish(settings)
    with psycopg.connect(settings.url(OWN)) as connection:
        seen = {row[0] for row in rows_of(connection, "select distinct region_id from marts.competition_monthly")}
        own = {row[0] for row in rows_of(connection, "select region_id from marts.dim_region")}
    assert seen and seen <= own


def test_login_that_the_file_names_no_more__cannot_log_in(settings: Settings) -> None:
    with psycopg.connect(settings.url("owner"), autocommit=True) as connection:
        connection.execute("create role tenure_region_gone login password 'still known'")
        connection.execute(sql.SQL("grant {} to tenure_region_gone").format(sql.Identifier(REGIONAL)))
        prepare_warehouse(settings)
        found = connection.execute("select rolcanlogin from pg_roles where rolname = 'tenure_region_gone'").fetchone()
        connection.execute("drop role tenure_region_gone")
    assert found == (False,)


def test_roles_file__has_one_login_for_each_regional_manager() -> None:
    roles = read_roles(ROOT)
    assert {"dashboard", "retention", "analyst"} <= {role.login for role in roles}
    assert len(LOGINS) >= 2
