"""`initlab doctor` and `initlab clean`: what this computer can do, and what was left on it."""

from __future__ import annotations

import typer

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Make the commands known."""
    app.command()(doctor)
    app.command()(clean)


def doctor() -> None:
    """Look at what this computer can run, and say what to do where it lacks something."""
    from helpers.doctor import doctor as look

    diagnosis = look()
    print(diagnosis)
    raise typer.Exit(0 if diagnosis.ok else 1)


def clean() -> None:
    """Remove what crashed labs left behind: processes, mounts, cgroups, containers."""
    from helpers.doctor import engines

    removed = [line for engine in engines() if engine.availability().ok for line in engine.sweep()]
    for line in removed:
        print(line)
    print(f"{len(removed)} removed" if removed else "nothing was left behind")
