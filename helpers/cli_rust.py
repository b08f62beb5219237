"""`initlab rust`: what the course's crates are built with, made where this computer has none."""

from __future__ import annotations

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add `rust` to the command line."""
    app.command("rust")(_rust)


def _rust() -> None:
    """Say what crates are built with; without a cargo of this computer's, fetch Debian's (a network)."""
    from helpers.rust.toolchain import toolchain

    found = toolchain()
    where = found.root or "this computer's own"
    print(f"{found.version} ({where})")
