"""Tables in schema `reference` that say what each model was built from and what it holds (macros/refresh.sql)."""

from __future__ import annotations

from tenure.db import connect
from tenure.settings import Settings

REFRESH_TABLES = """
create table if not exists reference.model_fingerprint (
    model_name text primary key,
    fingerprint text not null
);
create table if not exists reference.model_state (
    model_name text primary key,
    fingerprint text,
    as_of_date date,
    change_id bigint not null
);
create table if not exists reference.partition_version (
    producer text not null,
    partition_date date not null,
    row_count bigint not null,
    digest text not null,
    primary key (producer, partition_date)
);
create table if not exists reference.input_used (
    consumer text not null,
    producer text not null,
    partition_date date not null,
    version text not null,
    primary key (consumer, producer, partition_date)
);
create table if not exists reference.changed_interval (
    change_id bigint generated always as identity primary key,
    producer text not null,
    key_value text not null,
    from_at timestamptz not null,
    to_at timestamptz not null,
    is_first boolean not null
);
create table if not exists reference.interval_seen (
    producer text not null,
    key_value text not null,
    row_hash bigint not null,
    from_at timestamptz not null,
    to_at timestamptz not null,
    is_first boolean not null
);
-- What readers have: of a producer that is not published, what it held when the last version was.
create table if not exists reference.partition_accepted (
    producer text not null,
    partition_value text not null,
    row_count bigint not null,
    digest text not null,
    primary key (producer, partition_value)
);
create sequence if not exists reference.node_moment;
create table if not exists reference.node_state (
    unique_id text primary key,
    status text not null,
    begun bigint not null,
    ended bigint
);
-- The last build of each command, by what all of it was made from.
create table if not exists reference.build_attempt (
    command text primary key,
    signature text not null,
    first_moment bigint not null,
    is_ended boolean not null
);
-- Steps that no landed row goes into: what they were made from, and what they made (tenure/unchanged.py).
create table if not exists reference.node_settled (
    unique_id text primary key,
    signature text not null,
    content text not null
);
create table if not exists reference.partition_todo (
    consumer text not null,
    purpose text not null,
    partition_date date not null
);
create table if not exists reference.input_todo (
    consumer text not null,
    producer text not null,
    partition_date date not null,
    version text not null
);
create table if not exists reference.interval_todo (
    consumer text primary key,
    change_id bigint not null,
    as_of_date date
);
"""


def ensure_refresh_tables(settings: Settings) -> None:
    """Create what is missing. Running it again changes nothing."""
    with connect("transformer", settings=settings) as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('tenure refresh tables'))")
        connection.execute(REFRESH_TABLES)
