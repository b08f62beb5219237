"""`initlab …`: the front door.

The one place, with its `cli_*.py` rooms, that may see `checks`. Everything is imported when a command needs
it: `initlab --help` answers at once.

Exit status: 0 done, passed; 1 the answer is no (a check that did not pass, a course that does not vet, a
computer that lacks something); 2 it could not be done, or was called wrongly; 3 a check could not decide as
our lab failed; 130 ended by Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from helpers import cli_course, cli_doctor, cli_matrix, cli_pid1, cli_rust
from helpers.errors import InitlabError

__all__ = ["app", "build", "main"]

_ROOMS = {
    "lab": ("helpers.cli_lab", "Boot a lab, look at those that run, enter one."),
    "image": ("helpers.cli_image", "Build, describe or remove the lab image."),
    "upstream": ("helpers.cli_upstream", "Fetch the real infuse.nix and SixOS (needs a network)."),
}
"""Groups of commands in modules of their own, imported only when one of them is called."""

_EPILOG = (
    "Exit status: 0 done or passed, 1 the answer is no, 2 could not be done or called wrongly, "
    "3 our lab failed, 130 ended by Ctrl-C."
)


def build(first: str | None = None) -> typer.Typer:
    """The command line; `first` is the word that was typed, whose room is opened."""
    made = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_top)
    cli_course.add_to(made)
    cli_doctor.add_to(made)
    cli_matrix.add_to(made)
    cli_pid1.add_to(made)
    cli_rust.add_to(made)
    for name, (module, text) in _ROOMS.items():
        if name == first and find_spec(module):
            made.add_typer(import_module(module).app, name=name, help=text)
        elif find_spec(module):
            made.add_typer(typer.Typer(), name=name, help=text)
    return made


def _print_version(wanted: bool) -> None:
    if wanted:
        from helpers.course.delivery import version

        print(f"initlab {version()}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit."),
    ] = False,
) -> None:
    """Learn init systems by running them. Begin with `initlab open`."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit. An InitlabError becomes its message and hint on standard error, and status
    2.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    first = next((word for word in arguments if not word.startswith("-")), None)
    try:
        try:
            build(first)(arguments, prog_name="initlab")
        finally:
            sys.stdout.flush()
    except InitlabError as error:
        print(f"initlab: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  next: {error.hint}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # `initlab progress | head`: nobody reads on
        # Python flushes standard output once more at its end, which must not fail (docs of `signal`,
        # SIGPIPE).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)


app = build()

if __name__ == "__main__":
    main()
