"""Problems of a manifest: where each one is, what is wrong, what to write instead.

Everything that rejects a manifest collects `Problem`s and raises them together as one
`ManifestError`, so that a person mends a file once and not once per mistake.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from helpers.errors import ManifestError

__all__ = ["Loc", "Problem", "did_you_mean", "no_service", "path_text", "quoted", "raise_problems"]

Loc = tuple[str | int, ...]
"""Where in a manifest: keys and list indices from the top, `("services", 2, "depends_on", 0)`."""

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a manifest: where, and a sentence with its mend."""

    loc: Loc
    text: str

    def line(self, source: str) -> str:
        """`file: services[2].depends_on[0]: no service "pg"; did you mean "postgres"?`"""
        return ": ".join(part for part in (source, path_text(self.loc), self.text) if part)


def path_text(loc: Loc) -> str:
    """A location as TOML writes it: `services[2].env.PORT`, `files."/opt/lab/app.py"`."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE_KEY.fullmatch(step) else quoted(step))
    return text


def quoted(text: str) -> str:
    """Text in double quotes on one line, cut when very long."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return json.dumps(shown, ensure_ascii=False)


def did_you_mean(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`; did you mean "postgres"?`, or nothing when no known word is near.

    A word of which `word` is a shortening (`pg` for `postgres`, its letters in order) counts as
    near as well: people abbreviate more often than they misspell. `cutoff` is difflib's: 1 is equal.
    """
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1, cutoff=cutoff)
    if not near and len(word) >= 2:
        near = [w for w in words if w[:1] == word[:1] != "" and _letters_in_order(word, w)]
    return f"; did you mean {quoted(near[0])}?" if near and near[0] != word else ""


def _letters_in_order(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def no_service(name: str, known: Sequence[str]) -> str:
    """`no service "pg"; did you mean "postgres"?`, or the names there are when none is near."""
    near = did_you_mean(name, known)
    return f"no service {quoted(name)}" + (near or f"; there is {_listed(known)}")


def _listed(names: Sequence[str]) -> str:
    each = list(dict.fromkeys(names))
    shown = ", ".join(quoted(name) for name in each[:8])
    return shown + (f" and {len(each) - 8} more" if len(each) > 8 else "")


def raise_problems(problems: Iterable[Problem], source: str, hint: str = "") -> None:
    """Raise one `ManifestError` with a line for each problem, in the order of the file; else return.

    Where two problems have the same place the first is told: the second follows from it.
    """
    first: dict[Loc, Problem] = {}
    for problem in problems:
        first.setdefault(problem.loc, problem)
    if not first:
        return
    ordered = sorted(first.values(), key=lambda problem: _order_key(problem.loc))
    raise ManifestError(
        "\n".join(problem.line(source) for problem in ordered),
        hint=hint or f"correct {source} and load it again",
    )


def _order_key(loc: Loc) -> list[tuple[int, int, str]]:
    return [(0, step, "") if isinstance(step, int) else (1, 0, step) for step in loc]
