"""The commands about personal data, for the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tenure.settings import get_settings

keys_app = typer.Typer(no_args_is_help=True, help="The keys of the vault, the tokens and the archive.")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(detokenise)
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
