"""`initlab rust`: what the course's crates are built with, made where this computer has none; and packs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add `rust`, `rust pack` and `rust use` to the command line."""
    room = typer.Typer(
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )
    room.callback()(_rust)
    room.command("pack")(_pack)
    room.command("use")(_use)
    app.add_typer(room, name="rust")


def _rust(context: typer.Context) -> None:
    """Say what crates are built with; without a cargo of this computer's, fetch Debian's (a network)."""
    if context.invoked_subcommand is not None:
        return
    from helpers.rust.toolchain import toolchain

    found = toolchain()
    where = found.root or "this computer's own"
    print(f"{found.version} ({where})")


_File = Annotated[Path, typer.Argument(metavar="FILE", help="the pack")]


def _pack(file: _File) -> None:
    """Build what the notebooks show and write it to FILE, for computers without Rust."""
    from helpers.rust import packs

    manifest = packs.write(file)
    names = sorted({program.name for entry in manifest.entries for program in entry.programs})
    print(f"{file}: {', '.join(names)}, for {manifest.machine}, by {manifest.rustc}")
    print(f"next, on a computer without Rust: initlab rust use {file.name}")


def _use(file: _File) -> None:
    """Verify a pack and take it into the cache: notebooks 06 and 07 of phase 3 then show what they show."""
    from helpers.rust import packs

    manifest = packs.use(file)
    print(f"{len(manifest.members)} programs, made by {manifest.rustc}, from the sources that lie here")
    print("next: notebook phase3/06-supervisor-rs; to compile something of your own: initlab rust")
