"""The native files of an init, from the templates a learner can read in `labs/inits/<init>/`.

A template is the native file itself with places like `@{command}`. Everything else stays as it is, so
shell variables and `$@` need no escaping.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from helpers.errors import RenderError
from helpers.manifest.models import Service

__all__ = ["FOLDER", "fill", "title"]

FOLDER = Path(__file__).resolve().parents[2] / "labs" / "inits"

_PLACE = re.compile(r"^(?P<indent>[ \t]*)@\{(?P<block>[a-z_]+)\}\n|@\{(?P<word>[a-z_]+)\}", re.MULTILINE)


@cache
def _text(init: str, name: str) -> str:
    path = FOLDER / init / name
    try:
        return path.read_text()
    except OSError as error:
        raise RenderError(
            f"{init}: no template labs/inits/{init}/{name}: {error.strerror}",
            hint="install initlab from its checkout: pip install -e .",
        ) from None


def fill(init: str, name: str, /, **values: object) -> str:
    """The template `labs/inits/<init>/<name>` with its places filled.

    A list gives one line for each item, indented like its place. Where a place stands alone in a line
    and its value is empty, the line goes.
    """

    def filled(match: re.Match[str]) -> str:
        if match["word"] is not None:
            return str(values[match["word"]])
        value = values[match["block"]]
        lines = [value] if isinstance(value, str) else _lines(value)
        return "".join(f"{match['indent']}{line}\n" for line in lines if line)

    # One pass: what a value holds is never looked at for places again.
    return _PLACE.sub(filled, _text(init, name))


def _lines(value: object) -> Sequence[str]:
    if not isinstance(value, list):
        raise TypeError(f"a place alone in its line holds text or lines, not {type(value).__name__}")
    return value


def title(service: Service) -> str:
    """`name: description` for a comment: one line, whatever the description holds."""
    words = "".join(c if c.isprintable() else " " for c in service.description).split()
    return f"{service.name}: {' '.join(words)}" if words else service.name
