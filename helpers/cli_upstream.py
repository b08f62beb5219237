"""`initlab upstream …`: the real infuse.nix and SixOS, at pinned revisions."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="upstream",
    help="The originals the course speaks of: infuse.nix and SixOS, at pinned revisions. Needs a network.",
    no_args_is_help=True,
)


@app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all where none is named.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Fetch what is there already, too.")] = False,
) -> None:
    """Fetch originals and check them against their pinned commits."""
    from helpers.nix.upstream import SOURCES, UpstreamError, source
    from helpers.nix.upstream import fetch as fetch_one

    failed: UpstreamError | None = None
    for wanted in [source(name) for name in names] if names else SOURCES:
        try:
            folder = fetch_one(wanted, again=again)
        except UpstreamError as error:
            typer.echo(f"{wanted.name}: {error.message}", err=True)
            failed = error
        else:
            typer.echo(f"{wanted.name}: {wanted.what} ({wanted.licence}) in {folder}")
    if failed is not None:
        raise UpstreamError("not every original is here", hint=failed.hint)
    typer.echo(
        "next: python -m pytest tests/infuse/test_upstream.py   (the conformance table on the originals)"
    )


@app.command(name="list")
def list_() -> None:
    """Show the originals, their commits, and which are here."""
    from rich.console import Console
    from rich.table import Table

    from helpers.nix.upstream import SOURCES, find

    table = Table(box=None)
    for title in ("original", "commit", "licence", "here"):
        table.add_column(title)
    for one in SOURCES:
        folder = find(one)
        table.add_row(one.what, one.commit[:12], one.licence, str(folder) if folder else "no")
    Console().print(table)
    typer.echo("fetch them with: initlab upstream fetch")
