"""The vault: personal values encrypted, who looked at them, and which new lookup means which old token.

It belongs to the owner, whom nobody works as. `tenure_vault` may read it and add to the record of accesses, but cannot
change that record; the loader may add identities without reading any, and read aliases, which hold no clear value.
"""

VAULT_TABLES = (
    "create schema if not exists vault",
    """
    create table if not exists vault.identity (
        token text primary key,
        kind text not null,
        ciphertext bytea not null,
        key_id text not null,
        first_load_id bigint not null,
        kept_at timestamptz not null default clock_timestamp()
    )
    """,
    "create index if not exists identity_key on vault.identity (key_id)",
    """
    create table if not exists vault.access (
        access_id bigint generated always as identity primary key,
        accessed_at timestamptz not null default clock_timestamp(),
        user_name text not null,
        reason text not null check (reason <> ''),
        purpose text not null,
        token text not null,
        was_found boolean not null,
        was_withheld boolean not null
    )
    """,
    """
    create table if not exists vault.alias (
        lookup text not null,
        key_id text not null,
        token text not null,
        primary key (lookup, key_id)
    )
    """,
    "revoke all on schema vault from public",
    "grant usage on schema vault to tenure_vault, tenure_loader",
    "grant select, insert, update, delete on vault.identity, vault.alias to tenure_vault",
    "grant select, insert on vault.access to tenure_vault",
    "grant insert on vault.identity to tenure_loader",
    "grant select on vault.alias to tenure_loader",
)
