"""The five commands: which one runs is the name it was called by."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from s6rc import Failure, change, database, live, update


def main(argv: list[str]) -> int:
    """Returns the exit status: 0, or that of a `Failure`."""
    name = Path(argv[0]).name
    try:
        COMMANDS[name](argparse.ArgumentParser(prog=name, allow_abbrev=False), argv[1:])
        sys.stdout.flush()
    except Failure as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        if error.code == 2:
            os._exit(
                2
            )  # the threads that still wait for a transition are left to themselves, as s6-rc leaves them
        return error.code
    except OSError as error:
        print(f"{name}: {error.filename}: {error.strerror}", file=sys.stderr)
        return 111
    return 0


def compile_(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """s6-rc-compile: check service definitions and write a database."""
    parser.description = compile_.__doc__
    parser.add_argument("-v", type=int, default=1, metavar="VERBOSITY")
    parser.add_argument("compiled", type=Path, help="the database to write; it must not exist")
    parser.add_argument("source", type=Path, nargs="+", help="directories of service definition directories")
    options = parser.parse_args(argv)
    made = database.compile_sources(options.compiled, options.source)
    if options.v > 1:
        print(
            f"{options.compiled}: {len(made.services)} services, {len(made.bundles)} bundles", file=sys.stderr
        )


def init(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """s6-rc-init: make the live directory, with every service down, under a running s6-svscan."""
    _live_options(parser, init)
    parser.add_argument("-c", type=Path, default=Path("/etc/s6-rc/compiled"), metavar="COMPILED")
    parser.add_argument("-d", action="store_true", help="allow COMPILED to be a link")
    parser.add_argument("scandir", type=Path)
    options = parser.parse_args(argv)
    live.init(options.l, options.c, options.scandir, options.t)


def rc(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """s6-rc: list services, or bring them up or down."""
    _live_options(parser, rc)
    parser.add_argument("-a", action="store_true", help="add all services that are up to the names")
    parser.add_argument("-u", action="store_true", help="up (the default)")
    parser.add_argument("-d", action="store_true", help="down")
    parser.add_argument("-D", action="store_true", help="down, also services with flag-essential")
    parser.add_argument("-p", action="store_true", help="prune: and nothing else")
    parser.add_argument("-b", action="store_true", help="wait while another change goes on")
    parser.add_argument("-n", type=int, metavar="MS", help="dry run")
    parser.add_argument("command", choices=("list", "listall", "change", "diff"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(argv)
    go_up = not (options.d or options.D)
    with live.opened(options.l, options.command == "change", options.b) as state:
        db, up = state.database, state.up()
        selection = db.atomics(options.names) | (up if options.a else set())
        if options.command == "list":
            _print(selection if go_up else set(db.services) - selection)
        elif options.command == "listall":
            _print(db.closure(selection, reverse=not go_up))
        elif options.command == "diff":
            _print(f"{'-' if name in up else '+'} {name}" for name in up ^ state.really_up())
        else:
            down, start = change.plan(db, up, selection, go_up, options.p)
            held = sorted(n for n in down if db.services[n].essential)
            if held and not options.D:
                raise Failure(f"{', '.join(held)}: essential; -D brings it down", 1)
            end = time.monotonic() + options.t / 1000 if options.t else None
            change.run(state, down, False, end, options.v, options.n is not None)
            change.run(state, start, True, end, options.v, options.n is not None)


def update_(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """s6-rc-update: put a new database under the running services; what it does not change keeps running."""
    _live_options(parser, update_)
    parser.add_argument("-b", action="store_true", help="wait while another change goes on")
    parser.add_argument("-n", action="store_true", help="dry run: say what would be stopped and started")
    parser.add_argument("-f", type=Path, metavar="CONVFILE", help="lines `NAME restart`: also restart these")
    parser.add_argument("newdb", type=Path)
    options = parser.parse_args(argv)
    forced = set()
    for line in options.f.read_text().splitlines() if options.f else ():
        words = line.partition("#")[0].split()
        if words and words[1:] != ["restart"]:
            raise Failure(f"{options.f}: {line!r} is not `NAME restart`", 100)
        forced |= set(words[:1])
    end = time.monotonic() + options.t / 1000 if options.t else None
    with live.opened(options.l, True, options.b) as state:
        update.update(state, options.newdb, forced, end, options.v, options.n)


def db(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """s6-rc-db: print what a database holds."""
    parser.description = db.__doc__
    parser.add_argument("-l", type=Path, default=live.LIVE, metavar="LIVE")
    parser.add_argument("-c", type=Path, metavar="COMPILED", help="instead of the live one")
    parser.add_argument("-u", action="store_true")
    parser.add_argument("-d", action="store_true", help="the other way round: what depends on it")
    kinds = ("list", "type", "contents", "dependencies", "all-dependencies", "atomics", "diff")
    parser.add_argument("command", choices=kinds)
    parser.add_argument(
        "names", nargs="+", help="a service; for list: all, services, longruns, oneshots, bundles"
    )
    options = parser.parse_args(argv)
    found = database.load(options.c or options.l / "compiled")
    name, atomics = options.names[0], found.atomics
    if options.command == "list":
        lists = {
            "all": [*found.services, *found.bundles],
            "services": list(found.services),
            "longruns": [n for n, s in found.services.items() if s.kind == "longrun"],
            "oneshots": [n for n, s in found.services.items() if s.kind == "oneshot"],
            "bundles": list(found.bundles),
        }
        if name not in lists:
            raise Failure(f"list {name}: one of {', '.join(lists)}", 100)
        _print(lists[name])
    elif options.command == "type":
        print("bundle" if name in found.bundles else found.services[min(atomics([name]))].kind)
    elif options.command in ("atomics", "contents"):
        _print(atomics(options.names))
    elif options.command == "all-dependencies":
        _print(found.closure(atomics(options.names), options.d))
    elif options.command == "dependencies":
        edges = found.dependents() if options.d else {n: s.dependencies for n, s in found.services.items()}
        _print({need for atomic in atomics([name]) for need in edges[atomic]})
    else:
        difference = update.diff(found, database.load(Path(name)))
        _print(
            [
                f"{sign} {n}"
                for sign, names in zip("+-~", vars(difference).values(), strict=True)
                for n in names
            ]
        )


def _live_options(parser: argparse.ArgumentParser, command: Callable[..., None]) -> None:
    parser.description = command.__doc__
    parser.add_argument("-l", type=Path, default=live.LIVE, metavar="LIVE")
    parser.add_argument("-v", type=int, default=1, metavar="VERBOSITY", help="2: say what is done")
    parser.add_argument("-t", type=int, default=0, metavar="MS", help="give up after that long")


def _print(names: object) -> None:
    for name in sorted(names):  # type: ignore[call-overload]
        print(name)


COMMANDS = {
    "s6-rc-compile": compile_,
    "s6-rc-init": init,
    "s6-rc": rc,
    "s6-rc-update": update_,
    "s6-rc-db": db,
}
