"""How infuse says what is wrong: the function that noticed, and the attribute path where."""

from __future__ import annotations

import re
from collections.abc import Iterable

from helpers.errors import InitlabError

__all__ = ["ROOT", "InfuseError", "show_path"]

ROOT = "<root attribute path>"
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_'-]*")


class InfuseError(InitlabError):
    """An infusion that cannot be applied.

    `func` is infuse.nix's function that noticed (`desugar`, `append`, …) and `path` the attribute path as
    Nix writes it (`a."b c".__init`); both are `None` for what Nix itself says: a failed `assert`, a type
    error, the missing-attribute-marker. `str()` is Nix's message without the leading `error: `.
    """

    def __init__(self, message: str, *, func: str | None = None, path: str | None = None) -> None:
        where = "" if func is None else f"infuse.{func}: at path {path}: "
        super().__init__(where + message)
        self.func = func
        self.path = path


def show_path(names: Iterable[str]) -> str:
    """An attribute path as nixpkgs' `lib.showAttrPath` writes it: odd names in quotes, the root in words."""
    return ".".join(map(_shown, names)) or ROOT


def _shown(name: str) -> str:
    if _IDENTIFIER.fullmatch(name):
        return name
    # builtins.toJSON of a string, and lib.escape [ "$" ] on top (lib.strings.escapeNixString).
    for old, new in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("$", "\\$")):
        name = name.replace(old, new)
    return f'"{name}"'
