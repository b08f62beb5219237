"""`initlab matrix`: the comparison matrix from a terminal."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from helpers.probes.matrix import Matrix

__all__ = ["add_to", "matrix"]

_OUTPUT = "initlab-matrix"


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(matrix)


def matrix(
    init: Annotated[list[str] | None, typer.Option(help="an init; may be given again. Default: all")] = None,
    runs: Annotated[int, typer.Option(help="how often each init is booted and measured", min=1)] = 5,
    engine: Annotated[str | None, typer.Option(help="embedded or docker; default: what runs here")] = None,
    output: Annotated[Path | None, typer.Option(help="the folder for matrix.html, .csv, .json, .png")] = None,
    stack: Annotated[str, typer.Option(help="a stack (a folder of labs/stacks) or a manifest file")] = "web",
    rest: Annotated[float | None, typer.Option(help="seconds at rest that are watched in each run")] = None,
) -> None:
    """Boot one stack under every init, measure it, and compare.

    Exit status: 0 every init that can run here was measured in every run; 1 one was not, and its row
    says why; 130 ended by Ctrl-C, with what was measured so far saved.
    """
    from helpers.probes.matrix_rounds import Rounds

    folder = output or _default_folder()
    rounds = Rounds(init or None, stack=stack, runs=runs, rest=rest, engine=engine)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # kept and saved, as with Ctrl-C
    print(_plan(rounds.matrix), file=sys.stderr, flush=True)
    measured = rounds.measure(kept=lambda so_far: _keep(so_far, folder))
    files = measured.save(folder)
    _print(measured)
    for path in files.values():
        print(f"saved {path}")
    if measured.stopped:
        raise typer.Exit(130)
    if not measured.complete:
        raise typer.Exit(1)


def _default_folder() -> Path:
    """The learner's portfolio where there is a workspace, so that the lessons find it."""
    from helpers.course.workspace import find

    workspace = find(fall_back=True)
    return Path(_OUTPUT) if workspace is None else workspace.root / "portfolio" / "phase0" / "matrix"


def _plan(matrix: Matrix) -> str:
    here = [row.title for row in matrix.rows if not row.absent]
    lines = [f"{matrix.stack} under {', '.join(here)}: {matrix.runs} runs each"]
    lines += [f"left out: {row.title}: {row.absent}" for row in matrix.rows if row.absent]
    if matrix.where.noisy:
        lines.append(matrix.where.noisy)
    return "\n".join(lines)


def _keep(matrix: Matrix, folder: Path) -> None:
    """After each round, should we be killed: the raw values."""
    from helpers.course.files import write_atomically

    write_atomically(folder / "matrix.json", matrix.to_json().encode())


def _print(matrix: Matrix) -> None:
    """Two tables with colours where a terminal has them; what must not be compared is dim."""
    from rich.console import Console

    from helpers.show.matrix import notes, rich_tables

    console = Console(highlight=False)
    table = matrix.table()
    for part in rich_tables(table):
        console.print(part)
    for note in notes(matrix, table.parts):
        console.print(note, markup=False)
    took = f"{time.strftime('%M:%S', time.gmtime(matrix.seconds))} minutes"
    for name, value in [*matrix.where.lines(), ("took", took)]:
        console.print(f"[dim]{name}:[/dim]", value, markup=True)
    print(flush=True)
