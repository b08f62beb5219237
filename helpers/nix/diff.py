"""What changed from one value to another, attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from helpers.nix.look import Seen, seen
from helpers.nix.show import joined, text

__all__ = ["Change", "Diff", "diff"]

_SIGNS = {"added": ("+", "#2e7d32"), "removed": ("-", "#c62828"), "changed": ("~", "#b26a00")}


@dataclass(frozen=True)
class Change:
    """One place where two values differ. `kind` is added, removed or changed; `before` and `after` are as
    `Seen`, None where there is none; `path` is written as in Nix, a position in a list in brackets."""

    kind: str
    path: str
    before: Seen | None
    after: Seen | None


class Diff:
    """The places where two values differ, in order; shown as a table. It is false where they are equal."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        if not self.changes:
            return "no difference"
        return "\n".join(f"{_SIGNS[c.kind][0]} {c.path or 'the value'}: {_words(c)}" for c in self.changes)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.changes:
            return "<div>no difference</div>"
        cell = "text-align:left;vertical-align:top;padding:2px 12px 2px 0;border:none;white-space:pre-wrap"
        rows = [
            f'<tr><td style="{cell};color:{_SIGNS[c.kind][1]};font-weight:600">'
            f"{_SIGNS[c.kind][0]} {c.kind}</td>"
            f'<td style="{cell}"><b>{escape(c.path or "the value")}</b></td>'
            f'<td style="{cell}">{"" if c.before is None else f"<del>{escape(text(c.before))}</del>"}</td>'
            f'<td style="{cell}">{"" if c.after is None else escape(text(c.after))}</td></tr>'
            for c in self.changes
        ]
        head = "".join(
            f'<th scope="col" style="{cell};font-weight:600">{word}</th>'
            for word in ("", "where", "before", "after")
        )
        return (
            '<table style="border-collapse:collapse;font-family:var(--jp-code-font-family,monospace)">'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        )


def _words(change: Change) -> str:
    return " → ".join(text(side) for side in (change.before, change.after) if side is not None)


def diff(before: Any, after: Any) -> Diff:
    """What changed from `before` to `after`: values of `eval` or of `helpers.infuse`, or what `look` saw.

    Attribute sets are compared name by name, lists of the same length element by element; other lists, where
    one begins with the other, by what was added or removed at the end, and else as a whole.
    """
    sides = (side if isinstance(side, Seen) else seen(side) for side in (before, after))
    return Diff(list(_changes("", *sides)))


def _changes(path: str, before: Seen, after: Seen) -> Iterator[Change]:
    old, new = before.parts, after.parts
    if before.kind != after.kind or old is None or new is None:
        if before.kind != after.kind or text(before) != text(after):
            yield Change("changed", path, before, after)
        return
    if before.kind == "list" and len(old) != len(new):
        a, b = ([text(part) for part in side.values()] for side in (old, new))
        if a != b[: len(a)] and b != a[: len(b)]:
            yield Change("changed", path, before, after)
            return
    for name in {**old, **new}:
        inner = joined(path, name, before.kind)
        if name not in new:
            yield Change("removed", inner, old[name], None)
        elif name not in old:
            yield Change("added", inner, None, new[name])
        else:
            yield from _changes(inner, old[name], new[name])
