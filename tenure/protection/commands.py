"""The commands about personal data, for the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tenure.errors import TenureError
from tenure.settings import Settings, get_settings

keys_app = typer.Typer(no_args_is_help=True, help="The keys of the vault, the tokens and the archive.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(detokenise)
    app.command()(erase)
    app.command()(retention)
    app.command()(backup)
    app.command()(restore)
    app.add_typer(keys_app, name="keys")


def detokenise(
    file: Annotated[Path, typer.Argument(help="CSV with a column of tokens, e.g. of `tenure sql --csv`")],
    column: Annotated[str, typer.Option(help="the column of tokens, e.g. msisdn_token")],
    reason: Annotated[str, typer.Option(help="what the clear values are for; it goes on record")],
    out: Annotated[Path | None, typer.Option(help="the new file; by default FILE with the ending .clear.csv")] = None,
    purpose: Annotated[str, typer.Option(help="service, or marketing (leaves out who withdrew consent)")] = "service",
    channel: Annotated[str, typer.Option(help="of marketing: call, sms, app or email")] = "call",
) -> None:
    """Turn a list of tokens into a call list with clear values; every row goes on record."""
    from tenure.protection.call_list import detokenise as run

    done = run(get_settings(), file, column, reason, out, purpose, channel)
    print(
        f"{done.path}: {done.row_count} rows, {done.unknown_count} with a token that the vault does not have,"
        f" {done.withheld_count} left out because consent was withdrawn"
    )


@keys_app.command("rotate")
def keys_rotate(what: Annotated[str, typer.Argument(help="vault, token or archive")]) -> None:
    """Replace a key: what the old one made moves to the new one; an interrupted call is gone on with."""
    from tenure.protection.keys import rotate

    done = rotate(get_settings(), what)
    print(f"{done.name}: {done.moved_count} moved to the new key")
    if not done.is_promoted:
        variable = f"TENURE_SECRET_{done.name.upper()}"
        print(
            f"now, before anything is landed, set {variable} to the value of {variable}_NEXT and remove {variable}_NEXT"
        )


def erase(
    customer_id: Annotated[str, typer.Argument(help="the operator's id of the customer")],
    no_build: Annotated[bool, typer.Option("--no-build", help="leave the marts to the next full build")] = False,
) -> None:
    """Erase a customer: nothing of the person is left, the sums stay, and no old file brings anything back."""
    from tenure.protection.erasure import erase as run
    from tenure.protection.rebuild import rebuild_marts
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    prepare_warehouse(settings)
    done = run(settings, customer_id, None if no_build else lambda: rebuild_marts(settings))
    print(f"erasure {done.erasure_id}{'' if done.is_new else ' (the warehouse was done before)'}")
    for place, count in done.counts.items():
        print(f"  {place:<16} {count}")
    if not done.are_marts_rebuilt:
        print("the marts still show the customer until `tenure erase` is called again without --no-build")


def retention() -> None:
    """Remove what is older than each layer keeps it: archive, rejects, held rows, unused vault rows."""
    from tenure.protection.retention import apply_retention
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    prepare_warehouse(settings)
    done = apply_retention(settings)
    print(
        f"removed {done.archived_files} archived files, {done.rejects} refused rows, {done.held_rows} held rows,"
        f" {done.vault_rows} vault rows that nothing refers to"
    )


def backup(file: Annotated[Path, typer.Argument(help="a new file")]) -> None:
    """Write warehouse, archive, models and, under a passphrase, the secrets to one file."""
    from tenure.protection.backup import backup as run
    from tenure.warehouse import prepare_warehouse

    settings = get_settings()
    passphrase = _passphrase(settings, is_new=True)
    prepare_warehouse(settings)
    done = run(settings, file, passphrase)
    print(f"{done.path}: {done.size / 2**20:,.1f} MB, with {done.file_count} files of archive and models")


def restore(
    file: Annotated[Path, typer.Argument(help="a file of `tenure backup`")],
    tombstones: Annotated[Path | None, typer.Option(help="the newest tombstones.json, if the backup is older")] = None,
) -> None:
    """Bring a backup back into an empty server and an empty TENURE_HOME."""
    from tenure.protection.restore import restore as run

    settings = get_settings()
    done = run(settings, file, _passphrase(settings, is_new=False), tombstones)
    print(f"restored the backup of {done.made_at}, with {done.file_count} files of archive and models")
    if done.erased_again:
        print(f"{done.erased_again} customers were erased again: now run `tenure build --full-refresh`")


def _passphrase(settings: Settings, is_new: bool) -> str:
    if settings.backup_passphrase is not None:
        return settings.backup_passphrase.get_secret_value()
    if not sys.stdin.isatty():
        raise TenureError("there is no passphrase for the secrets", hint="set TENURE_BACKUP_PASSPHRASE", exit_code=2)
    return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new))
