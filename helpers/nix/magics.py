"""`%%nix`: a cell of Nix, evaluated by the real Nix and shown as a tree.

`%load_ext helpers.nix` in a notebook makes it known. Beside the cell lie our infuse.nix (`import
./infuse.nix { }`) and the files the line names.

    %%nix [NAME] [--file PATH]... [--diff NAME] [--timeout SECONDS]

NAME keeps the value as a Python variable, `--diff NAME` shows what changed from the value kept there.

`%%both`: the same expression by the real Nix and by `helpers.infuse` in Python (`helpers.nix.both`).

    %%both [NAME] [--version 2.4|2.6] [--timeout SECONDS]

NAME keeps what came out, a `Both`, and is what the cell is called in the learner's cheat sheet.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any, NoReturn

from helpers.errors import InitlabError

__all__ = ["INFUSE", "load_ipython_extension"]

INFUSE = Path(__file__).resolve().parents[2] / "labs" / "nix" / "infuse.nix"


_HINTS = {
    "%%nix": "%%nix [NAME] [--file PATH]... [--diff NAME] [--timeout SECONDS]",
    "%%both": "%%both [NAME] [--version 2.4] [--timeout SECONDS]",
}


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InitlabError(f"{self.prog}: {message}", hint=_HINTS.get(self.prog, ""))


def _words() -> _Words:
    words = _Words(prog="%%nix", add_help=False)
    words.add_argument("name", nargs="?")
    words.add_argument("--file", action="append", default=[])
    words.add_argument("--diff")
    words.add_argument("--timeout", type=float, default=10.0)
    return words


def _cell(shell: Any, line: str, cell: str) -> None:
    """Evaluate the cell and show it. Raises `InitlabError` for a line it cannot read or a file that is not
    there; what is wrong with the Nix is shown, not raised, and stays the value of NAME."""
    from IPython.display import display

    from helpers.nix.diff import diff
    from helpers.nix.look import look

    asked = _words().parse_args(shlex.split(line))
    if asked.name is not None and not asked.name.isidentifier():
        raise InitlabError(f"%%nix: {asked.name!r} is no name of a variable", hint="e.g. %%nix result")
    files = {"infuse.nix": INFUSE.read_text()}
    for path in asked.file:
        try:
            files[Path(path).name] = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise InitlabError(
                f"%%nix: {path} cannot be read: {error}", hint="paths begin at the notebook"
            ) from None
    before = None
    if asked.diff is not None:
        if asked.diff not in shell.user_ns:
            raise InitlabError(
                f"%%nix: there is no {asked.diff}", hint=f"%%nix {asked.diff} keeps a cell's value"
            )
        before = shell.user_ns[asked.diff]
    if not cell.strip():
        print("nothing to evaluate: a Nix expression goes below the line %%nix")
        return
    found = look(cell, files=files, timeout=asked.timeout)
    display(found)  # type: ignore[no-untyped-call]
    if before is not None and found.error is None:
        display(diff(before, found))  # type: ignore[no-untyped-call]
    if asked.name is not None:
        shell.user_ns[asked.name] = found if found.errors else found.plain()


def _both_words() -> _Words:
    words = _Words(prog="%%both", add_help=False)
    words.add_argument("name", nargs="?")
    words.add_argument("--version", choices=("2.4", "2.6"), default="2.4")
    words.add_argument("--timeout", type=float, default=10.0)
    return words


def _both_cell(shell: Any, line: str, cell: str) -> None:
    """Evaluate the cell twice and show both. Raises `InitlabError` for a line it cannot read; what is wrong
    with the expression is shown."""
    from IPython.display import display

    from helpers.nix.both import both, remember

    asked = _both_words().parse_args(shlex.split(line))
    if asked.name is not None and not asked.name.isidentifier():
        raise InitlabError(f"%%both: {asked.name!r} is no name of a variable", hint="e.g. %%both squared")
    if not cell.strip():
        print("nothing to evaluate: a Nix expression goes below the line %%both")
        return
    found = both(cell.strip("\n"), version=asked.version, timeout=asked.timeout)
    remember(found, asked.name or "")
    display(found)  # type: ignore[no-untyped-call]
    if asked.name is not None:
        shell.user_ns[asked.name] = found


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython for `%load_ext`."""

    def nix(line: str, cell: str) -> None:
        _cell(shell, line, cell)

    def both(line: str, cell: str) -> None:
        _both_cell(shell, line, cell)

    nix.__doc__ = both.__doc__ = __doc__
    shell.register_magic_function(nix, magic_kind="cell", magic_name="nix")
    shell.register_magic_function(both, magic_kind="cell", magic_name="both")
