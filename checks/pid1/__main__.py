"""`python -m checks.pid1 [--only NAME] [--save FOLDER] -- PROGRAM…`: judge a program as PID 1."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from checks.pid1 import STAGES, Cell, Command, judge
from helpers.errors import InitlabError
from helpers.filetree import FileTree


def main(words: list[str]) -> int:
    """Judge the program after `--`: 0 kept or different by contract, 1 something is not, 2 it was not run."""
    asked, _, program = (words, "", []) if "--" not in words else _split(words)
    parser = argparse.ArgumentParser(
        prog="python -m checks.pid1",
        usage="%(prog)s [OPTION]... -- PROGRAM [WORD]...",
        description="Judge PROGRAM WORD... as PID 1 of sandboxes; a COMMAND is put behind the words. "
        "PROGRAM is a path inside the lab image (/usr/bin/tini).",
        epilog=f"Subsets: {'; '.join(STAGES)}. Example: python -m checks.pid1 -- /usr/bin/tini --",
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="a behaviour (again for more) or a subset"
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="FILE", help="lay FILE into /opt/lab, executable"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write pid1.json, .csv, .html and .txt there"
    )
    parser.add_argument("--seed", type=int, help="repeat the random numbers of a run")
    options = parser.parse_args(asked)
    if not program:
        parser.error("no PROGRAM after --")

    def told(cell: Cell, done: int, total: int) -> None:
        print(f"{done}/{total} {cell.behaviour}: {cell.result}", file=sys.stderr, flush=True)

    only = options.only[0] if len(options.only) == 1 and options.only[0].startswith("stage") else options.only
    try:
        tree = FileTree()
        for name in options.file:
            tree.add(f"/opt/lab/{Path(name).name}", Path(name).read_bytes(), 0o755)
        table = judge(Command(tuple(program), tree), only=only, seed=options.seed, told=told)
        print(table)
        if options.save:
            table.save(options.save)
    except (InitlabError, ValueError, OSError) as error:
        print(f"checks.pid1: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if table.conforms else 1


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    """What stands before the first `--`, and what after it: the program may have one of its own."""
    at = words.index("--")
    return words[:at], "--", words[at + 1 :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
