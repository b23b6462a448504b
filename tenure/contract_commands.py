"""`tenure contract`: check the contracts, show one, and write the page for those who make the extracts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tenure.contract_pages import PAGE, as_json, page, problems, shown
from tenure.contracts import contract_of, load_contracts
from tenure.errors import TenureError
from tenure.settings import get_settings

contract_app = typer.Typer(no_args_is_help=True, help="The contracts of delivered files: check, show, docs.")


@contract_app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="only these, e.g. usage.topup")] = None,
) -> None:
    """Check the contracts; one line for each mistake, with its file, table and field."""
    root = get_settings().root
    found = problems(root, names or [])
    for problem in found:
        typer.echo(str(problem))
    if found:
        raise TenureError(f"{len(found)} mistakes in the contracts", hint="tenure/contracts.py explains every field")
    known = list(load_contracts(root).values())
    chosen = [contract for contract in known if not names or contract.name in names]
    sources = len({contract.source for contract in chosen})
    typer.echo(f"{len(chosen)} contracts of {sources} sources are sound")


@contract_app.command()
def show(
    name: Annotated[str, typer.Argument(help="<source>.<entity>, e.g. usage.topup")],
    is_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Print one contract: file names, columns, rules, and the header line of a file that obeys it."""
    contract = contract_of(get_settings().root, name)
    typer.echo(json.dumps(as_json(contract), ensure_ascii=False, indent=2) if is_json else shown(contract))


@contract_app.command()
def docs(
    out: Annotated[Path | None, typer.Option(help=f"the page to write; {PAGE} when left out")] = None,
) -> None:
    """Write the page that the operator's extract team builds its files from."""
    root = get_settings().root
    path = out or root / PAGE
    try:
        path.write_text(page(root), encoding="utf-8")
    except OSError as error:
        raise TenureError(f"cannot write {path}: {error.strerror}", exit_code=2) from None
    typer.echo(f"wrote {path}")
