"""`initlab pid1`: judge inits, or a program of your own, by the PID 1 suite."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from checks.pid1 import Cell
    from checks.pid1.subject import Subject

__all__ = ["add_to", "pid1"]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(pid1)


def pid1(
    who: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INIT]... | -- PROGRAM [WORD]...",
            help="inits by name (default: everyone here), or after -- the command line of a program: "
            "its path inside of the image, or of a --file",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="a behaviour (again for more), or a stage")
    ] = None,
    services: Annotated[
        bool, typer.Option(help="PROGRAM runs services: it gets the path of a manifest, not a command")
    ] = False,
    file: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="lay FILE into /opt/lab, executable")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print the table as JSON")] = False,
    save: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="write pid1.json, .csv, .html and .txt there")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="repeat the random numbers of a run")] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="name the inits and behaviours, and ask nothing")
    ] = False,
) -> None:
    """Run programs as PID 1 and tell what each does: who reaps, who passes signals on, who survives.

    \b
    initlab pid1 runit tini
    initlab pid1 --only reaps-adopted
    initlab pid1 -- /usr/bin/tini --
    initlab pid1 --services --file stage2.py -- /usr/bin/python3 /opt/lab/stage2.py

    Exit status: 0 all that was asked is kept or different by contract; 1 something is not; 2 called wrongly;
    130 ended by Ctrl-C: its labs are gone, nothing is saved.
    """
    from checks.pid1 import judge_all

    if list_:
        _list()
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cleaned up as after Ctrl-C
    try:
        asked = _subjects(who or [], services, file or [])
        names = only or []
        chosen: str | Sequence[str] = names[0] if len(names) == 1 and names[0].startswith("stage") else names
        table = judge_all(asked, only=chosen, seed=seed, told=_told)
    except ValueError as error:
        print(f"initlab pid1: {error}", file=sys.stderr)
        print("  next: initlab pid1 --list", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        print("\ninitlab pid1: stopped; its labs are gone", file=sys.stderr)
        raise typer.Exit(130) from None
    print(table.to_json() if json else table)
    if save is not None:
        for path in table.save(save).values():
            print(f"saved {path}", file=sys.stderr)
    if not table.conforms:
        raise typer.Exit(1)


def _subjects(who: list[str], services: bool, files: list[Path]) -> Sequence[Subject]:
    from checks.pid1 import Command, ReadsManifest, Services
    from checks.pid1 import everyone as place
    from helpers.filetree import FileTree

    if who and who[0].startswith("/"):
        tree = FileTree()
        for path in files:
            try:
                tree.add(f"/opt/lab/{path.name}", path.read_bytes(), 0o755)
            except OSError as error:
                raise ValueError(f"{path}: {error.strerror}") from None
        if services:
            return [Services(ReadsManifest(tuple(who), " ".join(who)), tree)]
        return [Command(tuple(who), tree)]
    if services or files:
        raise ValueError("--services and --file are for a PROGRAM after --, and its path begins with /")
    return place.subjects(*who) if who else place.everyone()


def _list() -> None:
    from checks.pid1 import everyone
    from checks.pid1.suites import service_suite, whole_suite

    print("inits:", *everyone.names(), sep="\n  ")
    for kind, suite in (("services", service_suite()), ("one command", whole_suite())):
        print(f"asked of inits that run {kind}:")
        width = max(len(behaviour.name) for behaviour in suite.behaviours)
        for behaviour in suite.behaviours:
            print(f"  {behaviour.name:<{width}}  {behaviour.asked}")


def _told(cell: Cell, done: int, total: int) -> None:
    """Where the run is: one line that is written over on a terminal, elsewhere a line now and then."""
    if sys.stderr.isatty():
        line = f"{done}/{total} {cell.init}: {cell.behaviour}: {cell.result}"
        print(f"\r\033[K{line[:100]}" if done < total else "\r\033[K", end="", file=sys.stderr, flush=True)
    elif done == total or done % 25 == 0:
        print(f"{done} of {total} asked", file=sys.stderr, flush=True)
