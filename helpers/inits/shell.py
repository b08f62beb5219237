"""What of a manifest goes into a shell script, so that it comes out as it went in.

Commands are always run with `exec`, which takes no word for a builtin or a keyword
(sh(1)).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

from helpers.errors import RenderError
from helpers.manifest.models import Service

__all__ = ["check_strings", "env_words", "exports", "join", "number", "quote", "variable"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Setting one of these would change how the script itself runs.
_OURS = frozenset({"IFS", "PATH", "PS1", "PS2", "PS4", "OPTIND", "PPID", "PWD", "OLDPWD", "ENV", "LINENO"})


def quote(word: str) -> str:
    """One word for sh: as it is where that is safe, otherwise in single quotes (`it'\\''s`)."""
    if shlex.quote(word) == word:
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def join(argv: Iterable[str]) -> str:
    """A command line for sh."""
    return " ".join(map(quote, argv))


def variable(name: str) -> bool:
    """Whether a script can set an environment variable of this name for its service with `export`."""
    return bool(_NAME.fullmatch(name)) and name not in _OURS


def exports(env: Mapping[str, str]) -> list[str]:
    """`export` lines for what sh can export; `env_words` has the rest."""
    return [f"export {name}={quote(value)}" for name, value in env.items() if variable(name)]


def env_words(service: Service, *, cwd: bool = True) -> list[str]:
    """The env(1) that changes the directory, and sets the variables sh cannot export (`app.mode`) or uses
    itself (`PATH`); nothing where there is nothing to do."""
    words = ["-C", service.cwd] if cwd and service.cwd is not None else []
    words += [f"{name}={value}" for name, value in service.env.items() if not variable(name)]
    return ["env", *words] if words else []


def number(value: float) -> str:
    """A number as sh(1), awk(1) and sleep(1) read it: no exponent, no needless zeros."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def check_strings(service: Service) -> None:
    """Raise `RenderError` for what no process can be given: a NUL in a word, a bad variable's name.

    execve(2) ends every word at its first NUL; environ(7) splits at the first `=`.
    """
    for field, argv in (("command", service.command), ("down", service.down)):
        for i, word in enumerate(argv):
            if "\0" in word:
                raise RenderError(
                    f"service {service.name}: {field}[{i}] holds a NUL character, which no argument can",
                    hint="write the bytes to a file and pass its path",
                )
        if argv and not argv[0]:
            raise RenderError(f"service {service.name}: {field}[0] is empty", hint="name the program to run")
    for name, value in service.env.items():
        if not name or "=" in name or "\0" in name + value:
            raise RenderError(
                f"service {service.name}: env has {name!r} = {value!r}; a name is not empty and has no '=', "
                "neither has a NUL",
                hint="rename the variable",
            )
