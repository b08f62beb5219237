"""One expression, evaluated twice: by the real Nix with our infuse.nix, and by `helpers.infuse` in Python.

>>> both("infuse { x = 3; } { x = x: x * x; }")     # doctest: +SKIP

Both values stand side by side, and whether they are equal; where not, what differs. In a notebook `%%both`
does the same with a cell. What a learner evaluated so is remembered in their workspace (`shown`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from helpers.nix.diff import Diff, diff
from helpers.nix.errors import NixError
from helpers.nix.look import Seen, look, seen
from helpers.nix.magics import INFUSE
from helpers.nix.places import Place
from helpers.nix.python import NoPython, evaluate, python_of
from helpers.nix.show import html, text

if TYPE_CHECKING:
    from helpers.course.workspace import Workspace

__all__ = ["Both", "both", "remember", "shown"]

_MARKER = "the missing-attribute-marker was forced"
_YOURS = "your.nix"
_NIX = (
    'builtins.scopedImport {{ infuse = (import ./infuse.nix {{ version = "{version}"; }}).v1.infuse; }} '
    "./{file}"
)
_SHOWN = "shown.jsonl"


@dataclass(frozen=True)
class Both:
    """An expression and what became of it: `nix` and `python` as `Seen`, `text` the expression in Python.

    `why_not` says what has no Python here; then `python` is None, and nothing is said of being equal.
    """

    expression: str
    nix: Seen
    python: Seen | None
    text: str = ""
    why_not: str = ""
    version: str = "2.4"

    @property
    def equal(self) -> bool:
        """Whether both give the same: the same value, errors at the same places, infuse's own in its words.

        What Nix and Python say of a fault of their own (a number added to a text) is worded differently, and
        counts as the same.
        """
        return self.python is not None and text(_alike(self.nix)) == text(_alike(self.python))

    @property
    def difference(self) -> Diff:
        """What differs from Nix's value to Python's."""
        return diff(self.nix, self.python if self.python is not None else self.nix)

    @property
    def verdict(self) -> str:
        """In one line."""
        if self.python is None:
            return f"Nix alone: {self.why_not}"
        if not self.equal:
            return "NOT equal"
        return "both fail, for the same reason" if self.nix.kind == "error" else "equal"

    def __str__(self) -> str:
        lines = [f"Nix     {self.expression.strip()}", f"     → {self.nix}"]
        if self.python is not None:
            lines += [f"Python  {self.text}", f"     → {self.python}"]
        lines.append(self.verdict)
        if self.python is not None and not self.equal:
            lines.append(str(self.difference))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        code = "margin:0 0 .4em;white-space:pre-wrap;opacity:.8"
        columns = [("real Nix", self.expression.strip(), self.nix)]
        if self.python is not None:
            columns.append(("Python", self.text, self.python))
        cells = "".join(
            f'<div style="flex:1 1 20em;min-width:0;overflow-wrap:anywhere"><b>{title}</b>'
            f'<pre style="{code}">{escape(source)}</pre>{html(value)}</div>'
            for title, source, value in columns
        )
        color = "#2e7d32" if self.equal else "#b26a00" if self.python is None else "#c62828"
        more = "" if self.python is None or self.equal else self.difference._repr_html_()
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{cells}</div>'
            f'<div style="color:{color};font-weight:600;margin-top:.3em">{escape(self.verdict)}</div>{more}'
        )


def _alike(value: Seen) -> Seen:
    """Without what Nix and Python word differently."""
    if value.parts is not None:
        # The missing-attribute-marker: Nix looks inside it, Python shows it as one.
        if value.kind == "list" and text(value) == f"[ [ <error: {_MARKER}> ] ]":
            return Seen("error", error=NixError("an error"))
        return Seen(value.kind, {name: _alike(part) for name, part in value.parts.items()})
    if value.error is None:
        return value
    said = value.error.said
    return Seen("error", error=NixError(said if said.startswith("infuse.") else "an error"))


def both(expression: str, *, version: str = "2.4", timeout: float = 10.0, place: Place | None = None) -> Both:
    """Evaluate a Nix expression, in which `infuse` is known, twice; `version` is infuse.nix's, 2.4 or 2.6.

    What is wrong with the expression is part of the result. Raises `EngineUnavailable` where Nix can be run
    nowhere.
    """
    files = {"infuse.nix": INFUSE.read_text(), _YOURS: expression + "\n"}
    called = _NIX.format(version=version, file=_YOURS)
    nix = look(called, files=files, timeout=timeout, place=place)
    try:
        python = python_of(expression)
    except NoPython as error:
        return Both(expression, nix, None, why_not=error.message, version=version)
    return Both(expression, nix, _in_python(python, version), python, version=version)


def _in_python(python: str, version: str) -> Seen:
    from helpers.infuse import infuse

    try:
        return seen(evaluate(python, lambda target, infusion: infuse(target, infusion, version=version)))
    except Exception as error:
        return Seen("error", error=NixError(_words(error)))


def _words(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "a recursion without an end (RecursionError)"
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error)


def remember(found: Both, name: str = "") -> None:
    """Add it to what the learner has seen, in their workspace; outside of one nothing is kept."""
    from helpers.course import workspace

    mine = workspace.find()
    if mine is None:
        return
    values: dict[str, Any] = {
        "name": name,
        "expression": found.expression.strip(),
        "python": found.text,
        "version": found.version,
        "result": "" if found.nix.errors else str(found.nix),
        "error": found.nix.errors[0][1].said if found.nix.errors else "",
        "equal": found.equal,
    }
    with (mine.state / _SHOWN).open("a", encoding="utf-8") as file:
        file.write(json.dumps(values) + "\n")


def shown(mine: Workspace | None = None) -> list[dict[str, Any]]:
    """What the learner evaluated with `%%both`, oldest first, an expression once, as it came out last.

    Each has the cell's `name` ("" where it has none), `expression`, `python`, infuse's `version`, `result` or
    `error`, and `equal`.
    """
    from helpers.course import workspace

    mine = mine or workspace.find()
    found: dict[str, dict[str, Any]] = {}
    if mine is not None and (mine.state / _SHOWN).exists():
        for line in (mine.state / _SHOWN).read_text(encoding="utf-8").splitlines():
            try:
                one = json.loads(line)
                key = one["expression"]
            except (ValueError, KeyError, TypeError):  # cut off when the disk was full, or written by hand
                continue
            found.pop(key, None)
            found[key] = one
    return list(found.values())
